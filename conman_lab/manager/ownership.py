"""One manager has a root: flock(2) on a file in it.

The lock is the kernel's and goes with its holder, by SIGKILL, too: one that is held is
held by somebody alive.  The file says who, as an Identity.
"""

import fcntl
import os
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
    except BlockingIOError:
        os.close(fd)
        raise RootTaken(_taken(root, file)) from None
    os.ftruncate(fd, 0)
    os.pwrite(fd, str(Identity.of(os.getpid())).encode(), 0)
    return fd


def give_back(fd: int) -> None:
    """Somebody else may have it."""
    os.close(fd)


def _taken(root: Path, file: Path) -> str:
    who = Identity.read(file)
    if who and who.pid == os.getpid():
        return f"this process has a manager of {root} already: use that, or close() it"
    process = f"process {who.pid}" if who and who.alive else "another process"
    return (
        f"{process} is the manager of {root}: "
        "talk to that one, end it, or take another root"
    )
