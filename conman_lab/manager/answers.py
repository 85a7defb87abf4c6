"""What a manager answers with, besides containers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from conman_lab.stream import Stream


@dataclass(frozen=True)
class Record:
    """A piece of a container's log: a line without its newline if `full`.

    Else its writer has not ended it yet, and the stream's next record goes on with it.
    `at`: seconds since 1970.
    """

    at: float
    stream: Stream
    full: bool
    text: bytes

    def __str__(self) -> str:
        return self.text.decode(errors="replace")


@dataclass(frozen=True)
class Event:
    """Something that has happened to a container, `at` seconds since 1970.

    `kind` is one of create, start, exit, lost, restart, restart failed, stop, kill, pause,
    resume, exec, remove, remove failed.
    """

    at: float
    kind: str
    id: str
    name: str
    details: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        words = ", ".join(f"{name} {word}" for name, word in self.details.items())
        return f"{self.name}: {self.kind}" + (f" ({words})" if words else "")


@dataclass(frozen=True)
class Stats:
    """What a container uses; no `memory_limit`: as much as there is."""

    cpu_seconds: float
    memory_bytes: int
    memory_limit: int | None
    pids: int
    at: float = 0.0


@dataclass(frozen=True)
class Version:
    """Of the manager, and of its runtime."""

    version: str
    runtime_name: str
    runtime_version: str
