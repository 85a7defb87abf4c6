"""What a container is made of, and what else a manager answers with, as messages.

A pair of functions for each that crosses: `exit_message` makes a message of an Exit, and
`exit_of` an Exit of a message.
"""

from collections.abc import Mapping
from typing import Any

from conman_lab.linux import Exit
from conman_lab.manager.answers import Event, Record, Stats, Version
from conman_lab.manager.container import Limits, Policy, Restart
from conman_lab.stream import Stream

from .schema import MESSAGE


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
