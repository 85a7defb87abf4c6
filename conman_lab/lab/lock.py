"""One kernel at a time has a lab: flock(2) on a file in its home.

- The lock is the kernel's: it goes when its holder ends, by SIGKILL, too.  So a lock
  that is held is held by somebody alive, and a pid file's lies are impossible.
- The file says who: an Identity.  That stays when its writer has gone, and tells
  whoever comes next whether the machine has booted since.
- The file is removed with its home, by its holder.  Who opened it before that has
  locked a file without a name, and must look again.
"""

import fcntl
import os
from contextlib import suppress
from io import FileIO
from pathlib import Path

from conman_lab.errors import LabError, NotPossible
from conman_lab.identity import Identity
from conman_lab.names import make_private


class LabTaken(LabError):
    """Another process has this lab."""


class Lock:
    """A held lock on a home; the home is made if it is missing.

    Python closes `opened` once, and if nobody has it any more: an interrupt may come
    between any two lines, and a lock that nobody lets go would be ours for ever.
    """

    def __init__(self, home: Path, opened: FileIO) -> None:
        self._file, self._opened = lock_file(home), opened

    @classmethod
    def take(cls, home: Path) -> "Lock":
        """Take it at once; LabTaken if another process has it."""
        if home.is_symlink():
            raise NotPossible(
                f"{home} is a link, and what a lab finds in its home it removes: "
                "take the link away"
            )
        while True:
            try:
                make_private(home)
                opened = FileIO(lock_file(home), "r+", opener=_made_if_missing)
            except (FileNotFoundError, FileExistsError):
                if not home.parent.is_dir():
                    raise
                continue  # the last holder removes the home just now
            if not _locked(opened.fileno()):
                opened.close()
                raise LabTaken(taken_by(home))
            if (lock := cls(home, opened)).held:
                return lock
            opened.close()

    @property
    def held(self) -> bool:
        """The file that we have locked is still the one that others will find."""
        try:
            ours = os.fstat(self._opened.fileno())
            return os.path.samestat(ours, self._file.stat())
        except (OSError, ValueError):  # ENOENT: `clean --force` was here; we let it go
            return False

    def sign(self) -> None:
        """Write down that it is ours."""
        self._opened.truncate(0)
        os.pwrite(self._opened.fileno(), str(Identity.of(os.getpid())).encode(), 0)

    def let_go(self) -> None:
        """End it, and remove the home if nothing but the lock was left in it.

        A second time does nothing.
        """
        with suppress(OSError):  # ENOENT, ENOTEMPTY: the next one was faster
            if self.held and [self._file] == [*self._file.parent.iterdir()]:
                self._file.unlink()
                self._file.parent.rmdir()
        self._opened.close()


def holder(home: Path) -> Identity | None:
    """Who had the lab last, alive or not; None if nobody has said so."""
    return Identity.read(lock_file(home))


def is_taken(home: Path) -> bool:
    """A living process has it."""
    try:
        fd = os.open(lock_file(home), os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not _locked(fd)
    finally:
        os.close(fd)


def taken_by(home: Path) -> str:
    """Say who has it, and what to do."""
    who = holder(home)
    process = f"process {who.pid}" if who and who.alive else "another process"
    return (
        f"lab {home.name} is open in {process}: shut that notebook's kernel down "
        "(menu Kernel), or take its containers away with ./lab clean --force"
    )


def lock_file(home: Path) -> Path:
    """What is locked."""
    return home / "lock"


def _made_if_missing(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT, 0o600)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
