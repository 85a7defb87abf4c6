"""What the container writes: two pipes in (or one terminal), any number of listeners out.

shimmy calls this scattering.  While the runtime creates the container the pipes carry
the runtime's words; from then on the container's.  Both are heard by `listen`, one
after the other.
"""

import os
import time
from collections.abc import Callable
from functools import partial

from conman_lab.stream import Stream

from .loop import Loop

CHUNK = 64 * 1024  # bytes a read: all that a pipe holds, pipe(7)
ROUNDS = 16  # reads before the other descriptors have their turn
MOST = 1024 * 1024  # bytes that a pipe can be made to hold, fcntl(2), F_SETPIPE_SZ

SILENT = 1.0  # seconds from a stream's end to its container's that are worth a word

Listener = Callable[[Stream, bytes], object]


class Output:
    """Reads each stream as it comes, and hands every chunk to every listener.

    An empty chunk means that there is no more for now, and what is incomplete should
    not be kept back.
    """

    def __init__(self, loop: Loop, complain: Callable[[str], object] = print) -> None:
        self._loop, self._complain = loop, complain
        self._open: dict[Stream, int] = {}
        self._at_end: dict[Stream, Callable[[], object]] = {}
        self._ended_at: dict[Stream, float] = {}
        self._listeners: tuple[Listener, ...] = ()
        keep_freed_memory()

    def add(
        self, stream: Stream, fd: int, at_end: Callable[[], object] | None = None
    ) -> None:
        """Read `fd` as `stream`; it is ours now, and closed at its end.

        Unless something else is to be done `at_end`: a terminal's may be none.
        """
        os.set_blocking(fd, False)
        self._open[stream] = fd
        self._at_end[stream] = at_end or partial(self._finish, stream)
        self.go_on(stream)

    def go_on(self, stream: Stream) -> None:
        """Read it whenever it can be read."""
        self._loop.on_readable(self._open[stream], partial(self._pump, stream))

    def listen(self, *listeners: Listener) -> None:
        """From now on these hear it, and nobody else."""
        self._listeners = listeners
        self._ended_at.clear()  # that was another's

    def drain(self) -> None:
        """Take all that has been written by now.

        Not until end of file: a process that the container has left behind may hold
        the pipe for ever.  And no more than a pipe can hold: it may write for ever.
        """
        for stream in list(self._open):
            taken, more = 0, 1
            while more and taken < MOST and stream in self._open:
                more = self._pump(stream)
                taken += more
        for stream, at in self._ended_at.items():
            if (silent := time.monotonic() - at) >= SILENT:
                name = stream.name.lower()
                self._complain(f"nobody had its {name} open in the last {silent:.0f} s")

    def _pump(self, stream: Stream) -> int:
        """Move what is there, but let others have their turn; how many bytes it was."""
        moved = 0
        for _ in range(ROUNDS):
            chunk = self._read(stream)
            moved += len(chunk)
            self._tell(stream, chunk)
            if len(chunk) < CHUNK:
                break
        self._tell(stream, b"")
        return moved

    def _read(self, stream: Stream) -> bytes:
        try:
            chunk = os.read(self._open[stream], CHUNK)
        except BlockingIOError:  # EAGAIN: nothing for now
            return b""
        except OSError:  # EIO: nobody has the terminal open, pty(7)
            chunk = b""
        if not chunk:  # end of file: all writers have closed it
            self._at_end[stream]()
        return chunk

    def _finish(self, stream: Stream) -> None:
        self._ended_at[stream] = time.monotonic()
        self._close(stream)

    def _tell(self, stream: Stream, chunk: bytes) -> None:
        for listener in self._listeners:
            listener(stream, chunk)

    def _close(self, stream: Stream) -> None:
        fd = self._open.pop(stream)
        self._loop.forget(fd)
        os.close(fd)


def keep_freed_memory() -> None:
    """Let malloc(3) keep the memory of one chunk and its records for the next.

    Blocks over 128 KiB come from the kernel, which clears them page by page, and go
    back at once: that took half of our time.  But malloc learns: when such a block is
    freed, its size becomes the limit.  mallopt(3), M_MMAP_THRESHOLD.
    """
    bytes(1024 * 1024)


class Words:
    """A listener that keeps the end of what it hears: enough for a message."""

    KEPT = 8192  # bytes

    def __init__(self) -> None:
        self._end = b""

    def hear(self, stream: Stream, chunk: bytes) -> None:
        """Remember the last of it, however long it is: 10 MiB do not stay with us."""
        self._end = (self._end + chunk)[-self.KEPT :]

    def __str__(self) -> str:
        return self._end.decode(errors="replace").strip()
