"""The container's terminal: its other end comes to us over a socket.

The runtime opens a pseudo-terminal inside the container, so that it has a name there,
and sends us the master's descriptor, SCM_RIGHTS in unix(7).  Whoever holds the master
is the terminal: what we write to it was typed, what we read from it is on the screen.

A terminal has no end.  Reading gives EIO when nobody has it open, pty(7), but the next
one may come: `exec >/dev/tty` does that.  Nor is there an end of what is typed but a
key, ctrl-D; so a viewer that types no more is none of the container's business.
"""

import fcntl
import os
import select
import socket
import struct
import termios
from functools import partial

from conman_lab.stream import Stream

from .address import listen
from .loop import Loop
from .output import Output
from .stdin import Stdin


class Console:
    """Waits for the master, on the socket `console` in `directory`."""

    def __init__(self, directory: str, rows: int = 0, columns: int = 0) -> None:
        self._directory, self._size = directory, (rows, columns)
        self.master: int | None = None
        self._listener = listen(directory, "console", socket.SOCK_STREAM)
        self._where = os.open(directory, os.O_PATH | os.O_DIRECTORY)
        self._resting = False

    @property
    def address(self) -> str:
        """What to tell the runtime: however long the path is, unix(7) takes 107 bytes."""
        return f"/proc/{os.getpid()}/fd/{self._where}/console"

    def keyboard(self, loop: Loop) -> Stdin:
        """Where to type; what comes before the master is kept for it."""
        self._keyboard = Stdin(loop)
        return self._keyboard

    def connect(self, loop: Loop) -> None:
        """Take it when it comes."""
        loop.on_readable(self._listener.fileno(), partial(self._receive, loop))

    def has_come(self) -> bool:
        """We have it."""
        return self.master is not None

    def resize(self, rows: int, columns: int) -> None:
        """Give it a size, now or when it comes; the kernel tells who uses it, SIGWINCH."""
        self._size = (rows, columns)
        if self.master is not None and any(self._size):
            size = struct.pack("HHHH", rows, columns, 0, 0)
            fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)

    def let_speak(self, loop: Loop, output: Output) -> None:
        """From now on it is the container's stdout."""
        assert self.master is not None
        output.add(Stream.STDOUT, self.master, partial(self._rest, loop, output))

    def _receive(self, loop: Loop) -> None:
        """One message with one descriptor; its text is the terminal's name."""
        runtime, _ = self._listener.accept()
        with runtime:
            runtime.setblocking(True)
            _, (self.master,), _, _ = socket.recv_fds(runtime, 4096, 1)
        loop.forget(self._listener.fileno())
        self._listener.close()
        os.close(self._where)
        os.unlink(f"{self._directory}/console")
        return_at_newline(self.master)
        self.resize(*self._size)
        self._keyboard.begin(os.dup(self.master))

    def _rest(self, loop: Loop, output: Output) -> None:
        """Nobody has it open.  Until somebody does, read it no more.

        epoll(7) would tell of the hang-up as long as it lasts, that is for ever; but
        edge-triggered it tells of what is new.  conmon asks every 100 ms.
        """
        if self._resting or self.master is None:
            return
        self._resting = True
        loop.forget(self.master)
        news = select.epoll(1)
        news.register(self.master, select.EPOLLIN | select.EPOLLET)
        news.poll(0)  # the hang-up itself
        loop.on_readable(news.fileno(), partial(self._wake, loop, output, news))
        if can_be_read(self.master):  # it came in between, and is no news any more
            self._wake(loop, output, news)

    def _wake(self, loop: Loop, output: Output, news: select.epoll) -> None:
        loop.forget(news.fileno())
        news.close()
        self._resting = False
        output.go_on(Stream.STDOUT)


def return_at_newline(terminal: int) -> None:
    """Let NL become CR NL on the screen, ONLCR in termios(3), as conmon does.

    A new terminal does that, and runtimes that hold the master themselves switch it off.
    """
    attributes = termios.tcgetattr(terminal)
    attributes[1] |= termios.ONLCR  # oflag
    termios.tcsetattr(terminal, termios.TCSANOW, attributes)


def can_be_read(fd: int) -> bool:
    """There is something in it, now."""
    now = select.poll()
    now.register(fd, select.POLLIN)
    return any(events & select.POLLIN for _, events in now.poll(0))
