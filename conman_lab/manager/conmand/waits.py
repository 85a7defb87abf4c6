"""Waiting for a container's end: no thread, and no asking again and again.

The manager hears of ends anyway, and calls back.  For each container there is one such
callback, however many wait: one who has gone leaves nothing with the manager.
"""

import asyncio
from contextlib import suppress
from functools import partial

from conman_lab.errors import Deadline
from conman_lab.linux import Exit
from conman_lab.manager.manager import Manager
from conman_lab.manager.register import Entry
from conman_lab.manager.sessions import awaited

from .threads import Kind, Threads

How = asyncio.Future[Exit | None]


class Ends:
    """The ends of containers, as futures of the loop that we are used in.

    Each may be removed as it ends: whoever has found it needs not find it again.
    """

    def __init__(self, manager: Manager, threads: Threads) -> None:
        self._manager, self._threads = manager, threads
        self._awaited: dict[str, How] = {}

    def of(self, entry: Entry) -> How:
        """How this run of it ends; None: nobody knows.  To be shielded."""
        id = entry.id
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
        entry.on_end(tell_from_a_thread)
        return end

    async def wait(self, ref: str, patience: float | None) -> Exit:
        """How it ended.  Deadline, ExitLost, NotFound."""
        look = partial(self._manager.known, ref)
        entry = await self._threads.run(Kind.LOOK, look)
        name, end = entry.container.name, entry.end
        if not end.done():
            try:
                await asyncio.wait_for(asyncio.shield(self.of(entry)), patience)
            except TimeoutError:
                raise Deadline(f"{name} did not end in {patience:g} s") from None
        return awaited(end, name, 0)
