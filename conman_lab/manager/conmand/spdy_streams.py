r"""Channels over SPDY/3.1: a stream each, which the client opens and names in a header.

    POST, Upgrade: SPDY/3.1, X-Stream-Protocol-Version: v4.channel.k8s.io
                                            101, and the version that was chosen
    SYN_STREAM 1 streamtype: error     -->
    <-- SYN_REPLY 1                         and so on: stdin, stdout, stderr, resize
    data 3 'ls\n', and  FIN: no more  -->
                    <-- data 5 ..., data 1 {...}: how it went; FIN on each

It is what crictl sends unless it is told otherwise, and what conman's own client sends.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus

from . import spdy
from .channels import OF, Channel
from .head import Head, Refused
from .spdy import Broken, Frame, Headers, Parser, Type
from .tokens import Wish

PROTOCOL = "v4.channel.k8s.io"
PATIENCE = 30.0  # seconds, for all streams to be opened
PIECE = 64 * 1024  # bytes that are read at a time
REFUSED_STREAM = 3
FROM_US = (Channel.STDOUT, Channel.STDERR, Channel.ERROR)  # the last word comes last
Heard = tuple[Channel, bytes | None]


class SpdyStreams:
    """A client's; `accept` it first.  Refused: it is none, or not for us."""

    def __init__(
        self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if PROTOCOL not in head.words("x-stream-protocol-version"):
            words = f"X-Stream-Protocol-Version: offer {PROTOCOL}"
            raise Refused(HTTPStatus.FORBIDDEN, words)
        self._reader, self._writer, self._rest = reader, writer, head.rest
        self._parser, self._headers = Parser(), Headers()
        self._streams: dict[Channel, int] = {}
        self._early: list[Heard] = []  # what came before all streams were open
        self._pings = 0
        self._over = False

    async def accept(self, wish: Wish) -> None:
        """Say yes, and wait for the streams that are needed.  Broken: they do not come."""
        answer = (
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
            f"Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: {PROTOCOL}\r\n\r\n"
        )
        await self._send(answer.encode())
        self._early += self._take(self._rest)
        try:
            async with asyncio.timeout(PATIENCE):
                while not _needed(wish) <= self._streams.keys() and not self._over:
                    self._early += await self._read()
        except TimeoutError:
            words = f"its streams were not opened in {PATIENCE:g} seconds"
            raise Broken(words) from None

    async def say(self, channel: Channel, data: bytes) -> None:
        """On the stream of that name, if there is one."""
        if data and channel in self._streams:
            await self._send(spdy.data(self._streams[channel], data))

    async def ping(self) -> None:
        """Ours have even numbers; they come back."""
        self._pings += 2
        await self._send(spdy.control(Type.PING, self._pings.to_bytes(4)))

    async def end(self, status: bytes) -> None:
        """The last word, and FIN on all that we speak on."""
        for channel in FROM_US:
            if stream := self._streams.get(channel):
                last = status if channel == Channel.ERROR else b""
                await self._send(spdy.data(stream, last, ends=True))

    async def hear(self) -> AsyncIterator[Heard]:
        """What comes; pings are answered meanwhile."""
        for heard in self._early:
            yield heard
        while not self._over:
            for heard in await self._read():
                yield heard

    async def _read(self) -> list[Heard]:
        data = await self._reader.read(PIECE)
        self._over |= not data
        heard = [*self._take(data)]
        await self._writer.drain()
        return heard

    def _take(self, data: bytes) -> Iterator[Heard]:
        for frame in self._parser.feed(data):
            if frame.type is None:
                yield from self._heard(frame)
            elif frame.type == Type.SYN_STREAM:
                self._open(frame)
                yield from self._ended(frame)
            elif frame.type == Type.PING and frame.stream % 2:
                self._writer.write(spdy.control(Type.PING, frame.body))
            elif frame.type == Type.GOAWAY:
                self._over = True

    def _heard(self, frame: Frame) -> Iterator[Heard]:
        for channel in (Channel.STDIN, Channel.RESIZE):
            if self._streams.get(channel) == frame.stream:
                if frame.body:
                    yield channel, frame.body
                yield from self._ended(frame)

    def _ended(self, frame: Frame) -> Iterator[Heard]:
        """FIN may come with data, alone, or as the stream is opened."""
        if frame.ends and self._streams.get(Channel.STDIN) == frame.stream:
            yield Channel.STDIN, None

    def _open(self, frame: Frame) -> None:
        """After id, the one it belongs to, priority and slot: ten bytes; headers."""
        stream, name = frame.body[:4], self._headers.unpack(frame.body[10:])
        channel = _named(name.get("streamtype", ""))
        if channel is None or channel in self._streams:
            refusal = stream + REFUSED_STREAM.to_bytes(4)
            self._writer.write(spdy.control(Type.RST_STREAM, refusal))
            return
        self._streams[channel] = frame.stream
        reply = stream + self._headers.pack({})
        self._writer.write(spdy.control(Type.SYN_REPLY, reply))

    async def _send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


def _needed(wish: Wish) -> set[Channel]:
    """The streams that its client will open; with a terminal there is no stderr."""
    outputs = {OF[stream] for stream in wish.streams}
    missing = {Channel.STDERR} if wish.terminal else set()
    return (
        (outputs - missing)
        | {Channel.ERROR}
        | ({Channel.STDIN} if wish.stdin else set())
    )


def _named(name: str) -> Channel | None:
    """Which channel a streamtype is.

    >>> _named("stdin")
    <Channel.STDIN: 0>
    """
    return {channel.name.lower(): channel for channel in Channel}.get(name)
