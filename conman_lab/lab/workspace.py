"""Lab: what a notebook starts with, and what it ends with.

    lab = Lab("02-naive-runc")     the first cell
    lab.close()                    the last one prints what is left: nothing

All that is started through it is under one home and one cgroup.  A kernel may be killed
at any point; then nothing of Python's runs any more, no `finally` and no atexit, so the
next Lab of that name cleans first.
"""

import os
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from subprocess import TimeoutExpired
from typing import TYPE_CHECKING, ClassVar

from conman_lab.errors import LabError
from conman_lab.manager.manager import Manager
from conman_lab.naive import Naive
from conman_lab.names import check_name, make_private
from conman_lab.observe.recording import Recording, trace
from conman_lab.oci import Bundle, Runtime
from conman_lab.shim.launcher import Shim

from . import bundles
from .clean import clean
from .lock import Lock
from .predict import Prediction, predict
from .registry import Registry, check_root
from .started import Started, start

if TYPE_CHECKING:
    from .daemon import Daemon


class LabClosed(LabError):
    """The lab has been closed."""


class Lab:
    """A notebook's own corner of the machine: `home`, `runtime`, and the way out.

    NotPossible: no root, or a root that is not ours alone.
    LabTaken: another kernel has it.  The same one may ask again, and then begins anew:
    that is what `Run all` does the second time.
    """

    _open: ClassVar[dict[str, "Lab"]] = {}  # of this process, by name

    def __init__(self, name: str) -> None:
        self.name = check_name(name)
        if before := Lab._open.get(name):
            before.end()
        check_root()
        self.registry = Registry.of(name)
        self._started: list[Started] = []
        self._manager: Manager | None = None
        self._lock: Lock | None = Lock.take(self.registry.home)
        Lab._open[name] = self
        clean(self.registry)
        self._lock.sign()

    def __repr__(self) -> str:
        return f"{self}: {'ready' if self._lock else 'closed'}"

    def __str__(self) -> str:
        return f"lab {self.name}"

    @property
    def home(self) -> Path:
        """The directory that holds all of this lab.  LabClosed."""
        if self._lock is None or not self._lock.held:
            raise LabClosed(f"{self} is closed: run the first cell again")
        return self.registry.home

    @property
    def runtime(self) -> Runtime:
        """The OCI runtime, with its state in our home.  RuntimeMissing, LabClosed."""
        found = Runtime.find(home=self.home)
        return replace(found, cgroup_parent=self.registry.cgroup)

    @property
    def naive(self) -> Naive:
        """The shortest way to run a container."""
        return Naive(self.runtime)

    @property
    def shim(self) -> Shim:
        """The same, with somebody who stays."""
        return Shim(self.runtime)

    @property
    def manager(self) -> Manager:
        """Many of those, remembered; the same one until somebody closes it."""
        if self._manager is None or self._manager.closed:
            self._manager = Manager(self.home, self.runtime)
        return self._manager

    def conmand(self) -> "Daemon":
        """The same in a process of its own, which a notebook can kill."""
        from .daemon import Daemon  # noqa: PLC0415  # gRPC: clean and check do without

        return Daemon.begin(self)

    @property
    def pids(self) -> list[int]:
        """All living processes of the lab, the containers' included."""
        return [process.pid for process in self.registry.processes()]

    def bundle(self, name: str) -> Bundle:
        """A bundle of the course, with its root file system built."""
        return bundles.ready(name, self.home)

    def directory(self, name: str) -> Path:
        """An empty directory to play in; it goes when the lab goes."""
        return make_private(self.home / "scratch" / check_name(name))

    def start(self, *command: str) -> Started:
        """Start a process of the host's; it is noted before it runs, and ends with us.

        FileNotFoundError: there is no such program.
        """
        process = start([*command], self.home, self.registry.cgroup)
        self._started.append(process)
        return process

    def trace(self) -> AbstractContextManager[Recording]:
        """Record what happens in this lab, and to us: `with lab.trace() as t:`."""
        return trace(os.getpid(), self)

    def predict(self, question: str, guess: object, fact: object) -> Prediction:
        """Show what was guessed beside what was seen; nothing, before it was guessed."""
        return predict(question, guess, fact)

    def close(self) -> None:
        """End and remove all of it, look again, and print what is left."""
        self.end()
        left = self.registry.left()
        print("\n".join([f"left: {left}", *left.things()]))

    def end(self) -> None:
        """Remove it, if it is still ours: `clean --force` may have given it away."""
        if self._lock is None:
            return
        if self._manager:
            self._manager.close()  # or it would start again what we end
        if self._lock.held:
            clean(self.registry)
        for process in self._started:
            with suppress(TimeoutExpired):  # it resists; the registry will say so
                process.wait(1)
        self._lock.let_go()
        self._lock = None
        del Lab._open[self.name]
