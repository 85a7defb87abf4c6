"""Follows a log as it grows, with tail(1)'s patience, to the end of its container.

News of the file come from inotify(7), that of the end from the watcher: nobody looks at
a file again and again.  A rotated log is followed to the next one.  And a container may
be removed before all of its log is read: an open file stays until it is closed, unlink(2).
"""

import os
import select
import socket
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from conman_lab import linux
from conman_lab.errors import NotFound
from conman_lab.linux import Exit
from conman_lab.stream import Stream

from .answers import Record
from .logs import LogReader

NEWS = linux.IN_MODIFY | linux.IN_CREATE | linux.IN_MOVED_TO
OPENED = Record(0.0, Stream.STDOUT, full=False, text=b"")  # only tells that it is open


def follow(
    directory: Path, end: "Future[Exit | None]", since: float, tail: int | None
) -> Iterator[Record]:
    """What is in the log, or its last `tail` lines, and what comes until the end.

    Open from now on, not from its first record on.  NotFound: it has been removed.
    """
    records = _followed(directory, end, since, tail)
    try:
        next(records)  # to OPENED
    except FileNotFoundError:
        raise NotFound("there is no log any more: it has been removed") from None
    return records


def _followed(
    directory: Path, end: "Future[Exit | None]", since: float, tail: int | None
) -> Iterator[Record]:
    with ExitStack() as stack:
        news = linux.watch_directory(str(directory), NEWS)
        stack.callback(os.close, news)
        told = stack.enter_context(_told_by(end))
        reader = stack.enter_context(LogReader(directory / "log"))
        if tail is not None:
            reader.go_back(tail)
        yield OPENED
        while True:
            over = end.done()  # first: all that it wrote was written before
            rotated = reader.was_rotated()  # likewise: it is all there
            yield from reader.records(since)
            if rotated:
                reader.reopen()
            elif over:
                return
            else:
                _wait(news, told)


def _wait(news: int, told: socket.socket) -> None:
    ready = select.poll()
    for source in (news, told):
        ready.register(source, select.POLLIN)
    ready.poll()
    with suppress(BlockingIOError):  # EAGAIN: it was the end that was told
        os.read(news, 65536)


@contextmanager
def _told_by(end: "Future[Exit | None]") -> Iterator[socket.socket]:
    """A socket that comes to its end as soon as `end` is known.

    A future keeps its callbacks for good, so who follows no more closes both ends.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        end.add_done_callback(lambda _: theirs.close())
        yield ours
