"""The other end of a viewer's connection.

A socket has two directions, and each can end before the other: who types no more may
look on, and who is not shown any more may have typed what is not read yet.
"""

import select
import socket

BEHIND = 8 * 1024 * 1024  # bytes that a viewer may lag
ROOM = 32 * 1024  # bytes beside them, for what one that lags more is told
SO_SNDBUFFORCE = 32  # socket(7); not in Python's socket module


class Guest(socket.socket):
    """A viewer's connection, and what we know of the one at its other end."""

    is_heard = False  # we are told when it types
    has_typed = False

    def has_left(self) -> bool:
        """It is closed in both directions; half-closed, it types no more, and looks on."""
        now = select.poll()
        now.register(self, 0)
        return any(events & select.POLLHUP for _, events in now.poll(0))

    def allow_lag(self) -> None:
        """Let it be BEHIND bytes late; as a user, what the system allows a user."""
        self._set_buffer(BEHIND + ROOM)
        granted = self.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 2  # socket(7)
        self._set_buffer(granted - ROOM)

    def tell_that_it_misses(self, stream: bytes) -> None:
        """Send the message that did not fit once more, its data left out.

        Conmon sends nothing then: its viewer sees the end, and takes what it has for
        all there was.  Podman's client writes the no bytes of ours, and goes on.
        """
        try:
            self._set_buffer(BEHIND + ROOM)  # a message fits as long as a byte is free
            self.send(stream)
        except OSError:  # EPIPE: it has left in this moment
            pass

    def _set_buffer(self, size: int) -> None:
        try:
            self.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, size)
        except PermissionError:  # EPERM: not root
            self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)

    def hang_up(self) -> None:
        """Close it so that it can still read what it was sent.

        A connection that is closed with something unread in it is reset, and its other end
        gets ECONNRESET before anything else: whoever types as all ends would see no end.
        """
        try:
            self.shutdown(socket.SHUT_RD)  # nothing more comes in
            while self.recv(1):
                pass
        except OSError:  # ECONNRESET: it has left
            pass
        self.close()
