"""One call: requests out, replies in, and how it ended.

Back-pressure is HTTP/2's: the daemon may send WINDOW bytes that nobody has read, and
`read` gives it room for as much as was taken; we send as much as it lets us.
"""

import base64
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Condition
from typing import Any, TypeVar

import h2.errors
import h2.events
import h2.exceptions

from .connection import Connection, deadline
from .failures import TRAILER, Code, unpack
from .framing import Unframer, framed
from .schema import Method

T = TypeVar("T")
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
        self._replies = Unframer(method.reply, LARGEST_REPLY)
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
        # They go with the first message: the daemon wakes once for both.

    def send(self, message: Any, end: bool = False) -> None:
        """Send one request; blocks while the daemon does not want more."""
        data = memoryview(framed(message))
        while data and not self.ended:
            sent = self._until(partial(self._send_some, data, end), None)
            data = data[sent or 0 :]

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

    def begun(self) -> None:
        """Wait until the daemon has begun to answer, or raise what it says."""
        self._until(lambda: self._headers or None, None)
        if self.ended:
            self._check()

    def read(self, timeout: float | None = None) -> Any:
        """The next reply; None: that was all.  TimeoutError; and what the daemon says."""
        reply = self._until(self._next, timeout)
        if reply is None:
            self._check()
            if self._replies.cut_off:
                raise self.connection.no_conmand("an answer that is cut off")
        return reply

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

    def _until(self, found: Callable[[], T | None], timeout: float | None) -> T | None:
        """What `found` finds, as soon as it does; None: the call has ended without.

        One thread waits at the socket, and another for its news.  Each looks and begins
        to wait under one lock: what comes in between would be waited for, for ever.
        """
        left = deadline(timeout)
        while True:
            with self._news:
                if (it := found()) is not None or self.ended:
                    return it
                others, self._pumping = self._pumping, True
                if others and not self._news.wait(left()):
                    raise TimeoutError
            if not others:
                self._pump(left())

    def _pump(self, timeout: float | None) -> None:
        """Wait until something has come, and take it in.  TimeoutError, Unreachable."""
        try:
            self.connection.wait(timeout)
            with self._news:
                for event in self.connection.receive():
                    self._take(event)
                broke_off = bool(self.connection.gone) and not self.ended
                self.ended |= broke_off
        finally:
            with self._news:
                self._pumping = False
                self._news.notify_all()
        if broke_off:
            raise self.connection.has_gone(self._method.name)

    def _take(self, event: Any) -> None:
        if getattr(event, "stream_id", None) != self.id:
            return
        if isinstance(event, h2.events.DataReceived):
            self._replies.feed(event.data)
            self._taken += event.flow_controlled_length or 0
        elif isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
            self._headers |= {str(name): str(value) for name, value in event.headers}
            self.ended |= "grpc-status" in self._headers
        elif isinstance(event, h2.events.StreamEnded | h2.events.StreamReset):
            self.ended = True

    def _send_some(self, data: memoryview, end: bool) -> int | None:
        """How much of it the daemon takes; None: nothing by now, or any more."""
        if self.ended or self.connection.gone:
            return None
        window = self.connection.h2.local_flow_control_window(self.id)
        piece = bytes(data[: min(window, self.connection.h2.max_outbound_frame_size)])
        if piece:
            self._asked = end and len(piece) == len(data)
            self.connection.h2.send_data(self.id, piece, end_stream=self._asked)
        self.connection.flush()
        return len(piece) or None

    def _next(self) -> Any:
        """The next reply, if it is there; else the daemon may send as much again."""
        try:
            reply = self._replies.next()
        except ValueError as error:
            raise self.connection.no_conmand(str(error)) from None
        if reply is None and self._taken and not self.connection.gone:
            taken, self._taken = self._taken, 0
            self.connection.h2.acknowledge_received_data(taken, self.id)
            self.connection.flush()
        return reply

    def _check(self) -> None:
        """Raise what the daemon has raised."""
        words = self._headers.get("grpc-status", "")
        if (http := self._headers.get(":status", "200")) != "200":
            raise self.connection.no_conmand(f"HTTP's status {http}")
        if not words:
            self.connection.gone = self.connection.gone or "it broke off"
            raise self.connection.has_gone(self._method.name)
        message = _unquoted(self._headers.get("grpc-message", ""))
        trailer = self._headers.get(TRAILER)
        strange = words == str(Code.UNIMPLEMENTED) and trailer is None
        if strange or not words.isdecimal():
            raise self.connection.no_conmand(message or f"status {words}")
        if int(words):
            raise unpack(int(words), message, _decoded(trailer) if trailer else None)


def _decoded(value: str) -> bytes:
    """What is in it: gRPC leaves the = at the end of base64 away."""
    with suppress(ValueError):  # binascii.Error: it is none
        return base64.b64decode(value + "=" * (-len(value) % 4))
    return b""


def _unquoted(words: str) -> str:
    """A sentence that was percent-encoded for its way through a header."""
    from urllib.parse import unquote  # noqa: PLC0415  # errors are rare, it is not cheap

    return unquote(words)
