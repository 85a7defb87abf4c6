"""What was typed and not yet taken, so that who types is heard all the same.

A container that does not read its stdin stops who types into it.  But behind what is
typed come pings, which want an answer within the minute (client-go), and sizes.  So we
read on for a while; when ROOM bytes wait, we read no more, and then the client's own
send waits.
"""

import asyncio
from contextlib import suppress

from conman_lab.errors import NotPossible

from .opened import Opened

ROOM = 1 << 20  # bytes


class Inbox:
    """Takes what is typed, for `opened`."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._waiting = bytearray()
        self._ended = False
        self._news, self._room = asyncio.Event(), asyncio.Event()

    async def put(self, data: bytes) -> None:
        """Type it; waits for room."""
        while len(self._waiting) >= ROOM:
            self._room.clear()
            await self._room.wait()
        self._waiting += data
        self._news.set()

    def end(self) -> None:
        """No more comes."""
        self._ended = True
        self._news.set()

    async def pass_on(self) -> None:
        """Until the end of it; a container that has gone hears nothing."""
        while data := await self._next():
            with suppress(OSError, NotPossible):
                await self._opened.type(data)
        with suppress(OSError, NotPossible):
            await self._opened.end_input()

    async def _next(self) -> bytes:
        while not self._waiting and not self._ended:
            self._news.clear()
            await self._news.wait()
        data = bytes(self._waiting)
        self._waiting.clear()
        self._room.set()
        return data
