r"""Channels over WebSocket: a binary message each, and its first byte is the channel.

    GET, Upgrade: websocket, Sec-WebSocket-Protocol: v5.channel.k8s.io
    00 'ls\n'     stdin              01 ...     stdout
    ff 00        stdin has ended    03 {...}   how it went; then a close frame, 1000

v5 is v4 and the `ff`; client-go offers v5 alone, older pages v4.  RFC 6455 is wsproto's.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Request,
    TextMessage,
)
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from .channels import Channel
from .head import Head, Refused
from .tokens import Wish

V5 = "v5.channel.k8s.io"
PROTOCOLS = (V5, "v4.channel.k8s.io")  # the better one first
PIECE = 64 * 1024  # bytes that are read at a time
TO_US = (Channel.STDIN, Channel.RESIZE)


class WebSocket:
    """A client's; `accept` it first.  Refused: it is none, or not for us."""

    def __init__(
        self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader, self._writer, self._rest = reader, writer, head.rest
        self._frames = WSConnection(ConnectionType.SERVER)
        self._protocol = _choose(_offered(self._frames, head))
        self._channel: int | None = None  # of the message that has begun

    async def accept(self, wish: Wish) -> None:
        """Say yes."""
        await self._send(AcceptConnection(subprotocol=self._protocol))
        if self._rest:
            self._frames.receive_data(self._rest)

    async def say(self, channel: Channel, data: bytes) -> None:
        """One message."""
        await self._send(BytesMessage(data=bytes([channel]) + data))

    async def ping(self) -> None:
        """A frame that asks for a pong."""
        await self._send(Ping())

    async def end(self, status: bytes) -> None:
        """The last message, and a close frame."""
        await self.say(Channel.ERROR, status)
        await self._send(CloseConnection(code=CloseReason.NORMAL_CLOSURE))

    async def hear(self) -> AsyncIterator[tuple[Channel, bytes | None]]:
        """What comes; pings are answered meanwhile."""
        while True:
            for event in self._frames.events():
                if isinstance(event, BytesMessage):
                    for heard in self._heard(event):
                        yield heard
                elif not await self._goes_on(event):
                    return
            if not (data := await self._reader.read(PIECE)):
                return
            self._frames.receive_data(data)

    def _heard(self, event: BytesMessage) -> Iterator[tuple[Channel, bytes | None]]:
        """A long message comes in pieces, and the first has its channel."""
        data = bytes(event.data)
        if self._channel is None and data:
            self._channel, data = data[0], data[1:]
        channel = self._channel
        if event.message_finished:
            self._channel = None
        if channel in TO_US and data:
            yield Channel(channel), data
        if channel == Channel.CLOSE and self._protocol == V5 and data[:1] == b"\0":
            yield Channel.STDIN, None

    async def _goes_on(self, event: Event) -> bool:
        """Answer it; False: they close, or have said what nobody understands."""
        if isinstance(event, Ping):
            await self._send(event.response())
        elif isinstance(event, CloseConnection):
            await self._send(event.response())
            return False
        elif isinstance(event, TextMessage):
            words = "binary messages, and their first byte is the channel"
            await self._send(CloseConnection(CloseReason.UNSUPPORTED_DATA, words))
            return False
        return True

    async def _send(self, event: Event) -> None:
        try:
            frame = self._frames.send(event)
        except LocalProtocolError:  # a close frame has been answered meanwhile
            raise ConnectionError("the client has closed it") from None
        self._writer.write(frame)
        await self._writer.drain()


def _offered(frames: WSConnection, head: Head) -> list[str]:
    """The protocols within WebSocket that the client knows."""
    try:
        frames.initiate_upgrade_connection([*head.headers], head.target)
    except (RemoteProtocolError, LocalProtocolError, UnicodeError) as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"no WebSocket: {error}") from None
    asked = next(iter(frames.events()))
    assert isinstance(asked, Request)
    return asked.subprotocols


def _choose(offered: list[str]) -> str:
    known = [protocol for protocol in PROTOCOLS if protocol in offered]
    if not known:
        raise Refused(
            HTTPStatus.BAD_REQUEST,
            f"Sec-WebSocket-Protocol: offer {' or '.join(PROTOCOLS)}",
        )
    return known[0]
