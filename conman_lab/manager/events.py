"""What has happened, in order: the last thousands, and all that come.

A stream is a place in that order and holds nothing else, so one that nobody reads any
more costs nothing.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from threading import Condition

from .answers import Event

KEPT = 10_000

Callback = Callable[[Event], object]


class Events:
    """Tells, and keeps."""

    def __init__(self) -> None:
        self._news = Condition()
        self._kept: deque[Event] = deque(maxlen=KEPT)
        self._count = 0  # of all there ever were
        self._callbacks: list[Callback] = []
        self._closed = False

    def tell(self, event: Event) -> None:
        """It has happened."""
        with self._news:
            self._kept.append(event)
            self._count += 1
            self._news.notify_all()
            callbacks = [*self._callbacks]
        for callback in callbacks:
            with suppress(Exception):  # a listener's trouble is its own
                callback(event)

    def on_event(self, callback: Callback) -> Callable[[], None]:
        """Call back with each, from whichever thread it happens in; how to end that."""
        with self._news:
            self._callbacks.append(callback)
        return partial(self._forget, callback)

    def since(self, at: float) -> list[Event]:
        """Those that were told since then, as far as they are kept."""
        with self._news:
            return [event for event in self._kept if event.at >= at]

    def stream(self, since: float | None) -> Iterator[Event]:
        """Those from now on, or `since` a time; waits for the next, until `close`."""
        with self._news:
            place = self._count if since is None else self._count - len(self._kept)
        return self._from(place, since or 0.0)

    def close(self) -> None:
        """No more will come."""
        with self._news:
            self._closed = True
            self._news.notify_all()

    def _forget(self, callback: Callback) -> None:
        with self._news, suppress(ValueError):  # it was forgotten before
            self._callbacks.remove(callback)

    def _from(self, place: int, since: float) -> Iterator[Event]:
        while True:
            with self._news:
                self._news.wait_for(partial(self._has_more, place))
                new = min(self._count - place, len(self._kept))
                events = [*self._kept][len(self._kept) - new :]
                place = self._count
            if not events:
                return
            yield from (event for event in events if event.at >= since)

    def _has_more(self, place: int) -> bool:
        return self._count > place or self._closed
