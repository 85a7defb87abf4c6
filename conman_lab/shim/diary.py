"""shim.log: what the shim has to say about itself.

It is the shim's stderr, descriptor 2, so even what Python says in its last moment is
there.  A diary never raises: it is where the raising ends.  Its room on the disk is
taken at the beginning, for a full disk is one of the things that it has to tell.
"""

import os
import sys
import time

from conman_lab import linux

LONGEST = 256 * 1024  # bytes; a shim that complains in a circle fills no disk
ROOM = 4096  # bytes
DELETED = " (deleted)"  # behind the name of a file that is no more, proc_pid_fd(5)


def keep(path: str) -> None:
    """Let descriptor 2 be the end of the file `path`."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(fd, 2)
    os.close(fd)
    try:  # noqa: SIM105  # a shim does without contextlib
        linux.reserve(2, ROOM)
    except OSError:  # EOPNOTSUPP: not every file system can
        pass


def tell(words: object) -> None:
    """Write one line, with the time, unless there are too many already."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    try:
        _look()
        if os.fstat(2).st_size < LONGEST:
            os.write(2, f"{now} {words}\n".encode(errors="replace"))
    except OSError:  # ENOSPC: then nobody can be told
        pass


def tell_error(error: BaseException) -> None:
    """Write an exception that should not have been, with its traceback."""
    tell(f"{type(error).__name__}: {error}")
    if os.fstat(2).st_size < LONGEST:
        sys.__excepthook__(type(error), error, error.__traceback__)


def _look() -> None:
    """Begin another one if somebody has removed it, with its directory."""
    if os.fstat(2).st_nlink == 0:
        path = os.readlink("/proc/self/fd/2").removesuffix(DELETED)
        if path.endswith("/shim.log"):  # in a notebook stderr is something else
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            keep(path)
