"""What can happen to a process, as data: the kernel's part of a trace, and ours.

    Event   the kernel's: a process was forked, executed a program, ended ...
    Span    ours: from here to there we were busy with `runc create`
    Mark    the learner's: "now I kill the shim"

Times are seconds since the trace began, from one clock, CLOCK_MONOTONIC, which is the
kernel's own in its messages: so spans and events can be laid side by side.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from conman_lab.linux import Exit

Words = tuple[str, ...]


class Kind(StrEnum):
    """The kinds of events; the first six are the kernel's, <linux/cn_proc.h>."""

    FORK = "fork"  # `parent` has a new child, `pid`
    EXEC = "exec"  # it is another program now: `name`, `words`
    COMM = "comm"  # it calls itself `name`
    SESSION = "session"  # it has left for a session of its own, setsid(2)
    UID = "uid"  # its user has changed
    EXIT = "exit"  # it has ended: `exit`
    ADOPT = "adopt"  # its parent had ended; now it is `parent`
    SEEN = "seen"  # it was there before the trace, a child of `parent`
    LOST = "lost"  # `count` events that the kernel could not deliver


@dataclass(frozen=True)
class Event:
    """Something happened to process `pid`; which fields say what depends on `kind`."""

    at: float
    kind: Kind
    pid: int
    parent: int | None = None
    name: str = ""  # its comm, 15 bytes
    words: Words = ()  # its command line, if that could be read before it was gone
    exit: Exit | None = None
    namespaces: Words = ()  # those of it that are not the host's
    count: int = 0

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Event":
        """What `to_json` has made."""
        known = dict(fields)
        known["kind"] = Kind(known["kind"])
        known["words"] = tuple(known.get("words", ()))
        known["namespaces"] = tuple(known.get("namespaces", ()))
        if "exit" in known:
            known["exit"] = Exit(**known["exit"])
        return cls(**known)

    def to_json(self) -> dict[str, Any]:
        """All fields that say something."""
        fields = {"at": self.at, "kind": str(self.kind), "pid": self.pid}
        for name in ("parent", "name", "words", "namespaces", "count"):
            if value := getattr(self, name):
                fields[name] = value
        if self.parent == 0:  # the kernel's own; who has no parent has None
            fields["parent"] = 0
        if self.exit:
            fields["exit"] = {"code": self.exit.code, "signal": self.exit.signal}
        return fields


@dataclass(frozen=True)
class Span:
    """Our own code at work, in process `pid`, from `began_at` to `ended_at`."""

    name: str
    began_at: float
    ended_at: float
    pid: int
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return self.__dict__ | {"details": dict(self.details)}


@dataclass(frozen=True)
class Mark:
    """A remark of the learner's."""

    at: float
    text: str

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return dict(self.__dict__)
