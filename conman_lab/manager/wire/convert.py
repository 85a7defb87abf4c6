"""A container as messages, and back: ours with all that we know, and conman's two.

A message's fields are 0 or empty until somebody sets them, so what is so anyway is not
sent.  Times are float seconds with us, and nanoseconds since 1970 in conman's own
messages.
"""

from functools import lru_cache
from operator import attrgetter
from typing import Any

from conman_lab.manager.container import NEVER, UNLIMITED, Container, Status

from . import parts
from .schema import MESSAGE

NANOSECONDS = 1_000_000_000
NUMBER = {status: number for number, status in enumerate(Status)}  # ContainerState
STATUS = {number: status for status, number in NUMBER.items()}

Whole, State = MESSAGE["Whole"], MESSAGE["ContainerStatus"]
PLAIN = (  # the same on both sides
    *("id", "name", "command", "rootfs", "readonly", "labels", "created_at", "process"),
    *("restarts", "paused", "log_path", "message", "terminal", "stdin", "stdin_once"),
    "auto_remove",
)
_plain = attrgetter(*PLAIN)  # of five hundred in a list each is a little work


def whole_message(it: Container) -> Any:
    """All that we know of a container."""
    return Whole(**_fields(it))


def _fields(it: Container) -> dict[str, Any]:
    """The same, as a message takes it: one inside of another one would be copied."""
    both = zip(PLAIN, _plain(it), strict=True)
    fields = {name: value for name, value in both if value}
    fields |= {"status": NUMBER[it.status], "started_at": it.started_at}
    if it.limits != UNLIMITED:
        fields["limits"] = parts.limits_message(it.limits)
    if it.restart != NEVER:
        fields["restart"] = parts.restart_message(it.restart)
    if it.exit:
        fields["exit"] = parts.exit_message(it.exit)
    return fields


def container_of(it: Any) -> Container:
    """The container that `whole_message` was given; if that is the same again, so is this."""
    return _container(it.SerializeToString())


@lru_cache(maxsize=1024)  # of a list that is asked for again few have changed
def _container(packed: bytes) -> Container:
    it = Whole.FromString(packed)
    fields: dict[str, Any] = dict(zip(PLAIN, _plain(it), strict=True))
    fields |= {
        "command": tuple(fields["command"]),
        "labels": dict(fields["labels"]),
        "status": STATUS[it.status],
        "started_at": it.started_at if it.HasField("started_at") else None,
        "exit": parts.exit_of(it.exit) if it.HasField("exit") else None,
        "limits": parts.limits_of(it.limits) if it.HasField("limits") else UNLIMITED,
        "restart": parts.restart_of(it.restart) if it.HasField("restart") else NEVER,
    }
    return Container(**fields)


def brief(it: Container, whole: bool = False) -> dict[str, Any]:
    """A row of conman's list, as the list's message takes it."""
    return {
        "id": it.id,
        "name": it.name,
        "created_at": nanoseconds(it.created_at),
        "state": NUMBER[it.status],
        "whole": _fields(it) if whole else None,
    }


def state_message(it: Container) -> Any:
    """As conman tells it.  A signalled one's exit code is 128 + the signal."""
    return State(
        container_id=it.id,
        container_name=it.name,
        state=NUMBER[it.status],
        created_at=nanoseconds(it.created_at),
        started_at=nanoseconds(it.started_at),
        finished_at=nanoseconds(it.finished_at),
        exit_code=it.exit.status if it.exit else 0,
        message=it.message,
        log_path=it.log_path,
    )


def nanoseconds(seconds: float | None) -> int:
    """Since 1970, both of them; 0: it has not happened.

    >>> nanoseconds(1.5)
    1500000000
    """
    return round((seconds or 0) * NANOSECONDS)
