"""One manager has a root: flock(2) on a file in it.

The lock is the kernel's and goes with its holder, by SIGKILL, too: one that is held is
held by somebody alive.  The file says who, as an Identity.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from conman_lab.errors import WrongState
from conman_lab.identity import Identity
from conman_lab.names import make_private


class RootTaken(WrongState):
    """Another manager keeps the containers of this root."""


def take(root: Path) -> int:
    """A descriptor that holds the lock until it is closed.  RootTaken."""
    file = make_private(root) / "manager.lock"
    fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:  # EWOULDBLOCK: it is held
        os.close(fd)
        raise RootTaken(_taken(root, file)) from None
    with suppress(OSError):  # ENOSPC: who is to make room must be able to begin
        _sign(fd)
    return fd


def give_back(fd: int) -> None:
    """Somebody else may have it."""
    os.close(fd)


def _sign(fd: int) -> None:
    """Written first and cut second: that takes no room on a disk where it was before."""
    text = str(Identity.of(os.getpid())).encode()
    os.pwrite(fd, text, 0)
    os.ftruncate(fd, len(text))


def _taken(root: Path, file: Path) -> str:
    who = Identity.read(file)
    if who and who.pid == os.getpid():
        return f"this process has a manager of {root} already: use that, or close() it"
    process = f"process {who.pid}" if who and who.alive else "another process"
    return (
        f"{process} is the manager of {root}: "
        "talk to that one, end it, or take another root"
    )
