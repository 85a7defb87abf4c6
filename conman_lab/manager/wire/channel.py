"""Calls to one daemon, each over a connection that it has for itself.

A call costs a connection, and a connection some 300 microseconds at both ends, so a few
are kept for the next calls.  A daemon that has gone in between is seen before one of
them is used again.
"""

from collections import deque
from pathlib import Path
from typing import Any

from .call import Call
from .connection import Connection
from .schema import Method

KEPT = 4  # connections that wait for the next call


class Channel:
    """Where a client's calls go.  It may be used by several threads."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._idle: deque[Connection] = deque()

    def call(self, method: Method, **request: Any) -> Any:
        """One request, one reply.  What the daemon raises is raised here."""
        call = self.begin(method, **request)
        try:
            reply = call.read()
            if reply is None:
                raise call.connection.no_conmand("an answer with nothing in it")
            call.read()  # nothing: its end is part of it
        finally:
            self.done(call)
        return reply

    def begin(self, method: Method, end: bool = True, **request: Any) -> Call:
        """Send the first request; `end`: it is the only one."""
        message = method.request(**request)
        call = Call(self._connection(), method)
        try:
            call.send(message, end=end)
        except BaseException:
            self.done(call)
            raise
        return call

    def done(self, call: Call) -> None:
        """Keep the connection, unless there is something left of the call."""
        if call.complete and len(self._idle) < KEPT:
            self._idle.append(call.connection)
        else:
            call.cancel()
            call.connection.close()

    def close(self) -> None:
        """Hang up; a later call connects again."""
        while self._idle:
            self._idle.pop().close()

    def __del__(self) -> None:
        """One that is forgotten hangs up."""
        self.close()

    def _connection(self) -> Connection:
        while True:
            try:
                kept = self._idle.pop()
            except IndexError:  # there is none, or another thread was faster
                return Connection(self._socket)
            if kept.usable:
                return kept
            kept.close()
