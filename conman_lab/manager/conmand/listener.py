"""The socket: ours alone, never somebody's live one, and never a stale one's victim.

A daemon that was killed leaves its socket file, and whoever comes next must remove that
before bind(2).  One that is alive has a file that looks the same.  So we call: a live one
answers, a stale one refuses, ECONNREFUSED.  Between that look and our own listen(2) a
second daemon of the same thought could come; a lock on the directory keeps it out.
"""

import errno
import os
import socket
from contextlib import suppress
from pathlib import Path

from conman_lab.alone import alone_in
from conman_lab.errors import LabError
from conman_lab.names import make_private
from conman_lab.shim.address import connect, listen


class SocketTaken(LabError):
    """Somebody else's socket, or no socket at all, is where ours was to be."""


class Listener:
    """A listening socket, 0600; the directory is 0700 if we had to make it.

    SocketTaken: another daemon answers there, or there is a file that is no socket.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        make_private(path.parent)
        with alone_in(path.parent):
            _remove_stale(path)
            directory = str(path.parent)
            self.socket = listen(directory, path.name, socket.SOCK_STREAM)
            self._file = path.stat()

    def close(self) -> None:
        """Listen no more; and the file goes, if it is still ours."""
        self.socket.close()
        with suppress(FileNotFoundError), alone_in(self._path.parent):
            if os.path.samestat(self._path.stat(), self._file):
                self._path.unlink()


class Inherited:
    """A socket that somebody else has made, and listens for us: systemd's.

    SocketTaken: it is none.
    """

    def __init__(self, fd: int) -> None:
        try:
            self.socket = socket.socket(fileno=fd)
            listens = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        except OSError:  # ENOTSOCK, EBADF
            listens = 0
        if not listens:
            words = f"descriptor {fd}, which LISTEN_FDS names, is no listening socket"
            raise SocketTaken(words)
        self.socket.setblocking(False)

    def close(self) -> None:
        """Let go of our end; the next connection starts us again."""
        self.socket.close()


def _remove_stale(path: Path) -> None:
    if not path.exists() and not path.is_symlink():
        return
    if not path.is_socket():
        raise SocketTaken(f"{path} is no socket: remove it, or --listen elsewhere")
    if _somebody_answers(path):
        raise SocketTaken(
            f"another daemon answers at {path}: stop that one, or --listen elsewhere"
        )
    path.unlink()


def _somebody_answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            connect(probe, path)
        except OSError as error:  # EAGAIN: its queue is full, it lives
            return error.errno != errno.ECONNREFUSED
    return True
