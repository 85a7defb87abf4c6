"""From an iterator that blocks to a loop that must not.

A thread takes from the iterator; the loop takes what has gathered, all at once, so a
slow client gets larger messages and not more of them.  When AHEAD pieces wait, the thread
does: a client that does not read keeps nothing in our memory but these.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
AHEAD = 256  # pieces: lines of a log, or 8 KiB of output each


class Source(Protocol[T_co]):
    """Is iterated over in one thread, and closed, which ends that, by another."""

    def __iter__(self) -> Iterator[T_co]: ...

    def close(self) -> None:
        """End whoever waits for the next one."""


class Pump(Generic[T]):
    """Pieces of `source` for the loop that we are made in; `close` ends its thread."""

    def __init__(self, source: Source[T]) -> None:
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._pieces: deque[T] = deque()
        self._room = threading.Semaphore(AHEAD)
        self._news = asyncio.Event()
        self._ended = self._closed = False
        self._error: Exception | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    async def batch(self) -> list[T]:
        """All that has come since, at least one; none: that was all."""
        while True:
            self._news.clear()
            ended = self._ended
            if pieces := [self._pieces.popleft() for _ in range(len(self._pieces))]:
                self._room.release(len(pieces))
                return pieces
            if ended and self._error and not self._closed:
                raise self._error
            if ended:
                return []
            await self._news.wait()

    def close(self) -> None:
        """Nobody wants more."""
        self._closed = True
        self._room.release()
        with suppress(
            OSError, ValueError
        ):  # it has ended, and its descriptor is closed
            self._source.close()

    def _run(self) -> None:
        try:
            for piece in self._source:
                self._room.acquire()
                if self._closed:
                    break
                self._pieces.append(piece)
                self._tell()
        except Exception as error:  # noqa: BLE001  # the client is told
            self._error = error
        self._ended = True
        self._tell()

    def _tell(self) -> None:
        with suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(self._news.set)
