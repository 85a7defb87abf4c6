"""Files as facts: written whole or not at all, waited for without polling.

A fact has one writer.  Readers see the old one, the new one or none, never half of
one, because rename(2) replaces a name in one step.
"""

import os
import re
import select
import time
from contextlib import closing
from pathlib import Path

from . import linux
from .errors import BadName

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")  # runc allows + as well


def check_name(name: str) -> str:
    """Return `name` if it may become a path, a cgroup and a word of a command line.

    >>> check_name("../etc")
    Traceback (most recent call last):
    conman_lab.errors.BadName: '../etc' is no name: take letters, digits, _ . and -, \
a letter or digit first, 128 at most
    """
    if not NAME.fullmatch(name):
        raise BadName(
            f"{name!r} is no name: take letters, digits, _ . and -, "
            "a letter or digit first, 128 at most"
        )
    return name


def make_private(directory: Path) -> Path:
    """Make `directory` for us alone, 0700, with all that leads to it."""
    for missing in [*reversed(directory.parents), directory]:
        if not missing.exists():
            missing.mkdir(mode=0o700, exist_ok=True)
    return directory


def write_atomically(path: Path, content: bytes, durable: bool = True) -> None:
    """Replace `path` whole or not at all; when `durable`, even if power fails.

    Whoever inotify(7) wakes will read it at once, so it must not appear before it is
    complete.
    """
    unfinished = path.with_name(f"{path.name}.unfinished")
    fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        _write_all(fd, content)
        if durable:
            os.fsync(fd)
        unfinished.rename(path)
    except BaseException:  # ENOSPC, or we are being ended: no half file stays behind
        unfinished.unlink(missing_ok=True)
        raise
    finally:
        os.close(fd)
    if durable:
        _sync_directory(path.parent)


def wait_for_file(path: Path, timeout: float) -> bool:
    """Wait until `path` is there; False if it is not after `timeout` seconds.

    The watch comes first and the look second: a file that appears in between is seen
    by the look, one that appears later by the watch.
    """
    ends_at = time.monotonic() + timeout
    with closing(os.fdopen(linux.watch_directory(str(path.parent)), "rb", 0)) as news:
        while not path.exists():
            left = ends_at - time.monotonic()
            if left <= 0:
                return False
            select.select([news], [], [], left)
            news.read(4096)
    return True


def _write_all(fd: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]


def _sync_directory(path: Path) -> None:
    """The new name is the directory's data, not the file's: fsync(2)."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
