"""Which processes are meant by what a learner hands over: a pid, a container, a lab."""

from collections.abc import Iterable
from typing import Protocol


class HasPids(Protocol):
    """A lab."""

    @property
    def pids(self) -> Iterable[int]:
        """Its processes."""


class HasPid(Protocol):
    """A container, or a process that was started.  Its `keeper`, if it has one, too."""

    @property
    def pid(self) -> int:
        """The first process."""


What = int | HasPids | HasPid | Iterable["What"]


def pids_of(what: object) -> list[int]:
    """The pids that are meant; a container's keeper comes with it."""
    if isinstance(what, int):
        return [what]
    if hasattr(what, "pids"):
        return [*what.pids]
    try:
        both = getattr(what, "keeper", None), getattr(what, "pid", None)
    except OSError:  # ENOENT: its files have gone, and the container with them
        return []
    if pids := [pid for pid in both if pid is not None]:
        return pids
    if isinstance(what, Iterable) and not isinstance(what, str):
        return [pid for one in what for pid in pids_of(one)]
    raise TypeError(f"{what!r} is no process: give a pid, a container or a lab")
