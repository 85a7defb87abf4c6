"""The streaming server: conman's Attach answers an address, and here it is.

    conmanctl --Attach--> conmand                 over the socket
              <-- http://127.0.0.1:8881/attach/TOKEN
    anybody --GET that, Upgrade: websocket-->     over TCP, once, within a minute
            <-- 101, and then channels

A port that is taken costs us these addresses and nothing else: whoever asks for one is
told, and conmand goes on.  Its socket serves all the rest, its containers want to be
looked after, and of two daemons of one machine the second would not begin.
"""

import asyncio
import time
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from conman_lab.errors import InvalidArgument, LabError, NotFound, NotPossible

from .address import Address
from .head import Head, Refused, read_head
from .journal import Journal
from .opened import Opened
from .spdy_streams import SpdyStreams
from .strangers import Client, Strangers
from .talk import Talk
from .threads import Kind, Threads
from .tokens import Tokens, Wish
from .websocket import WebSocket

LINGER = 5.0  # seconds that a client has for hanging up, when all is said
LINES: dict[str, Any] = {"websocket": WebSocket, "spdy/3.1": SpdyStreams}


class Streaming:
    """Serves at `address`, from `start` to `close`."""

    def __init__(self, address: Address, threads: Threads, journal: Journal) -> None:
        self._address, self._threads, self._journal = address, threads, journal
        self._tokens = Tokens()
        self._server: asyncio.Server | None = None
        self._clients: set[Client] = set()
        self._strangers = Strangers()

    async def start(self) -> str:
        """Listen; where, in words."""
        try:
            self._server = await asyncio.start_server(self._welcome, *self._address)
        except OSError as error:
            self._journal.say("no streaming", at=str(self._address), error=str(error))
            return "nowhere"
        port = self._server.sockets[0].getsockname()[1]
        self._address = self._address._replace(port=port)
        return str(self._address)

    def url(self, wish: Wish) -> str:
        """Where it is granted, once.  NotPossible."""
        if not self._server:
            raise NotPossible(
                f"{self._address} could not be listened at when this daemon began: "
                "begin it with another --streaming-addr, or look over the socket"
            )
        return f"http://{self._address}/{wish.verb}/{self._tokens.give(wish)}"

    async def close(self) -> None:
        """Hang up on everybody."""
        if self._server:
            self._server.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _welcome(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One client, from its connection to its line in the journal."""
        us = self._noted(asyncio.current_task())
        # From now on `drain` means that the kernel has all of it.
        writer.transport.set_write_buffer_limits(0)
        began_at = time.monotonic()
        told: dict[str, Any] = {}
        try:
            await self._serve(us, reader, writer, told)
            await _linger(reader, writer)
        except (ConnectionError, EOFError) as error:
            told.setdefault("error", str(error) or "the client went")
        except asyncio.CancelledError as why:
            told.setdefault("error", str(why) or "we hung up")
            raise
        finally:
            writer.transport.abort()
            told["seconds"] = round(time.monotonic() - began_at, 6)
            self._journal.say("stream", **told)

    def _noted(self, us: Client | None) -> Client:
        """One more whom `close` has to end; a server of asyncio's keeps no list."""
        assert us
        self._clients.add(us)
        us.add_done_callback(self._clients.discard)
        self._strangers.add(us)
        return us

    async def _serve(
        self,
        us: Client,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        told: dict[str, Any],
    ) -> None:
        try:
            head = await read_head(reader)
            line = _line(head)(head, reader, writer)
            wish = self._redeem(head)
            self._strangers.known(us)
            told |= {"verb": wish.verb, "container": wish.container}
            opened = Opened(await self._open(wish))
        except Refused as refused:
            told |= {"status": refused.status.value, "error": str(refused)}
            writer.write(refused.answer())
            return
        try:
            await line.accept(wish)
            await Talk(line, wish, opened).run()
        finally:
            opened.hang_up()

    def _redeem(self, head: Head) -> Wish:
        try:
            return self._tokens.redeem(*head.place)
        except NotFound as error:
            raise Refused(HTTPStatus.NOT_FOUND, str(error)) from None

    async def _open(self, wish: Wish) -> Any:
        """Look at it; it may have ended since the address was asked for."""
        try:
            return await self._threads.run(Kind.CHANGE, wish.open)
        except (LabError, OSError) as error:
            raise Refused(_status(error), str(error)) from error


def _status(error: Exception) -> HTTPStatus:
    if isinstance(error, NotFound):
        return HTTPStatus.NOT_FOUND
    if isinstance(error, InvalidArgument):
        return HTTPStatus.BAD_REQUEST
    return HTTPStatus.CONFLICT


def _line(head: Head) -> Any:
    """Who speaks the protocol that it wants."""
    if head.upgrade not in LINES:
        raise Refused(
            HTTPStatus.BAD_REQUEST,
            f"this is for attaching: ask with Upgrade: {' or '.join(LINES)}",
        )
    return LINES[head.upgrade]


async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let the client hang up first.

    close(2) with something unread sends RST, tcp(7), and that takes from the client what
    it has not read yet: the end of the output, or why it was refused.
    """
    writer.write_eof()
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER):
            while await reader.read(1 << 16):
                pass
