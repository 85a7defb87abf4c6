"""Where the manager's calls block while the loop goes on.

A fixed pool for what is done soon; beside it a thread of its own for each call that
waits by nature, and for each stream: with a pool for them, too, the seventeenth who waits
for a container would keep everybody from listing them.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from enum import Enum
from typing import Any, TypeVar

T = TypeVar("T")


class Kind(Enum):
    """How long a call takes; the value is how many of them may run at a time."""

    LOOK = 4  # milliseconds
    CHANGE = 16  # a runtime's run; more at a time would only be slower
    WAIT = 0  # as long as a container likes


class Threads:
    """Runs blocking functions for one event loop."""

    def __init__(self) -> None:
        self._pools = {
            kind: ThreadPoolExecutor(kind.value, f"conmand-{kind.name.lower()}")
            for kind in Kind
            if kind.value
        }

    async def run(self, kind: Kind, function: Callable[[], T]) -> T:
        """What the function returns or raises.

        If we are cancelled it goes on to its end: half of a creation is no creation.
        """
        pool = self._pools.get(kind)
        return await _done(function, pool.submit if pool else _alone)

    def close(self) -> None:
        """Wait for what is being done; begin nothing that is in a queue."""
        for pool in self._pools.values():
            pool.shutdown(cancel_futures=True)


def _alone(work: Callable[[], None]) -> None:
    """Do it in a thread of its own, for which nobody waits when we end."""
    threading.Thread(target=work, daemon=True).start()


async def _done(
    function: Callable[[], T], begin: Callable[[Callable[[], None]], object]
) -> T:
    """What it returns or raises, once it has begun in another thread and has ended.

    A loop's run_in_executor chains two futures to each other for that, which is a third
    of what the way to a thread and back costs: 50 of 160 microseconds.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(tell_it: Callable[[Any], None], what: object) -> None:
        if not done.done():  # cancelled: nobody wants to know
            tell_it(what)

    def run() -> None:
        if done.cancelled():  # while it was in a queue
            return
        try:
            news = (done.set_result, function())
        except BaseException as error:  # noqa: BLE001  # whatever it is: who asked hears
            news = (done.set_exception, error)  # type: ignore[assignment]
        with suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(tell, *news)

    begin(run)
    return await done
