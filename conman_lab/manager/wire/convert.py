"""Our values as messages, and back: a pair of functions for each that crosses.

A message's fields are 0 or empty until somebody sets them, so what is so anyway is not
sent.  Times are float seconds with us, and nanoseconds since 1970 in conman's own
messages.
"""

from collections.abc import Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any

from conman_lab.linux import Exit
from conman_lab.manager.answers import Event, Record, Stats, Version
from conman_lab.manager.container import (
    NEVER,
    UNLIMITED,
    Container,
    Limits,
    Policy,
    Restart,
    Status,
)
from conman_lab.stream import Stream

from .schema import MESSAGE

NANOSECONDS = 1_000_000_000
NUMBER = {status: number for number, status in enumerate(Status)}  # ContainerState
STATUS = {number: status for status, number in NUMBER.items()}

Whole, Brief, State = (
    MESSAGE[name] for name in ("Whole", "Container", "ContainerStatus")
)
PLAIN = (  # the same on both sides
    *("id", "name", "command", "rootfs", "readonly", "labels", "created_at", "process"),
    *("restarts", "paused", "log_path", "message", "terminal", "stdin", "stdin_once"),
)
_plain = attrgetter(*PLAIN)  # of five hundred in a list each is a little work


def whole_of(it: Container) -> Any:
    """All that we know of a container."""
    both = zip(PLAIN, _plain(it), strict=True)
    plain = {name: value for name, value in both if value}
    message = Whole(status=NUMBER[it.status], started_at=it.started_at, **plain)
    if it.limits != UNLIMITED:
        message.limits.CopyFrom(limits_message(it.limits))
    if it.restart != NEVER:
        message.restart.CopyFrom(restart_message(it.restart))
    if it.exit:
        message.exit.CopyFrom(exit_message(it.exit))
    return message


def container_of(it: Any) -> Container:
    """The container that `whole_of` was given; if that is the same again, so is this."""
    return _container(it.SerializeToString())


@lru_cache(maxsize=1024)  # of a list that is asked for again few have changed
def _container(packed: bytes) -> Container:
    it = Whole.FromString(packed)
    plain: dict[str, Any] = dict(zip(PLAIN, _plain(it), strict=True))
    plain |= {"command": tuple(plain["command"]), "labels": dict(plain["labels"])}
    return Container(
        **plain,
        status=STATUS[it.status],
        started_at=it.started_at if it.HasField("started_at") else None,
        exit=exit_of(it.exit) if it.HasField("exit") else None,
        limits=limits_of(it.limits) if it.HasField("limits") else UNLIMITED,
        restart=restart_of(it.restart) if it.HasField("restart") else NEVER,
    )


def brief_of(it: Container, whole: bool = False) -> Any:
    """A row of conman's list."""
    return Brief(
        id=it.id,
        name=it.name,
        created_at=nanoseconds(it.created_at),
        state=NUMBER[it.status],
        whole=whole_of(it) if whole else None,
    )


def state_of(it: Container) -> Any:
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


# --- the parts


def exit_message(how: Exit) -> Any:
    """How something ended."""
    return MESSAGE["Exit"](code=how.code, signal=how.signal, at=how.at, oom=how.oom)


def exit_of(message: Any) -> Exit:
    """It, again."""
    return Exit(**given(message, "code", "signal", "at"), oom=message.oom)


def limits_message(limits: Limits) -> Any:
    """What is not limited is not sent."""
    return MESSAGE["Limits"](memory=limits.memory, pids=limits.pids, cpus=limits.cpus)


def limits_of(message: Any) -> Limits:
    """It, again."""
    return Limits(**given(message, "memory", "pids", "cpus"))


def restart_message(restart: Restart) -> Any:
    """A policy by its name."""
    return MESSAGE["Restart"](policy=restart.policy.value, limit=restart.limit)


def restart_of(message: Any) -> Restart:
    """It, again; none at all: it is not restarted.  ValueError: no such policy."""
    return Restart(Policy(message.policy or Policy.NO.value), message.limit)


def record_message(record: Record) -> Any:
    """A piece of log."""
    return MESSAGE["Record"](
        at=record.at, stream=record.stream, full=record.full, text=record.text
    )


def record_of(message: Any) -> Record:
    """It, again."""
    return Record(message.at, Stream(message.stream), message.full, message.text)


def event_message(event: Event) -> Any:
    """Something that has happened."""
    details = {name: str(value) for name, value in event.details.items()}
    return MESSAGE["Event"](
        at=event.at, kind=event.kind, id=event.id, name=event.name, details=details
    )


def event_of(message: Any) -> Event:
    """It, again."""
    return Event(
        message.at, message.kind, message.id, message.name, dict(message.details)
    )


def stats_message(stats: Stats) -> Any:
    """What a container uses."""
    return MESSAGE["ContainerStatsResponse"](
        cpu_seconds=stats.cpu_seconds,
        memory_bytes=stats.memory_bytes,
        memory_limit=stats.memory_limit,
        pids=stats.pids,
        at=stats.at,
    )


def stats_of(message: Any) -> Stats:
    """It, again."""
    limit = given(message, "memory_limit")["memory_limit"]
    numbers = message.memory_bytes, limit, message.pids
    return Stats(message.cpu_seconds, *numbers, at=message.at)


def version_of(message: Any) -> Version:
    """Who answers."""
    return Version(message.version, message.runtime_name, message.runtime_version)


def given(message: Any, *names: str) -> Mapping[str, Any]:
    """These fields, and None for what nobody has set."""
    return {
        name: getattr(message, name) if message.HasField(name) else None
        for name in names
    }
