"""Attach and exec: what is typed goes in, what is written comes out, then how it ended.

    client --HTTP/2--> input: a thread that may block in send      --> shim
    client <--HTTP/2-- Pump: a thread that may block in read       <-- shim

Each way has its own back-pressure: a container that does not read stops who types, and a
client that does not read stops us, until its shim drops us as it would drop any viewer.
"""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from conman_lab.errors import InvalidArgument, NotPossible
from conman_lab.manager.manager import Manager
from conman_lab.manager.sessions import ViewerSession
from conman_lab.manager.wire import convert
from conman_lab.manager.wire.schema import METHODS
from conman_lab.stream import Stream

from .desk import Desk
from .pump import Pump
from .receive import receive
from .threads import Kind

Reply = METHODS["Session"].reply
MOST = 64 * 1024  # bytes of one message of output


async def session(desk: Desk, request: Any, out: Any) -> None:
    """Serve one, until the end or until the client has had enough."""
    opened = await desk.threads.run(Kind.CHANGE, partial(_open, desk.manager, request))
    served = _Served(opened, out)
    try:
        await out.send_message(Reply(id=opened.id))
        await served.run()
    finally:
        served.hang_up()


class _Served:
    """An open session and the three that use it: input, output, the wait for its end."""

    def __init__(self, opened: ViewerSession, out: Any) -> None:
        self._session, self._out = opened, out
        self._pump = Pump(_Look(opened))
        self._typist = ThreadPoolExecutor(1, "conmand-input")

    async def run(self) -> None:
        """Until the output and then the container, or the command, have ended."""
        typing = asyncio.ensure_future(self._type())
        try:
            while batch := await self._pump.batch():
                for message in _joined(batch):
                    await self._out.send_message(message)
            await self._out.send_message(Reply(end_output=True))
            await self._out.send_message(Reply(exit=await self._how_it_ended()))
        finally:
            typing.cancel()

    async def _how_it_ended(self) -> Any:
        """It may go on for long with its output closed: that costs us no thread."""
        loop, over = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            with suppress(RuntimeError):  # the loop has been closed
                loop.call_soon_threadsafe(over.set)

        self._session.on_end(tell)
        await over.wait()
        return convert.exit_message(self._session.wait(0))

    async def _type(self) -> None:
        """Pass on what comes, in its order; a container that has gone hears nothing."""
        loop = asyncio.get_running_loop()
        with suppress(OSError, NotPossible):
            while (request := await receive(self._out)) is not None:
                await loop.run_in_executor(self._typist, self._pass_on, request)
            await loop.run_in_executor(self._typist, self._session.end_input)

    def _pass_on(self, request: Any) -> None:
        if request.input:
            self._session.send(request.input)
        if request.HasField("window"):
            with suppress(OSError):  # ENXIO: it has ended
                self._session.resize(request.window.rows, request.window.columns)
        if request.end_input:
            self._session.end_input()

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

    def __init__(self, opened: ViewerSession) -> None:
        self._session = opened

    def __iter__(self) -> Iterator[tuple[Stream, bytes]]:
        return iter(self._session)

    def close(self) -> None:
        """Shut the socket down in both directions, shutdown(2): that wakes threads."""
        with socket.socket(fileno=os.dup(self._session.fileno())) as same:
            same.shutdown(socket.SHUT_RDWR)


def _open(manager: Manager, request: Any) -> ViewerSession:
    """What the first message asks for."""
    if request.HasField("attach"):
        wanted = request.attach
        return manager.attach(wanted.container_id, stdin=wanted.stdin)
    if not request.HasField("exec"):
        raise InvalidArgument("a session begins with `attach` or with `exec`")
    wanted = request.exec
    return manager.exec(
        wanted.container_id,
        *wanted.command,
        env=dict(wanted.env),
        **convert.given(wanted, "cwd"),
        terminal=wanted.terminal,
        stdin=wanted.stdin,
        rows=wanted.window.rows,
        columns=wanted.window.columns,
        log=wanted.log,
    )


def _joined(batch: Any) -> Any:
    """As few messages as the order of the two streams allows."""
    stream, output = batch[0][0], bytearray()
    for next_stream, piece in batch:
        if next_stream != stream or len(output) + len(piece) > MOST:
            yield Reply(stream=stream, output=bytes(output))
            stream, output = next_stream, bytearray()
        output += piece
    yield Reply(stream=stream, output=bytes(output))
