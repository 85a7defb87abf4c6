"""An answer as JSON, or as a table.

The JSON is protobuf's own mapping of the message, in one line: names in lowerCamelCase,
what is empty included, enums by name, 64-bit numbers as strings, because JavaScript has
no such numbers.  https://protobuf.dev/programming-guides/json
"""

import json
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import json_format

from conman_lab.record import record

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


@record
class Table:
    """Columns for each in the list `field` of an answer; no field: for itself."""

    field: str
    columns: Mapping[str, Callable[[Any], str]]

    def lines(self, answer: Any) -> list[str]:
        """A heading, and a line for each, in columns that are wide enough."""
        things = getattr(answer, self.field) if self.field else [answer]
        rows = [[of(it) for of in self.columns.values()] for it in things]
        widths = [
            max(map(len, column)) for column in zip(self.columns, *rows, strict=True)
        ]
        return [
            "  ".join(
                word.ljust(width) for word, width in zip(row, widths, strict=True)
            ).rstrip()
            for row in [[*self.columns], *rows]
        ]


def show(args: Namespace, answer: Any, table: Table | None = None) -> None:
    """Print it as --format says; without one, as the command's first reader likes it."""
    if table is not None and wants_table(args):
        print(*table.lines(answer), sep="\n")
    elif getattr(args, "format", None) == "table":
        fields = as_dict(answer).items()
        print(*(f"{name:<16}  {value}" for name, value in fields), sep="\n")
    else:
        print(as_json(answer))


def wants_table(args: Namespace) -> bool:
    """It was asked for, or a person is likely to read it."""
    if args.format is None:
        return bool(args.default == "person" and sys.stdout.isatty())
    return bool(args.format == "table")


def as_json(answer: Any) -> str:
    """One line."""
    return json.dumps(as_dict(answer), separators=(",", ":"), ensure_ascii=False)


def as_dict(answer: Any) -> dict[str, Any]:
    """As protobuf maps it, in the order of the fields' numbers."""
    mapped = json_format.MessageToDict(
        answer, always_print_fields_with_no_presence=True
    )
    return dict(_ordered(mapped, answer.DESCRIPTOR))


def _ordered(mapped: Any, descriptor: Any) -> Any:
    """Protobuf puts what is set before what is not."""
    if isinstance(mapped, list):
        return [_ordered(it, descriptor) for it in mapped]
    if descriptor is None or descriptor.GetOptions().map_entry:
        return mapped
    return {
        field.json_name: _ordered(mapped[field.json_name], field.message_type)
        for field in descriptor.fields
        if field.json_name in mapped
    }


def size(count: float) -> str:
    """Bytes, in a unit that a person can read.

    >>> size(1536), size(3)
    ('1.5 KiB', '3 B')
    """
    unit = 0
    while count >= 1024 and unit < len(UNITS) - 1:
        count, unit = count / 1024, unit + 1
    return f"{count:.0f} B" if unit == 0 else f"{count:.1f} {UNITS[unit]}"


def duration(seconds: float) -> str:
    """A time that something took.

    >>> duration(0.25), duration(75), duration(7300)
    ('0.25 s', '1 min', '2 h')
    """
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"


def ago(at: float) -> str:
    """How long that is past."""
    passed = max(0, time.time() - at)
    return f"{passed:.0f} s ago" if passed < 60 else f"{duration(passed)} ago"
