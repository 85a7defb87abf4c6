"""A client's end of gRPC: HTTP/2 over a unix socket, blocking, with nothing hidden.

    us                                  conmand
    |-- HEADERS  :path /Conman/Version -->|
    |-- DATA     0 LENGTH message ------->|     END_STREAM: no more requests
    |<-- HEADERS :status 200 -------------|
    |<-- DATA    0 LENGTH message --------|
    |<-- HEADERS grpc-status 0 -----------|     and a sentence if it is not 0

h2 knows the protocol and touches no socket; we read and write.  So there is neither an
event loop nor a thread: a notebook has a loop that runs already, a program may fork, and
an interrupt ends whatever waits.  grpclib, which serves, would take a loop in a thread
for each client.  https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
"""

import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import RLock

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

from conman_lab.errors import Unreachable
from conman_lab.shim.address import connect

READ = 256 * 1024  # bytes at a time
WINDOW = 1024 * 1024  # bytes that the daemon may be ahead of our reader
CONFIG = h2.config.H2Configuration(
    client_side=True,
    header_encoding="utf-8",
    validate_outbound_headers=False,  # ours are always the same
    normalize_outbound_headers=False,
)


class Connection:
    """One connection, for one call after the other.

    Unreachable: nobody is there.  PermissionError: the socket is not for us.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = RLock()  # of what follows; nobody blocks for long while it is held
        self._waits = RLock()  # held by whoever waits at the socket
        self.h2 = h2.connection.H2Connection(CONFIG)
        self._socket = connected(path)
        self.gone = ""  # why it is of no use any more
        self.h2.initiate_connection()
        self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: WINDOW})
        self.h2.increment_flow_control_window(WINDOW)
        self.flush()

    def fileno(self) -> int:
        """Readable when the daemon has sent something."""
        return self._socket.fileno()

    @property
    def usable(self) -> bool:
        """Idle, and its other end is there; what it had to say is read."""
        while not self.gone and _readable(self._socket, 0):
            with suppress(Unreachable):  # and `gone` says why
                self.receive()
        return not self.gone

    def wait(self, timeout: float | None = None) -> None:
        """Wait until there is something to receive.  TimeoutError."""
        with self._waits:
            readable = _readable(self._socket, timeout)
        if not readable:
            raise TimeoutError(f"conmand said nothing in {timeout:g} s")

    def receive(self) -> list[h2.events.Event]:
        """Read what is there, and what it means.  Unreachable: it makes no sense."""
        with self.lock:
            try:
                data = self._socket.recv(READ, socket.MSG_DONTWAIT)
            except BlockingIOError:  # another thread was faster
                return []
            except OSError as error:  # ECONNRESET, or EBADF: we closed it meanwhile
                return self._lost(error.strerror or str(error))
            if not data:
                return self._lost("the connection was closed")
            try:
                events = self.h2.receive_data(data)
            except (h2.exceptions.H2Error, UnicodeError) as error:
                raise self.no_conmand(f"no HTTP/2: {error}") from None
            self.flush()
        if any(isinstance(it, h2.events.ConnectionTerminated) for it in events):
            self.gone = "it is shutting down"
        return events

    def flush(self) -> None:
        """Send what h2 has to say.  The daemon always reads: this does not block long."""
        with self.lock:
            try:
                if data := self.h2.data_to_send():
                    self._socket.sendall(data)
            except OSError as error:  # EPIPE
                self.gone = error.strerror or str(error)

    def close(self) -> None:
        """Hang up; a thread that waits here hears it, shutdown(2).

        And has gone before its descriptor may be another file's.
        """
        self.gone = self.gone or "the connection was closed"
        with suppress(OSError):  # ENOTCONN: the daemon was first
            self._socket.shutdown(socket.SHUT_RDWR)
        with self._waits:
            self._socket.close()

    def _lost(self, why: str) -> list[h2.events.Event]:
        self.gone = self.gone or why
        return []

    def has_gone(self, doing: str) -> Unreachable:
        """What to raise for a call that has no answer."""
        return Unreachable(
            f"conmand at {self.path} has gone in the middle of {doing} ({self.gone}): "
            "whether that was done, `status` tells, once a daemon is there again"
        )

    def no_conmand(self, why: str) -> Unreachable:
        """What to raise of one that makes no sense; it is asked nothing more."""
        self.gone = self.gone or why
        self.close()
        return Unreachable(
            f"what answers at {self.path} is no conmand, or another version's ({why}): "
            "say where it listens (conmanctl --host PATH)"
        )


def connected(path: Path) -> socket.socket:
    """A connected socket.  Unreachable, PermissionError."""
    ours = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connect(ours, path)
    except PermissionError as error:
        ours.close()
        words = "permission denied: it answers to root and its owner alone, try sudo"
        raise PermissionError(error.errno, words, str(path)) from None
    except OSError as error:  # ENOENT, ECONNREFUSED, ENOTDIR
        ours.close()
        raise _nobody(path, (error.strerror or str(error)).lower()) from None
    return ours


def _nobody(path: Path, why: str) -> Unreachable:
    """Say who was expected where, and how to have one."""
    if path.exists() and not path.is_socket():
        return Unreachable(
            f"{path} is no socket: say where conmand listens (conmanctl --host PATH)"
        )
    return Unreachable(
        f"no conmand answers at {path} ({why}): start one (conmand --listen {path}), "
        "or say where it listens (conmanctl --host PATH)"
    )


def _readable(connection: socket.socket, timeout: float | None) -> bool:
    if connection.fileno() < 0:  # closed by another thread: recv(2) will say so
        return True
    poll = select.poll()  # select(2) takes no descriptor above 1023
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(None if timeout is None else max(0, timeout * 1000)))


def deadline(timeout: float | None) -> Callable[[], float | None]:
    """A function that says how much of `timeout` is left."""
    ends_at = None if timeout is None else time.monotonic() + timeout
    return lambda: None if ends_at is None else max(0.0, ends_at - time.monotonic())
