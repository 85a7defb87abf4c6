"""Reads a container's log back: records out of lines, the last ones, and those to come.

    2026-11-23T20:43:01.123456789+00:00 stdout F hello

The format is the CRI's, and shim/logs.py writes it.  A log that was rotated begins in
`log.1` and goes on in `log`; what is older is gone.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import Self

from conman_lab.errors import InvalidArgument
from conman_lab.shim.logs import STREAMS

from .answers import Record

BLOCK = 65536


def parsed(line: bytes) -> Record | None:
    """The record in a line; None if it is none.

    >>> print(parsed(b"2026-11-23T20:43:01.5+00:00 stdout F hello"))
    hello
    """
    try:
        at, stream, tag, text = line.split(b" ", 3)
        moment = datetime.fromisoformat(at.decode()).timestamp()
        return Record(moment, STREAMS[stream], tag == b"F", text)
    except (ValueError, KeyError):
        return None


def check_tail(tail: int | None) -> None:
    """InvalidArgument."""
    if tail is not None and tail < 0:
        raise InvalidArgument(f"the last 0 records or more, not {tail}")


def read(log: Path, since: float = 0.0, tail: int | None = None) -> Iterator[Record]:
    """What is there by now, the oldest first."""
    before = log.with_name("log.1")
    with ExitStack() as files:
        places = []
        for path in (log, before):  # the newest first, for the sake of `tail`
            with suppress(FileNotFoundError):
                file = files.enter_context(LogReader(path))
                if tail is not None:
                    tail -= file.go_back(tail)
                places.append(file)
        for file in reversed(places):
            yield from file.records(since)


class LogReader:
    """Reads the log `path`, from its beginning or from some lines before its end."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, path.open("rb")
        self._unended = b""

    def go_back(self, count: int) -> int:
        """Go to `count` lines before the end, or the beginning; how many there are."""
        place, newlines, block = self._file.seek(0, os.SEEK_END), 0, b""
        while place and newlines <= count:  # one more ends the line before
            step = min(BLOCK, place)
            place = self._file.seek(place - step)
            block = self._file.read(step)
            newlines += block.count(b"\n")
        begin = 0
        for _ in range(newlines - count):  # the lines of that block that are too many
            begin = block.index(b"\n", begin) + 1
        self._file.seek(place + begin)
        return min(newlines, count)

    def records(self, since: float = 0.0) -> Iterator[Record]:
        """All that have come since it was asked last."""
        while chunk := self._file.read(BLOCK):
            *lines, self._unended = (self._unended + chunk).split(b"\n")
            for line in lines:
                record = parsed(line)
                if record and record.at >= since:
                    yield record

    def was_rotated(self) -> bool:
        """Another file has its name now, and in this one nothing more will come."""
        with suppress(FileNotFoundError):  # the next one is not there yet
            ours = os.fstat(self._file.fileno())
            return not os.path.samestat(ours, self._path.stat())
        return False

    def reopen(self) -> None:
        """Go on in the file that has its name now; if that has gone again, wait here."""
        with suppress(FileNotFoundError):
            file = self._path.open("rb")
            self._file.close()
            self._file, self._unended = file, b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
