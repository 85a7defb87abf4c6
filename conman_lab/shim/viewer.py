"""The viewer's side of an attach socket: see what comes, and type.

    to us     one byte, the stream, and up to 8192 bytes of output; at the end nothing
              that byte alone: what comes on this stream is not for us any more
    from us   bytes, as they are; and the end of our input is a half-closed socket

That is conmon's protocol, so a viewer can look at a container of podman's, too.  The
byte alone is ours: a viewer that is BEHIND is dropped, and conmon just hangs up, as at
the end.  To look for an exit file then would not tell the two apart: whoever is so late
hears of both when the container has ended, too.
"""

import os
import select
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

from conman_lab.errors import FellBehind
from conman_lab.stream import Stream

from .address import connect

MESSAGE = 8192  # bytes; conmon takes four times as much, shims of others may not
KIND = socket.SOCK_SEQPACKET


class Viewer:
    """Looks at what has its files in `directory`: a container, or an exec."""

    def __init__(self, connection: socket.socket, directory: Path) -> None:
        self._socket, self._directory = connection, directory

    @classmethod
    def connect(cls, directory: Path, socket_file: Path | None = None) -> Self:
        """Look from now on; FileNotFoundError or ConnectionRefusedError: it is over.

        Conmon has its `socket_file` elsewhere.
        """
        viewer = socket.socket(socket.AF_UNIX, KIND)
        path = socket_file or directory / "attach"
        try:
            connect(viewer, path)
        except OSError:
            viewer.close()
            raise
        return cls(viewer, path.parent)

    def fileno(self) -> int:
        """For select(2): there is something to read."""
        return self._socket.fileno()

    def read(self, timeout: float | None = None) -> tuple[Stream, bytes] | None:
        """What comes next; None: it is over.  TimeoutError after `timeout` seconds.

        FellBehind: it is not over, but we are not shown more.
        """
        if timeout is not None and not self._has_news(timeout):
            raise TimeoutError(f"nothing to be seen in {timeout:g} s")
        try:
            message = self._socket.recv(MESSAGE + 1)
        except ConnectionResetError:  # its shim has died, and what we typed was unread
            return None
        if len(message) == 1:
            raise FellBehind(
                "its output came faster than it was read here, and its shim waits for "
                "nobody: what is missing is in its log"
            )
        return (Stream(message[0]), message[1:]) if message else None

    def __iter__(self) -> Iterator[tuple[Stream, bytes]]:
        return iter(self.read, None)

    def send(self, data: bytes) -> None:
        """Type it; waits while the container does not read.

        BrokenPipeError or ConnectionResetError: it is over.
        """
        for start in range(0, len(data), MESSAGE):
            self._socket.send(data[start : start + MESSAGE])

    def _has_news(self, timeout: float) -> bool:
        """Not by settimeout(3): that makes the other direction wait no more, either."""
        news = select.poll()
        news.register(self._socket, select.POLLIN)
        return bool(news.poll(timeout * 1000))

    def end_input(self) -> None:
        """Type no more, and look on."""
        self._socket.shutdown(socket.SHUT_WR)

    def resize(self, rows: int, columns: int) -> None:
        """Tell the terminal its size; OSError ENXIO: nobody is there to be told."""
        ctl = os.open(self._directory / "ctl", os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(ctl, b"1 %d %d\n" % (rows, columns))
        finally:
            os.close(ctl)

    def close(self) -> None:
        """Look no longer: who does not read is a burden.

        Whoever waits in `read` or `send`, in another thread, hears that it is over;
        close(2) alone would let him wait.
        """
        with suppress(OSError):  # ENOTCONN: the shim has gone before us
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
