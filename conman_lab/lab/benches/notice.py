"""The exit notice: from the kernel's exit of the container's process to the exit file.

We see both ends ourselves: a pidfd is readable when its process has ended,
pidfd_open(2), and inotify(7) tells when the exit file gets its name.  What it takes to
wake us is in both, and cancels out.

The container writes a line and ends.  That line has to be on the disk before the exit
may be told, and most of the time goes there.
"""

import os
import select
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path

from conman_lab import linux
from conman_lab.errors import LabError
from conman_lab.lab.workspace import Lab
from conman_lab.launcher import Launcher

from .contestants import Sizes, contestants, exit_file
from .gate import Gate
from .measure import Discipline, Sample

SCRIPT = "echo these are my last words; exit 7"

_numbers = count(1)


class NoNotice(LabError):
    """The container does not end, or nobody tells that it has."""


def disciplines(lab: Lab, sizes: Sizes) -> list[Discipline]:
    """Two: the log is on the disk before the exit is told, or in the page cache."""
    gate = Gate(lab.directory("notice"))
    run = partial(notice, gate, gate.bundle(lab.bundle("exiter"), SCRIPT))
    kinds = {"log on disk": True, "log in cache": False}
    return [
        Discipline("notice", name, contestants(lab, durable), run, sizes.runs or 30)
        for name, durable in kinds.items()
    ]


def notice(gate: Gate, bundle: Path, launcher: Launcher) -> Sample:
    """Run one container, and time its end."""
    with ExitStack() as stack:
        container = launcher.create(f"notice-{next(_numbers)}", bundle)
        stack.callback(container.delete)
        end = Ending(container.pid, exit_file(launcher, container.id))
        stack.callback(end.close)
        container.start()
        gate.wait()
        stack.enter_context(ahead_of_all())
        gate.open()
        exited_at = end.exited_at()
        return {"ms": (end.told_at() - exited_at) * 1000}


class Ending:
    """Watches a process and its exit file, from before the one ends."""

    def __init__(self, pid: int, file: Path) -> None:
        self._file = file
        self._process = os.pidfd_open(pid)
        self._news = linux.watch_directory(str(file.parent))

    def exited_at(self) -> float:
        """When the process ended, by perf_counter."""
        return _ready_at(self._process)

    def told_at(self) -> float:
        """When the exit file was there."""
        while True:
            at = _ready_at(self._news)
            os.read(self._news, 4096)  # first: what comes after the look is news again
            if self._file.exists():
                return at

    def close(self) -> None:
        """Look no more."""
        os.close(self._process)
        os.close(self._news)


@contextmanager
def ahead_of_all() -> Iterator[None]:
    """Get a processor as soon as we are woken; sched(7).

    On a busy machine we would otherwise see the exit after it was told.
    """
    with suppress(PermissionError):  # some containers may not: then it is noisier
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def _ready_at(fd: int, timeout: float = 10.0) -> float:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    ready = poll.poll(timeout * 1000)
    at = time.perf_counter()
    if not ready:
        raise NoNotice(f"nothing was heard of the container's end in {timeout:g} s")
    return at
