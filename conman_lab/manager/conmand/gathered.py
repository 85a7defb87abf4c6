"""A server whose replies leave in one piece, and wake the client once.

grpclib writes the headers of a reply, its message and its trailers one by one, and each
write(2) wakes whoever waits at the other end.  They are written in one round of the
loop, so they are kept until it is over.  TCP has TCP_CORK for that, tcp(7), and a unix
socket nothing.
"""

import asyncio
from typing import Any, cast

from grpclib.protocol import H2Protocol
from grpclib.server import Server


class GatheringServer(Server):
    """grpclib's, on transports that gather."""

    def _protocol_factory(self) -> H2Protocol:
        """For each connection one; grpclib has no other place to say so."""
        theirs = super()._protocol_factory()
        return Gathering(theirs.handler, theirs.config, theirs.h2_config)


class Gathering(H2Protocol):
    """HTTP/2 on a transport that gathers."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Speak through ours."""
        super().connection_made(cast("asyncio.Transport", Gathered(transport)))


class Gathered:
    """A transport; what is written in one round of the loop leaves at its end."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send it soon."""
        if not self._pieces:
            asyncio.get_running_loop().call_soon(self._send)
        self._pieces.append(data)

    def close(self) -> None:
        """Send what there is, and hang up."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        pieces, self._pieces = self._pieces, []
        if pieces:
            self._transport.write(b"".join(pieces))

    def __getattr__(self, name: str) -> Any:
        """All else is the transport's own."""
        return getattr(self._transport, name)
