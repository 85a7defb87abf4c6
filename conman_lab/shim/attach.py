"""Lets people look at a running container.

The socket is SOCK_SEQPACKET.  Each message starts with a byte that names its stream; a
SOCK_STREAM socket runs messages together, and where that byte is would be anyone's
guess, unix(7).
"""

import os
import socket
from collections.abc import Callable
from functools import partial

from conman_lab.files import remove
from conman_lab.stream import Stream

from .loop import Loop

MESSAGE = 8192  # bytes after the first one; conmon's clients read no more
BEHIND = 8 * 1024 * 1024  # bytes that a viewer may lag
SO_SNDBUFFORCE = 32  # socket(7); not in Python's socket module


class AttachServer:
    """Copies output to every viewer.

    The `first` is a descriptor, and was there before us: it misses nothing.

    The log is the record and a viewer only looks on: one that does not keep up is
    dropped, and the container never waits for it.
    """

    def __init__(
        self,
        loop: Loop,
        directory: str,
        complain: Callable[[str], object] = print,
        first: int = -1,
    ) -> None:
        self._loop, self._directory, self._complain = loop, directory, complain
        self._viewers: set[socket.socket] = set()
        self._spare = os.open(os.devnull, os.O_RDONLY)
        self._listener = listen(directory, "attach", socket.SOCK_SEQPACKET)
        self._listening = True
        loop.on_readable(self._listener.fileno(), self._accept)
        if first >= 0:
            self._let_in(socket.socket(fileno=first))

    def broadcast(self, stream: Stream, chunk: bytes) -> None:
        """Send it to all viewers, in messages that they can take."""
        if not self._viewers:
            return
        for start in range(0, len(chunk), MESSAGE):
            message = bytes([stream]) + chunk[start : start + MESSAGE]
            for viewer in list(self._viewers):
                self._send(viewer, message)

    def close(self) -> None:
        """Nothing more will come: what was sent can still be read, then the end."""
        for viewer in list(self._viewers):
            self._drop(viewer)
        self._stop_listening()
        self._listener.close()
        remove(f"{self._directory}/attach")  # or somebody has removed the directory

    def _send(self, viewer: socket.socket, message: bytes) -> None:
        try:
            viewer.send(message)
        except BlockingIOError:  # EAGAIN: it is BEHIND
            self._complain("a viewer did not keep up, and was dropped")
            self._drop(viewer)
        except OSError:  # EPIPE, ECONNRESET: it has left
            self._drop(viewer)

    def _accept(self) -> None:
        try:
            viewer, _ = self._listener.accept()
        except OSError as error:  # EMFILE, ENFILE
            self._complain(f"cannot let a viewer in: {error}")
            self._turn_away()
        else:
            self._let_in(viewer)

    def _let_in(self, viewer: socket.socket) -> None:
        viewer.setblocking(False)
        allow_lag(viewer)
        self._viewers.add(viewer)
        self._loop.on_readable(viewer.fileno(), partial(self._receive, viewer))

    def _turn_away(self) -> None:
        """Out of descriptors: accept with the spare one, or epoll will call for ever."""
        os.close(self._spare)
        try:
            self._listener.accept()[0].close()
            self._spare = os.open(os.devnull, os.O_RDONLY)
        except OSError:  # EMFILE: someone has lowered the limit below what is open
            self._complain("nor turn it away: no viewers any more")
            self._stop_listening()

    def _stop_listening(self) -> None:
        if self._listening:
            self._loop.forget(self._listener.fileno())
            self._listening = False

    def _receive(self, viewer: socket.socket) -> None:
        """A viewer has left; or has typed, and nobody reads that yet."""
        try:
            typed = viewer.recv(MESSAGE)
        except OSError:  # ECONNRESET
            typed = b""
        if not typed:
            self._drop(viewer)

    def _drop(self, viewer: socket.socket) -> None:
        if viewer in self._viewers:
            self._viewers.discard(viewer)
            self._loop.forget(viewer.fileno())
            hang_up(viewer)


def hang_up(viewer: socket.socket) -> None:
    """Close it so that it can still read what it was sent.

    A connection that is closed with something unread in it is reset, and its other end
    gets ECONNRESET before anything else: whoever types as all ends would see no end.
    """
    try:
        viewer.shutdown(socket.SHUT_RD)  # nothing more comes in
        while viewer.recv(MESSAGE):
            pass
    except OSError:  # ECONNRESET: it has left
        pass
    viewer.close()


def listen(directory: str, name: str, kind: int) -> socket.socket:
    """A socket, 0600, that is called `name` in `directory`, however long that path is.

    An address holds 107 bytes, unix(7).  /proc/self/fd/N/NAME is shorter than any path.
    """
    listener = socket.socket(socket.AF_UNIX, kind)
    where = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        listener.bind(f"/proc/self/fd/{where}/{name}")
        os.chmod(f"{directory}/{name}", 0o600)
        listener.listen()
        listener.setblocking(False)
    finally:
        os.close(where)
    return listener


def allow_lag(viewer: socket.socket) -> None:
    """Let it be BEHIND bytes late; as a user, what the system allows a user."""
    try:
        viewer.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, BEHIND)
    except PermissionError:  # EPERM: not root
        viewer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BEHIND)
