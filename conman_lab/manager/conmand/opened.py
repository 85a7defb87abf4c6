"""A session that is open, for a loop that must not block: its output, input and end.

    client --> input: a thread that may block in send      --> shim
    client <-- Pump: a thread that may block in read       <-- shim

Each way has its own back-pressure: a container that does not read stops who types, and a
client that does not read stops us, until its shim drops us as it would drop any viewer.
"""

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from conman_lab.linux import Exit
from conman_lab.manager.sessions import ViewerSession
from conman_lab.stream import Stream

from .pump import Pump

MOST = 64 * 1024  # bytes of one piece of output
Piece = tuple[Stream, bytes]


class Opened:
    """An open session and the three that use it: input, output, the wait for its end."""

    def __init__(self, session: ViewerSession) -> None:
        self._session = session
        self._pump = Pump(_Look(session))
        self._typist = ThreadPoolExecutor(1, "conmand-input")

    async def output(self) -> AsyncIterator[Piece]:
        """What it writes, until it writes no more."""
        while batch := await self._pump.batch():
            for piece in _joined(batch):
                yield piece

    async def how_it_ended(self) -> Exit:
        """It may go on for long without its shim: that costs us no thread."""
        loop, over = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            with suppress(RuntimeError):  # the loop has been closed
                loop.call_soon_threadsafe(over.set)

        take_back = self._session.on_end(tell)
        try:
            await over.wait()
        finally:
            take_back()
        return self._session.wait(0)

    async def type(self, data: bytes) -> None:
        """Type it; waits while the container does not read.  OSError: it has gone."""
        await self._typed(lambda: self._session.send(data))

    async def end_input(self) -> None:
        """No more will be typed, after what was."""
        await self._typed(self._session.end_input)

    def resize(self, rows: int, columns: int) -> None:
        """The window has another size; what is typed meanwhile does not delay that."""
        with suppress(OSError):  # ENXIO: it has ended
            self._session.resize(rows, columns)

    async def _typed(self, deed: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._typist, deed)

    def hang_up(self) -> None:
        """Wake all who wait, and close it when they have gone.

        A descriptor that is closed while a thread reads from it may be another file's
        when that thread comes to it again.
        """
        self._pump.close()
        threading.Thread(target=self._close, daemon=True).start()

    def _close(self) -> None:
        self._pump.thread.join()
        self._typist.shutdown(cancel_futures=True)
        self._session.close()


class _Look:
    """A session as a pump's source: closing it hangs up, and frees nothing yet."""

    def __init__(self, session: ViewerSession) -> None:
        self._session = session

    def __iter__(self) -> Iterator[Piece]:
        return iter(self._session)

    def close(self) -> None:
        """Shut the socket down in both directions, shutdown(2): that wakes threads."""
        with socket.socket(fileno=os.dup(self._session.fileno())) as same:
            same.shutdown(socket.SHUT_RDWR)


def _joined(batch: list[Piece]) -> Iterator[Piece]:
    """As few pieces as the order of the two streams allows."""
    stream, output = batch[0][0], bytearray()
    for next_stream, piece in batch:
        if next_stream != stream or len(output) + len(piece) > MOST:
            yield stream, bytes(output)
            stream, output = next_stream, bytearray()
        output += piece
    yield stream, bytes(output)
