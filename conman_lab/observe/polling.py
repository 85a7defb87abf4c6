"""The second best source: /proc, looked at again and again.

What lives for less than the time between two looks was never there, and when a thing
happened is known to that time only.  How a process ended is known if we see it as a
zombie, and are root: the last field of proc_pid_stat(5).
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from conman_lab.linux import Exit

from . import procfs
from .events import Kind, Words
from .messages import Message

EVERY = 0.02  # seconds; a look takes 2 ms with a hundred processes
EXIT_CODE = 49  # the index of field 52, the first two cut off


@dataclass(frozen=True)
class _Look:
    """One process at one look."""

    ppid: int
    comm: str
    words: Words
    started_at: float
    session: int
    exit: Exit | None  # a zombie's


class Poller:
    """Compares each look with the one before."""

    every: float | None = EVERY

    def __init__(self, why: str = "") -> None:
        self.source = f"polling /proc: {why}" if why else "polling /proc"
        self._before = _look()

    def fileno(self) -> int:
        """Nobody tells us when."""
        return -1

    def read(self) -> Iterator[Message]:
        """What is different now."""
        before, now, ns = self._before, _look(), time.monotonic_ns()
        self._before = now
        for pid, look in now.items():
            was = before.get(pid)
            if was and was.started_at != look.started_at:  # a successor
                yield Message(ns, Kind.EXIT, pid, was.ppid, exit=was.exit)
                was = None
            yield from _changes(ns, pid, was, look)
        for pid in before.keys() - now.keys():
            if before[pid].exit is None:  # or it was told when it was a zombie
                yield Message(ns, Kind.EXIT, pid, before[pid].ppid)

    begin = rest = read

    def close(self) -> None:
        """There is nothing to close."""


def _changes(ns: int, pid: int, was: _Look | None, now: _Look) -> Iterator[Message]:
    if was is None:
        yield Message(ns, Kind.FORK, pid, now.ppid)
    if now.exit:
        if was is None or was.exit is None:
            yield Message(ns, Kind.EXIT, pid, now.ppid, exit=now.exit)
        return
    if was and was.ppid != now.ppid:
        yield Message(ns, Kind.ADOPT, pid, now.ppid)
    if was and was.session != now.session:
        yield Message(ns, Kind.SESSION, pid)
    if was and not now.words:
        return  # in the middle of execve(2), or of its end: the next look will tell
    if was is None or was.words != now.words:
        yield Message(ns, Kind.EXEC, pid, name=now.comm, words=now.words)
    elif was.comm != now.comm:
        yield Message(ns, Kind.COMM, pid, name=now.comm)


def _look() -> dict[int, _Look]:
    """All of them, the older first: a parent is told of before its children."""
    processes = sorted(procfs.snapshot().values(), key=lambda one: one.started_at)
    return {process.pid: _as_look(process) for process in processes}


def _as_look(process: procfs.Process) -> _Look:
    zombie = process.state == procfs.ZOMBIE
    return _Look(
        process.ppid,
        process.comm,
        process.command,
        process.started_at,
        process.session,
        _exit_of(process.pid) if zombie else None,
    )


def _exit_of(pid: int) -> Exit:
    """How it ended; without a code and a signal if we may not know."""
    with suppress(OSError):
        if os.geteuid() in (0, os.stat(f"/proc/{pid}").st_uid):  # others read a 0
            stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
            return Exit.from_wait_status(
                int(stat.rpartition(")")[2].split()[EXIT_CODE])
            )
    return Exit()
