"""Where an experiment plays: one container, and two fifos to it.

    us                                   the container
     |------- create, start ------------>| sh -c SCRIPT
     |<------ /stage/word ---------------| that it has begun, or what it has to say
     |------- /stage/cue --------------->| it waits for us there

A container's output is what most experiments are about, so they cannot be run by it.
Hence the fifos, in a directory that is bound into the container.  We hold both for
reading and writing: so nobody waits in open(2) for the other side, fifo(7).

Whoever leaves the stage, by its end or by an exception, leaves it empty.
"""

import os
import select
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from conman_lab.checks import Broken, Evidence
from conman_lab.errors import LabError, NotPossible
from conman_lab.launcher import Launched, Launcher
from conman_lab.names import make_private
from conman_lab.oci import Bundle, rootfs

from .asking import in_words, steady, told
from .manager import Manager
from .scene import draw


class Stage:
    """A place for the container `id`, which is gone when the `with` block is left."""

    def __init__(self, launcher: Launcher, evidence: Evidence, id: str) -> None:
        self.launcher, self.id, self._evidence = launcher, id, evidence
        self.directory = launcher.home / f"stage-{id}"
        self.managed_by = os.getpid()
        self._place = launcher.home / "containers" / id

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            if not self._place.exists():  # or it is somebody else's container
                undo.callback(_remove, self._place)  # launchers can fail half way
            _remove(self.directory)  # somebody was killed here
            undo.callback(_remove, self.directory)
            self._cue, self._word = (self._fifo(undo, name) for name in ("cue", "word"))
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *failure: object) -> None:
        self._undo.close()

    # --- before

    def bundle(self, script: str) -> Bundle:
        """A shell that says a word, that it has begun, and then follows the script."""
        script = f"echo begun >/stage/word; {script}"
        bundle = Bundle.create(self.directory / "bundle", "sh", "-c", script)
        try:
            rootfs.build(bundle.rootfs)
        except NotPossible:
            bundle = rootfs.borrowed(bundle)
        return bundle.with_mount(self.directory / "fifos", "/stage")

    def manager(self) -> Manager:
        """Another process, to be a manager and to die."""
        manager = Manager()
        self._undo.callback(manager.die)
        self.managed_by = manager.pid
        return manager

    def create(self, play: str | Bundle, manager: Manager | None = None) -> Launched:
        """Create the container, from a script or a bundle; or let a manager do it."""
        bundle = self.bundle(play) if isinstance(play, str) else play
        task = (self.launcher, self.id, bundle.save().directory)
        try:
            container = manager.call(create, *task) if manager else create(*task)
        except (LabError, OSError) as error:
            self.look()
            raise Broken("a container", self.steady(in_words(error))) from error
        self._undo.callback(container.delete)
        return container

    # --- while it plays

    def start(self, container: Launched) -> None:
        """Start it, and wait until it has begun."""
        container.start()
        self.word()

    def cue(self) -> None:
        """Let the script go on that reads /stage/cue."""
        os.write(self._cue, b"go\n")

    def word(self, patience: float = 5.0) -> str:
        """What the script writes to /stage/word.  TimeoutError: nothing."""
        if not select.select([self._word], [], [], patience)[0]:
            raise TimeoutError(f"no word from the container in {patience:g} s")
        letters = iter(lambda: os.read(self._word, 1), b"\n")  # the next may be there
        return b"".join(letters).decode()

    def look(self, container: Launched | None = None, **others: int) -> None:
        """Put the processes as they are now into the evidence; others by their roles."""
        self._evidence.tree = draw(container, self.managed_by, others)

    def told(self, question: Callable[..., object], *args: object) -> str:
        """What the launcher answers, or its error, in words that are always the same."""
        return self.steady(told(question, *args))

    def steady(self, words: str) -> str:
        """The words without what differs from run to run."""
        return steady(words, self.launcher.home)

    # --- behind it

    def _fifo(self, undo: ExitStack, name: str) -> int:
        path = make_private(self.directory / "fifos") / name
        os.mkfifo(path)
        fd = os.open(path, os.O_RDWR)
        undo.callback(os.close, fd)
        return fd


def create(launcher: Launcher, id: str, bundle: Path) -> Launched:
    """[manager] As a function, to be called by another process."""
    return launcher.create(id, bundle)


def _remove(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
