"""What a pump takes from: iterators that block, and that somebody else can end."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

from conman_lab.errors import LabError
from conman_lab.linux import Exit
from conman_lab.manager.answers import Event, Record
from conman_lab.manager.following import follow
from conman_lab.manager.logs import check_tail
from conman_lab.manager.manager import Manager
from conman_lab.manager.register import Entry

from .waits import How

BEHIND = 10_000  # events


class Following:
    """A log that is followed until its container ends, or its reader has.

    It is open by now; for that, it is made in a thread.  InvalidArgument, NotFound.
    """

    def __init__(self, entry: Entry, since: float | None, tail: int | None) -> None:
        check_tail(tail)
        self._over: Future[Exit | None] = Future()
        directory = Path(entry.container.log_path).parent
        self._records = follow(directory, self._over, since or 0.0, tail)

    def until(self, end: How) -> None:
        """In the loop: this is its container's end."""
        self._ends = asyncio.ensure_future(asyncio.shield(end))
        self._ends.add_done_callback(lambda _: self._end())

    def __iter__(self) -> Iterator[Record]:
        """Theirs alone who iterate: who stops in the middle closes its files, too."""
        yield from self._records

    def close(self) -> None:
        """Its reader has gone: that is an end, too."""
        self._ends.cancel()
        self._end()

    def _end(self) -> None:
        if not self._over.done():
            self._over.set_result(None)


class Happening:
    """Events from now on, and those before: a queue, with None for its end.

    Whoever leaves BEHIND of them unread is told so, and has no more of our memory.
    """

    def __init__(self, manager: Manager, since: float | None) -> None:
        self._queue: SimpleQueue[Event | None] = SimpleQueue()
        self._behind = False
        self._forget = manager.on_event(self._hear)
        self._past = [] if since is None else manager.happened(since)

    def __iter__(self) -> Iterator[Event]:
        yield from self._past
        seen = {id(event) for event in self._past}  # told while we asked for the past
        while (event := self._queue.get()) is not None:
            if id(event) not in seen:
                yield event
        if self._behind:
            raise LabError(f"{BEHIND} events were not read in time: ask for the rest")

    def _hear(self, event: Event) -> None:
        if self._queue.qsize() < BEHIND:
            self._queue.put(event)
        elif not self._behind:
            self._behind = True
            self.close()

    def close(self) -> None:
        """Hear no more."""
        with suppress(ValueError):
            self._forget()
        self._queue.put(None)
