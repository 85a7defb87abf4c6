"""One manager has a root: flock(2) on a file in it.

The lock is the kernel's and goes with its holder, by SIGKILL, too: one that is held is
held by somebody alive.  The file says who, as an Identity.

Somebody alive may be a child of a manager that is dead: from its fork to its exec it has
all that its parent had open.  That is milliseconds, and for those we wait.
"""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from conman_lab.errors import WrongState
from conman_lab.identity import Identity
from conman_lab.names import make_private

PATIENCE = 2.0  # seconds, until a dead manager's last child has done its exec


class RootTaken(WrongState):
    """Another manager keeps the containers of this root."""


def take(root: Path) -> int:
    """A descriptor that holds the lock until it is closed.  RootTaken."""
    file = make_private(root) / "manager.lock"
    fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    ends_at = time.monotonic() + PATIENCE
    while not _locked(fd):
        if _owner_lives(file) or time.monotonic() > ends_at:
            os.close(fd)
            raise RootTaken(_taken(root, file))
        time.sleep(0.005)  # flock(2) has no deadline
    with suppress(OSError):  # ENOSPC: who is to make room must be able to begin
        _sign(fd)
    return fd


def give_back(fd: int) -> None:
    """Somebody else may have it."""
    os.close(fd)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:  # EWOULDBLOCK: it is held
        return False
    return True


def _owner_lives(file: Path) -> bool:
    owner = Identity.read(file)
    return owner is not None and owner.alive


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
