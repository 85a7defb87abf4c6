"""Starts again what has ended, if its policy says so, and each time a little later.

Nothing is kept that a crash could lose: the policy and the count are in state.json, when
it ended is in its exit file, and that it was asked to stop is a file of its own.
"""

import time
from collections.abc import Callable
from threading import Lock, Timer, current_thread

from .container import Container, Policy
from .register import Entry
from .store import Store

FIRST, MOST = 0.1, 60.0  # seconds to wait; doubled each time
LONG = 10.0  # seconds after which a run was a good one


class Restarts:
    """Calls `again` with an entry, in a thread, when it is time."""

    def __init__(self, store: Store, again: Callable[[Entry], object]) -> None:
        self._store, self._again = store, again
        self._lock = Lock()
        self._timers: set[Timer] = set()
        self._closed = False

    def consider(self, entry: Entry) -> None:
        """It has ended, perhaps while nobody was there."""
        if not self.wanted(entry.container):
            return
        timer = Timer(wait_of(entry.container), self._due, [entry])
        timer.daemon = True
        with self._lock:
            if not self._closed:
                self._timers.add(timer)
                timer.start()

    def wanted(self, container: Container) -> bool:
        """Its policy says so, and nobody has asked it to stop."""
        return is_due(container) and not self._store.has(container.id, "stop")

    def close(self) -> None:
        """No more; one that is under way is waited for."""
        with self._lock:
            self._closed = True
            timers = [*self._timers]
        for timer in timers:
            timer.cancel()
            timer.join()

    def _due(self, entry: Entry) -> None:
        try:
            self._again(entry)
        finally:
            with self._lock:
                # This one alone: a run that was short has one for the next by now.
                self._timers -= {current_thread()}


def is_due(container: Container) -> bool:
    """What the policy says of one that has ended; it must have been started.

    >>> from conman_lab.linux import Exit
    >>> from .container import Restart
    >>> twice = Restart(Policy.ON_FAILURE, limit=2)
    >>> failed = Container("1", "web", restart=twice, started_at=1.0, exit=Exit(code=1))
    >>> is_due(failed)
    True
    """
    policy, limit = container.restart.policy, container.restart.limit
    if container.started_at is None or policy is Policy.NO:
        return False
    if limit and container.restarts >= limit:
        return False
    ok = container.exit is not None and container.exit.ok
    return policy is Policy.ALWAYS or not ok


def wait_of(container: Container) -> float:
    """Seconds from now: after a good run FIRST, after others twice as long each time."""
    ended_at = container.finished_at or time.time()
    ran = ended_at - (container.started_at or ended_at)
    pause = FIRST if ran > LONG else min(FIRST * 2 ** min(container.restarts, 16), MOST)
    return max(ended_at + pause - time.time(), 0.0)
