"""Waiting for a container's end: no thread, and no asking again and again.

The manager hears of ends anyway, and calls back.  For each container there is one such
callback, however many wait: one who has gone leaves nothing with the manager.
"""

import asyncio
import time
from contextlib import suppress
from functools import partial

from conman_lab.errors import Deadline
from conman_lab.linux import Exit
from conman_lab.manager.manager import Manager

from .threads import Kind, Threads

How = asyncio.Future[Exit | None]


class Ends:
    """The ends of containers, as futures of the loop that we are used in."""

    def __init__(self, manager: Manager, threads: Threads) -> None:
        self._manager, self._threads = manager, threads
        self._awaited: dict[str, How] = {}

    def of(self, id: str) -> How:
        """How this run of it ends; None: nobody knows.  To be shielded.  NotFound."""
        if id in self._awaited:
            return self._awaited[id]
        loop = asyncio.get_running_loop()
        end: How = loop.create_future()

        def tell(how: Exit | None) -> None:
            self._awaited.pop(id, None)
            if not end.done():
                end.set_result(how)

        def tell_from_a_thread(how: Exit | None) -> None:
            with suppress(RuntimeError):  # the loop has been closed
                loop.call_soon_threadsafe(tell, how)

        self._awaited[id] = end
        try:
            self._manager.on_end(id, tell_from_a_thread)
        except BaseException:
            del self._awaited[id]
            raise
        return end

    async def wait(self, ref: str, patience: float | None) -> Exit:
        """How it ended.  Deadline, ExitLost, NotFound."""
        look = partial(self._manager.status, ref)
        container = await self._threads.run(Kind.LOOK, look)
        ends_at = None if patience is None else time.monotonic() + patience
        with suppress(Deadline):
            return self._manager.wait(container.id, 0)  # which looks at no file
        left = None if ends_at is None else ends_at - time.monotonic()
        try:
            how = await asyncio.wait_for(asyncio.shield(self.of(container.id)), left)
        except TimeoutError:
            words = f"{container.name} did not end in {patience:g} s"
            raise Deadline(words) from None
        if how is None:  # it says what is lost
            return self._manager.wait(container.id, 0)
        return how
