"""Roots for labs, and the cgroup that goes with each: PARENT, named for its root.

There are a session's own, one for each worker, and those that tests make in their
directories.  Nobody can tell from a cgroup's name whose it is, and others may run tests
on this machine at the same time; so we look from the roots that are ours.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from conman_lab import places
from conman_lab.lab.registry import Registry, registries
from conman_lab.oci import cgroups

DEEPEST = 5  # directories below a session's: worker, test, and what a test may make


def new() -> str:
    """A root that is empty.  Short, for a socket's path fits in 108 bytes."""
    able = [d for d in ("/var/tmp", "/tmp") if not _flags(d) & os.ST_NOEXEC]
    place = next(iter(able), tempfile.gettempdir())  # programs run from there
    return tempfile.mkdtemp(prefix="conman-lab-", dir=place)


def parent_of(root: str | Path) -> str:
    """Its cgroup's name, whether there is one or not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONMAN_LAB_ROOT", str(root))
        return places.cgroup_parent()


def labs_of(root: str) -> list[Registry]:
    """All that are in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONMAN_LAB_ROOT", root)
        return registries()


def exists(parent: str) -> bool:
    """There is such a cgroup, in some tree."""
    return any((tree / parent).exists() for tree in cgroups.trees())


def made_below(directory: Path) -> Iterator[str]:
    """Those of tests: what has `labs` in it."""
    top = len(directory.parts)
    for place, below, _ in os.walk(directory):
        if "labs" in below:
            yield place
        if len(Path(place).parts) - top >= DEEPEST:
            below.clear()


def _flags(directory: str) -> int:
    return os.statvfs(directory).f_flag
