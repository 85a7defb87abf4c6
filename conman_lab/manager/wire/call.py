"""One call: requests out, replies in, and how it ended.

Back-pressure is HTTP/2's: the daemon may send WINDOW bytes that nobody has read, and
`read` gives it room for as much as was taken; we send as much as it lets us.
"""

import base64
import struct
from contextlib import suppress
from threading import Condition
from typing import Any

import h2.errors
import h2.events
import h2.exceptions

from conman_lab.errors import InvalidArgument

from .connection import Connection, deadline
from .failures import TRAILER, unpack
from .schema import Method

PREFIX = struct.Struct(">?I")  # compressed or not, length
LARGEST_REPLY = 64 * 1024 * 1024  # bytes; no daemon of ours sends half as much
HEADERS = {
    ":method": "POST",
    ":scheme": "http",
    ":authority": "conman",
    "te": "trailers",
    "content-type": "application/grpc",
    "user-agent": "conman_lab",
}


class Call:
    """A call that has begun; at its end the connection is free again."""

    def __init__(self, connection: Connection, method: Method) -> None:
        self.connection, self._method = connection, method
        self._unread = bytearray()
        self._taken = 0  # bytes that the daemon has not heard we have read
        self._headers: dict[str, str] = {}
        self.ended = False  # by the daemon
        self._asked = False  # we have sent all that we want to
        self._news = Condition(connection.lock)
        self._pumping = False  # somebody waits at the socket: others wait for him
        with connection.lock:
            self.id = connection.h2.get_next_available_stream_id()
            headers = {":path": method.path} | HEADERS  # those with a colon are first
            connection.h2.send_headers(self.id, [*headers.items()])
        connection.flush()

    def send(self, message: Any, end: bool = False) -> None:
        """Send one request; blocks while the daemon does not want more."""
        body = message.SerializeToString()
        data = memoryview(PREFIX.pack(False, len(body)) + body)
        while data and not self.ended:
            with self.connection.lock:
                room = self._room()
                if room:
                    self._asked = end and room >= len(data)
                    self._send_data(data[:room], self._asked)
                    data = data[room:]
            if not room:
                self._pump(None)

    def end(self) -> None:
        """There are no more requests."""
        with self.connection.lock:
            if not self.ended and not self._asked:
                self._asked = True
                self.connection.h2.end_stream(self.id)
        self.connection.flush()

    @property
    def complete(self) -> bool:
        """Both sides have said all, and the connection can take another call."""
        return self.ended and self._asked and not self.connection.gone

    def read(self, timeout: float | None = None) -> Any:
        """The next reply; None: that was all.  TimeoutError; and what the daemon says."""
        left = deadline(timeout)
        while (message := self._next()) is None and not self.ended:
            self._pump(left())
        if message is None:
            self._check()
        return message

    def cancel(self) -> None:
        """Give it up: RST_STREAM, and the daemon stops."""
        with self.connection.lock:
            if not self.ended and not self.connection.gone:
                code = h2.errors.ErrorCodes.CANCEL
                with suppress(h2.exceptions.ProtocolError):  # it has ended as we spoke
                    self.connection.h2.reset_stream(self.id, code)
                self.connection.flush()
            self.ended = True

    # --- how

    def _room(self) -> int:
        try:
            window = self.connection.h2.local_flow_control_window(self.id)
        except h2.exceptions.StreamClosedError:
            self.ended = True
            return 0
        return min(window, self.connection.h2.max_outbound_frame_size)

    def _send_data(self, data: memoryview, end: bool) -> None:
        self.connection.h2.send_data(self.id, bytes(data), end_stream=end)
        self.connection.flush()

    def _pump(self, timeout: float | None) -> None:
        """Wait until something has come, in this thread or in another."""
        with self._news:
            if self._pumping:
                if not self._news.wait(timeout):
                    raise TimeoutError
                return
            self._pumping = True
        try:
            self.connection.wait(timeout)
            with self._news:
                for event in self.connection.receive():
                    self._take(event)
        finally:
            with self._news:
                self._pumping = False
                self._news.notify_all()
        if self.connection.gone and not self.ended:
            self.ended = True
            raise self.connection.has_gone(self._method.name)

    def _take(self, event: Any) -> None:
        if getattr(event, "stream_id", None) != self.id:
            return
        if isinstance(event, h2.events.DataReceived):
            self._unread += event.data
            self._taken += event.flow_controlled_length or 0
        elif isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
            self._headers |= {str(name): str(value) for name, value in event.headers}
            self.ended |= "grpc-status" in self._headers
        elif isinstance(event, h2.events.StreamEnded | h2.events.StreamReset):
            self.ended = True

    def _next(self) -> Any:
        """The first whole message of what has come."""
        with self.connection.lock:
            if len(self._unread) < PREFIX.size:
                return self._make_room()
            _, length = PREFIX.unpack_from(self._unread)
            if length > LARGEST_REPLY:
                raise InvalidArgument(f"an answer of {length} bytes is too large")
            end = PREFIX.size + length
            if len(self._unread) < end:
                return self._make_room()
            body = bytes(memoryview(self._unread)[PREFIX.size : end])
            del self._unread[:end]
            return self._method.reply.FromString(body)

    def _make_room(self) -> None:
        """All that was whole is read: let the daemon send as much again."""
        if self._taken and not self.connection.gone:
            taken, self._taken = self._taken, 0
            self.connection.h2.acknowledge_received_data(taken, self.id)
            self.connection.flush()

    def _check(self) -> None:
        """Raise what the daemon has raised."""
        status = int(self._headers.get("grpc-status", "-1"))
        if status == 0:
            return
        if status < 0:
            self.connection.gone = self.connection.gone or "it broke off"
            raise self.connection.has_gone(self._method.name)
        trailer = self._headers.get(TRAILER)
        message = _unquoted(self._headers.get("grpc-message", ""))
        raise unpack(status, message, _decoded(trailer) if trailer else None)


def _decoded(value: str) -> bytes:
    """What is in it: gRPC leaves the = at the end of base64 away."""
    return base64.b64decode(value + "=" * (-len(value) % 4))


def _unquoted(words: str) -> str:
    """A sentence that was percent-encoded for its way through a header."""
    from urllib.parse import unquote  # noqa: PLC0415  # errors are rare, it is not cheap

    return unquote(words)
