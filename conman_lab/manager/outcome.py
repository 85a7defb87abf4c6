"""How a run ends, for as many as wait for it, and however many leave before that."""

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from threading import Lock

from conman_lab.linux import Exit


class Outcome(Future[Exit | None]):
    """An Exit, once there is one; None: nobody knows how.

    A future keeps its callbacks for good, and a container may run for months, with a
    viewer now and then.  So it has one of ours, and that one knows who still waits.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()
        self._waiting: dict[object, Callable[[], object]] = {}
        self.add_done_callback(self._tell)

    def tell(self, callback: Callable[[], object]) -> Callable[[], object]:
        """Call back once it is known, from any thread; returns how to take that back."""
        key = object()
        with self._lock:
            self._waiting[key] = callback
        if self.done():  # since a moment ago, or for long
            self._tell(self)
        return partial(self._forget, key)

    def _forget(self, key: object) -> None:
        with self._lock:
            self._waiting.pop(key, None)

    def _tell(self, outcome: object) -> None:
        with self._lock:
            callbacks, self._waiting = self._waiting, {}
        for callback in callbacks.values():
            callback()
