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
        if pool := self._pools.get(kind):
            return await asyncio.get_running_loop().run_in_executor(pool, function)
        return await alone(function)

    def close(self) -> None:
        """Wait for what is being done; begin nothing that is in a queue."""
        for pool in self._pools.values():
            pool.shutdown(cancel_futures=True)


async def alone(function: Callable[[], T]) -> T:
    """Run it in a thread of its own, for which nobody waits when we end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(tell_it: Callable[[Any], None], what: object) -> None:
        if not done.done():  # cancelled: nobody wants to know
            tell_it(what)

    def run() -> None:
        try:
            news = (done.set_result, function())
        except BaseException as error:  # noqa: BLE001  # whatever it is: who asked hears
            news = (done.set_exception, error)  # type: ignore[assignment]
        with suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(tell, *news)

    threading.Thread(target=run, daemon=True).start()
    return await done
