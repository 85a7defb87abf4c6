"""The life of a container as a picture, with the state that it is in.

    lifecycle(container)          where a container is, and what may be done to it
    lifecycle(manager, "web")     the same, asked for at each look
    lifecycle(manager, "web").live()

    CREATED   start → RUNNING, stop → EXITED; kill, attach to, measure
  ▸ RUNNING   stop → EXITED; kill, pause, resume, exec in, attach to, measure
    EXITED    restart → RUNNING; stop
    UNKNOWN   restart → RUNNING; stop

States and arrows are those that the manager goes by, manager/container.py: what is not
drawn here is refused there.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol, runtime_checkable

from conman_lab.errors import NotFound
from conman_lab.manager.container import Container, Status

from .inline import FAINT, block, span
from .states import LiveLifecycle, arrows, stays

HERE = "background-color:#44bb99;color:#000;font-weight:bold"


@runtime_checkable
class Keeper(Protocol):
    """A manager, or a client of one."""

    def status(self, ref: str) -> Container:
        """Tell what it knows of a container.  NotFound."""


Ask = Callable[[], Container | None]  # None: it has been removed


def lifecycle(what: Container | Keeper, ref: str = "") -> "Lifecycle":
    """Draw where a container is: as it was told, or as its keeper tells it now."""
    if isinstance(what, Container):
        return Lifecycle(lambda: what)
    if not (ref and isinstance(what, Keeper)):
        raise TypeError(
            f"{what!r} is no container: give one, or a manager and a name or an id"
        )
    return Lifecycle(partial(_asked, what, ref))


class Lifecycle:
    """Where a container was when this was asked for."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.container = ask()

    def again(self) -> "Lifecycle":
        """The same, asked once more."""
        return Lifecycle(self._ask)

    def live(self, every: float = 0.1) -> LiveLifecycle:
        """Go on asking, each `every` seconds, until it is removed, or `.stop()`."""
        return LiveLifecycle(self, every)

    @property
    def status(self) -> Status | None:
        """The state; None: it has been removed."""
        return self.container.status if self.container else None

    @property
    def words(self) -> str:
        """What is to be said of it: its name, and how it ended."""
        return str(self.container) if self.container else "removed"

    def __str__(self) -> str:
        lines = [f"{self._pointer(status)}{_line(status)}" for status in Status]
        return "\n".join([self.words, *lines])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        lines = [
            span(HERE if status is self.status else FAINT, f" {_line(status)} ")
            for status in Status
        ]
        return block("\n".join([span("font-weight:bold", self.words), *lines]))

    def _pointer(self, status: Status) -> str:
        return "▸ " if status is self.status else "  "


def _line(status: Status) -> str:
    ways = [
        f"{', '.join(events)} → {target}"
        for (source, target), events in arrows().items()
        if source is status
    ]
    both = "; ".join(filter(None, [", ".join(ways), ", ".join(stays(status))]))
    return f"{status:<9} {both}"


def _asked(keeper: Keeper, ref: str) -> Container | None:
    try:
        return keeper.status(ref)
    except NotFound:
        return None
