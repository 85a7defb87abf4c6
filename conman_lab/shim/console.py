"""The container's terminal: its other end comes to us over a socket.

The runtime opens a pseudo-terminal inside the container, so that it has a name there,
and sends us the master's descriptor, SCM_RIGHTS in unix(7).  Whoever holds the master
is the terminal.  When the last process has closed the other end, reading gives EIO.
"""

import os
import socket
from functools import partial

from conman_lab.stream import Stream

from .attach import listen
from .loop import Loop
from .output import Output


class Console:
    """Waits for the master, on the socket `console` in `directory`."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self.master: int | None = None
        self._listener = listen(directory, "console", socket.SOCK_STREAM)

    def connect(self, loop: Loop) -> None:
        """Take it when it comes."""
        loop.on_readable(self._listener.fileno(), partial(self._receive, loop))

    def has_come(self) -> bool:
        """We have it."""
        return self.master is not None

    def let_speak(self, output: Output) -> None:
        """From now on it is the container's stdout."""
        assert self.master is not None
        output.add(Stream.STDOUT, self.master)

    def _receive(self, loop: Loop) -> None:
        """One message with one descriptor; its text is the terminal's name."""
        runtime, _ = self._listener.accept()
        with runtime:
            runtime.setblocking(True)
            _, (self.master,), _, _ = socket.recv_fds(runtime, 4096, 1)
        loop.forget(self._listener.fileno())
        self._listener.close()
        os.unlink(f"{self._directory}/console")
