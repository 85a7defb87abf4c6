"""Names that may become paths, and directories that are ours alone."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import BadName, NameTaken

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")  # runc allows + as well
CALLED = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


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


def check_called(name: str) -> str:
    """Return `name` if a container may be called so: all that conman allows, and more.

    It is in messages and in shells' completions, and in no path: ids are.

    >>> check_called("_x")
    '_x'
    """
    if not CALLED.fullmatch(name):
        raise BadName(
            f"{name!r} is no name for a container: take letters, digits, _ . and -, "
            "none of the last two first, 128 at most"
        )
    return name


def make_private(directory: Path) -> Path:
    """Make `directory` for us alone, 0700, with all that leads to it."""
    for missing in [*reversed(directory.parents), directory]:
        if not missing.exists():
            missing.mkdir(mode=0o700, exist_ok=True)
    return directory


@contextmanager
def taking(directory: Path, taken: str) -> Iterator[Path]:
    """Make `directory`, for us alone; or NameTaken, in the words of `taken`.

    mkdir(2) is the lock: of two who want one name one gets it.  If what is put into it
    fails, ENOSPC, or an interrupt, the name is free again.
    """
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        raise NameTaken(taken) from None
    try:
        yield directory
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
