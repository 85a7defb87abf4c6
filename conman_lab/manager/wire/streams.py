"""Replies that go on, as an iterator that can be closed."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Generic, Self, TypeVar

from .call import Call

T = TypeVar("T")


class Replies(Generic[T]):
    """Iterates over what is in the replies' list `field`, until their end.

    There is one when the daemon has begun to answer: what it refuses is raised here.

    `close` may be called from another thread, and ends a `next` that waits there; so
    may the last reference's end.
    """

    def __init__(
        self,
        call: Call,
        field: str,
        convert: Callable[[Any], T],
        done: Callable[[], object],
    ) -> None:
        self._call, self._field, self._convert, self._done = call, field, convert, done
        self._ready: deque[Any] = deque()
        self._closed = False
        try:
            call.begun()
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        while not self._ready and not self._closed:
            try:
                reply = self._call.read()
            except BaseException:
                was_closed, self._closed = self._closed, True
                if was_closed:
                    break
                self._done()
                raise
            if reply is None:
                self.close()
            else:
                self._ready.extend(getattr(reply, self._field))
        if not self._ready:
            raise StopIteration
        return self._convert(self._ready.popleft())

    def close(self) -> None:
        """Hang up, if that has not happened yet."""
        if not self._closed:
            self._closed = True
            self._done()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()
