"""A client and a container talk: four at once, until one of them says that it is over.

hear   what is typed, into the inbox; the sizes of windows.  Over: the client went
type   from the inbox to the container; over, if its stdin stays open after that
look   what the container writes, to the client; over: it has ended
ping   now and then; over: nobody is there

A killed client's FIN comes after all that it has sent, and while the inbox is full nobody
reads that.  But to a ping its kernel answers RST, and the next one finds that out.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from conman_lab.errors import LabError

from . import channels
from .channels import Channel, Line, Sizes
from .inbox import Inbox
from .opened import Opened
from .tokens import Wish

PULSE = 5.0  # seconds, as client-go's


class Talk:
    """One client's, over its line."""

    def __init__(self, line: Line, wish: Wish, opened: Opened) -> None:
        self._line, self._wish, self._opened = line, wish, opened
        self._inbox = Inbox(opened)

    async def run(self) -> None:
        """Until it is over.  ConnectionError: the client went."""
        await self._line.say(self._first(), b"")  # from here on nothing is missed
        ways = self._hear(), self._type(), self._look(), self._ping()
        if status := await first_of(*ways):
            await self._line.end(status)

    def _first(self) -> Channel:
        """The first that the client looks at."""
        return min(
            (channels.OF[it] for it in self._wish.streams), default=Channel.ERROR
        )

    async def _look(self) -> bytes:
        """How it went."""
        try:
            async for stream, output in self._opened.output():
                if stream in self._wish.streams:
                    await self._line.say(channels.OF[stream], output)
            return channels.ended(await self._opened.how_it_ended())
        except LabError as error:  # FellBehind; ExitLost; WrongState: we are to stop
            return channels.failed(error)

    async def _type(self) -> bytes:
        """It went well, and is over if nothing else will end it."""
        await self._inbox.pass_on()
        if not self._wish.ends_with_input:
            await asyncio.Event().wait()
        return channels.success()

    async def _hear(self) -> None:
        sizes = Sizes()
        async for channel, data in self._line.hear():
            if channel == Channel.RESIZE and data:
                for rows, columns in sizes.feed(data):
                    self._opened.resize(rows, columns)
            elif channel == Channel.STDIN and self._wish.stdin:
                await self._take(data)

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(PULSE)
            await self._line.ping()

    async def _take(self, data: bytes | None) -> None:
        if data is None:
            self._inbox.end()
        else:
            await self._inbox.put(data)


async def first_of(*ways: Coroutine[Any, Any, Any]) -> Any:
    """What the first of them returns, or raises; the others are cancelled."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
