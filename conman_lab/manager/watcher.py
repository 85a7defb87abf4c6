"""Hears of every end, and never asks: one thread that sleeps in epoll(7).

    inotify, one for all       `exit` has come to a container's directory
    a pidfd for each shim      it has died, and perhaps without a word

The first is nearly always enough.  The second is for a shim that was killed; then the
container's own process is watched, if that lives on.
"""

import os
import select
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from conman_lab import linux
from conman_lab.identity import Identity

HEAD = struct.Struct("iIII")  # wd, mask, cookie, length of the name: inotify(7)
IN_Q_OVERFLOW, IN_IGNORED = 0x4000, 0x8000
MOST = 65536  # bytes of news at a time


class Watcher:
    """Calls `heard` with a container's id when something of it has ended."""

    def __init__(self, root: Path, heard: Callable[[str], object]) -> None:
        self._heard = heard
        self._telling = threading.RLock()  # whoever tells has told all when it lets go
        self._news = linux.watch_directory(str(root))
        self._closing, self._close = os.pipe()
        self._directories: dict[int, str] = {}  # id, by inotify's number
        self._processes: dict[int, str] = {}  # id, by pidfd
        self._epoll = select.epoll()
        for fd in (self._news, self._closing):
            self._epoll.register(fd, select.EPOLLIN)
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()

    def watch(self, id: str, directory: Path) -> None:
        """Tell of an exit file.  What is there already is the caller's to see."""
        with self._telling:
            number = linux.watch_also(self._news, str(directory), linux.IN_MOVED_TO)
            self._directories[number] = id

    def follow(self, id: str, process: Identity) -> bool:
        """Tell of its end; False: it is no more."""
        try:
            pidfd = process.pidfd()
        except ProcessLookupError:
            return False
        with self._telling:
            self._processes[pidfd] = id
            self._epoll.register(pidfd, select.EPOLLIN)
        return True

    def catch_up(self) -> None:
        """Tell of all that has ended by now."""
        with self._telling:
            for fd, _ in self._epoll.poll(0):  # looked at by one thread at a time
                self._tell(fd)

    def close(self) -> None:
        """Hear no more."""
        os.close(self._close)
        self._thread.join()
        with self._telling:
            for fd in (self._news, self._closing, *self._processes):
                os.close(fd)
            self._epoll.close()

    def _run(self) -> None:
        while self._closing not in dict(self._epoll.poll()):
            self.catch_up()

    def _tell(self, fd: int) -> None:
        if fd == self._news:
            for id in self._read():
                self._look(id)
        elif id := self._processes.pop(fd, ""):
            self._epoll.unregister(fd)
            os.close(fd)
            self._look(id)

    def _look(self, id: str) -> None:
        """Whoever asks for that one will look again; we have to go on for the others."""
        with suppress(OSError, RuntimeError):  # EMFILE; or a thread cannot be started
            self._heard(id)

    def _read(self) -> Iterator[str]:
        """The ids of those to which something has come."""
        with suppress(BlockingIOError):  # EAGAIN: there is no more
            for number, mask, name in parsed(os.read(self._news, MOST)):
                if mask & IN_Q_OVERFLOW:  # news was lost: look at all
                    yield from [*self._directories.values()]
                elif mask & IN_IGNORED:  # the directory has gone
                    self._directories.pop(number, None)
                elif name == b"exit" and number in self._directories:
                    yield self._directories[number]


def parsed(news: bytes) -> Iterator[tuple[int, int, bytes]]:
    r"""Number, mask and name of each event.

    >>> [*parsed(HEAD.pack(1, 128, 0, 8) + b"exit\0\0\0\0" + HEAD.pack(1, 32768, 0, 0))]
    [(1, 128, b'exit'), (1, 32768, b'')]
    """
    while news:
        number, mask, _, length = HEAD.unpack_from(news)
        end = HEAD.size + length
        yield number, mask, news[HEAD.size : end].rstrip(b"\0")
        news = news[end:]
