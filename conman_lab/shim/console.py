"""The container's terminal: its other end comes to us over a socket.

The runtime opens a pseudo-terminal inside the container, so that it has a name there,
and sends us the master's descriptor, SCM_RIGHTS in unix(7).  Whoever holds the master
is the terminal.  When the last process has closed the other end, reading gives EIO.
"""

import os
import socket

from conman_lab.stream import Stream

from .attach import listen
from .loop import Loop
from .output import Output


class Console:
    """Waits for the master, on the socket `console` in `directory`."""

    def __init__(self, loop: Loop, directory: str, output: Output) -> None:
        self._loop, self._directory, self._output = loop, directory, output
        self.master: int | None = None
        self._listener = listen(directory, "console", socket.SOCK_STREAM)
        loop.on_readable(self._listener.fileno(), self._receive)

    def _receive(self) -> None:
        """One message with one descriptor; its text is the terminal's name."""
        runtime, _ = self._listener.accept()
        with runtime:
            runtime.setblocking(True)
            _, (self.master,), _, _ = socket.recv_fds(runtime, 4096, 1)
        self._loop.forget(self._listener.fileno())
        self._listener.close()
        os.unlink(f"{self._directory}/console")
        self._output.add(Stream.STDOUT, self.master)

    def has_come(self) -> bool:
        """We have it."""
        return self.master is not None
