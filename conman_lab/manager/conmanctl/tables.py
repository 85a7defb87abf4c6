"""What of an answer a person sees, and under which heading."""

import signal
from typing import Any

from .shown import Table, ago, duration, size


def _how(it: Any) -> str:
    """How it ended, in a column."""
    if not it.HasField("exit"):
        return "paused" if it.paused else ""
    return ended(it.exit)


def ended(how: Any) -> str:
    """A code, or a signal's name."""
    if how.HasField("signal"):
        name = signal.Signals(how.signal).name if how.signal < 32 else how.signal
        return f"{name}{', out of memory' if how.oom else ''}"
    return f"code {how.code}"


LIST = Table(
    "containers",
    {
        "ID": lambda row: row.id[:12],
        "NAME": lambda row: row.name,
        "STATE": lambda row: (
            type(row)
            .DESCRIPTOR.fields_by_name["state"]
            .enum_type.values_by_number[row.state]
            .name
        ),
        "ENDED": lambda row: _how(row.whole),
        "CREATED": lambda row: ago(row.created_at / 1e9),
        "COMMAND": lambda row: " ".join(row.whole.command)[:40],
    },
)
ENDED = Table("", {"ENDED": lambda answer: ended(answer.exit)})
USAGE = Table(
    "",
    {
        "CPU": lambda it: duration(it.cpu_seconds),
        "MEMORY": lambda it: size(it.memory_bytes),
        "LIMIT": lambda it: size(it.memory_limit) if it.memory_limit else "none",
        "PIDS": lambda it: str(it.pids),
    },
)
REMOVED = Table("removed", {"REMOVED": lambda it: it[:12]})
