"""Logs and events: they go on, until there are no more or nobody looks."""

import os
import re
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from conman_lab.errors import InvalidArgument
from conman_lab.manager.wire.channel import Channel
from conman_lab.manager.wire.schema import METHODS
from conman_lab.manager.wire.streams import Replies

from .shown import as_json, wants_table

AGO = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
FDS = {2: 1, 3: 2}  # conmon's number of a stream, and ours


def logs(args: Namespace) -> None:
    """What it has written: its stdout on ours, its stderr on ours, as it was."""
    wanted = {
        "container_id": args.container,
        "since": moment(args.since),
        "tail": args.tail,
        "follow": args.follow,
    }
    begun: dict[int, bool] = {}  # streams whose last record was not a whole line
    with _replies(args, "Logs", "records", **wanted) as records:
        for record in records:
            began = not begun.get(record.stream, False)
            stamp = f"{_iso(record.at)} " if args.timestamps and began else ""
            end = b"\n" if record.full else b""
            begun[record.stream] = not record.full
            write_all(FDS[record.stream], stamp.encode() + record.text + end)


def events(args: Namespace) -> None:
    """What happens, a line each."""
    with _replies(args, "Events", "events", since=moment(args.since)) as happening:
        for event in happening:
            print(_line(event) if wants_table(args) else as_json(event), flush=True)


def write_all(fd: int, data: bytes) -> None:
    """All of it, past Python's own buffers."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def moment(words: str | None) -> float | None:
    """Seconds since 1970, from `90s`, `5m`, `2h`, `1d` (ago), ISO 8601, or themselves.

    >>> moment("1970-01-01T00:00:05+00:00"), moment("5.5"), moment(None)
    (5.0, 5.5, None)
    """
    if words is None:
        return None
    if ago := AGO.fullmatch(words):
        return time.time() - float(ago[1]) * SECONDS[ago[2]]
    for read in (float, lambda it: datetime.fromisoformat(it).timestamp()):
        try:
            return float(read(words))
        except ValueError:
            continue
    raise InvalidArgument(
        f"{words!r} is no time: take 90s, 5m, 2h, 1d, or 2026-01-31T12:00:00"
    )


@contextmanager
def _replies(
    args: Namespace, method: str, field: str, **request: Any
) -> Iterator[Replies[Any]]:
    channel = Channel(Path(args.host).absolute())
    call = channel.begin(METHODS[method], **request)
    with Replies(call, field, lambda it: it, partial(channel.done, call)) as replies:
        yield replies
    channel.close()


def _line(event: Any) -> str:
    details = " ".join(f"{name}={word}" for name, word in sorted(event.details.items()))
    at = time.strftime("%H:%M:%S", time.localtime(event.at))
    return f"{at}  {event.kind:<8}  {event.id[:12]}  {event.name}  {details}".rstrip()


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="microseconds")
