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
from conman_lab.record import TYPE_CHECKING
from conman_lab.stream import Stream

from .address import listen
from .guest import Guest
from .loop import Loop

if TYPE_CHECKING:
    from .stdin import Stdin

MESSAGE = 8192  # bytes after the first one; conmon's clients read no more
TYPED = 32768  # bytes of a message to us; of a longer one recv(2) cuts off the rest


class AttachServer:
    """Copies output to every viewer, and what they type to the container's `stdin`.

    The log is the record and a viewer only looks on: one that does not keep up is
    dropped and told so, and the container never waits for it.  The `first` is a
    descriptor, and was there before us: it misses nothing.
    """

    def __init__(
        self,
        loop: Loop,
        directory: str,
        complain: Callable[[str], object] = print,
        stdin: "Stdin | None" = None,
        first: int = -1,
    ) -> None:
        self._loop, self._directory, self._complain = loop, directory, complain
        self._stdin = stdin
        self._viewers: set[Guest] = set()  # those who look
        self._typists: set[Guest] = set()  # those who may type; mostly the same
        self._spare = os.open(os.devnull, os.O_RDONLY)
        self._listener = listen(directory, "attach", socket.SOCK_SEQPACKET)
        self._listening = True
        loop.on_readable(self._listener.fileno(), self._accept)
        if first >= 0:
            self._let_in(Guest(fileno=first))

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
        for viewer in self._viewers | self._typists:
            self._drop(viewer)
        self._stop_listening()
        self._listener.close()
        remove(f"{self._directory}/attach")  # or somebody has removed the directory

    # --- who comes

    def _accept(self) -> None:
        for viewer in self._viewers - self._typists:
            if viewer.has_left():  # of those nobody tells us: we read them no more
                self._drop(viewer)
        try:
            connection, _ = self._listener.accept()
        except OSError as error:  # EMFILE, ENFILE
            self._complain(f"cannot let a viewer in: {error}")
            self._turn_away()
        else:
            self._let_in(Guest(fileno=connection.detach()))

    def _let_in(self, viewer: Guest) -> None:
        viewer.setblocking(False)
        viewer.allow_lag()
        self._viewers.add(viewer)
        self._typists.add(viewer)
        self._listen_to(viewer)

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

    # --- what they see

    def _send(self, viewer: Guest, message: bytes) -> None:
        try:
            viewer.send(message)
        except BlockingIOError:  # EAGAIN: it is BEHIND
            self._complain("a viewer did not keep up, and was dropped")
            viewer.tell_that_it_misses(message[:1])
            self._show_no_more(viewer)
        except OSError:  # EPIPE, ECONNRESET: it has left
            self._show_no_more(viewer)

    def _show_no_more(self, viewer: Guest) -> None:
        """It sees the end; but what it has typed is the container's."""
        self._viewers.discard(viewer)
        if viewer.has_typed and viewer in self._typists:
            viewer.shutdown(socket.SHUT_WR)
        else:
            self._drop(viewer)

    # --- what they type

    def _listen_to(self, viewer: Guest) -> None:
        self._loop.on_readable(viewer.fileno(), partial(self._receive, viewer))
        viewer.is_heard = True

    def _listen_no_more(self, viewer: Guest) -> None:
        if viewer.is_heard:
            self._loop.forget(viewer.fileno())
            viewer.is_heard = False

    def _receive(self, viewer: Guest) -> None:
        try:
            typed = viewer.recv(TYPED)
        except OSError:  # ECONNRESET: it has left
            typed = b""
        if not typed:
            self._has_finished(viewer)
        elif self._stdin:
            viewer.has_typed = True
            if not self._stdin.write(typed, partial(self._listen_to, viewer)):
                self._listen_no_more(viewer)  # until there is room for what it typed

    def _has_finished(self, viewer: Guest) -> None:
        """It types no more; perhaps it still looks."""
        self._typists.discard(viewer)
        self._listen_no_more(viewer)
        left = viewer.has_left()
        if self._stdin and (viewer.has_typed or not left):
            self._stdin.finish()
        if left or viewer not in self._viewers:
            self._drop(viewer)

    def _drop(self, viewer: Guest) -> None:
        self._listen_no_more(viewer)
        self._viewers.discard(viewer)
        self._typists.discard(viewer)
        viewer.hang_up()
