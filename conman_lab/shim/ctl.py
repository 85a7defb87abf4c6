"""A fifo by which a shim is asked for something, in conmon's words.

    1 ROWS COLUMNS   the window of its terminal has this size now
    2 0 0            go on in the file that is called `log` now: it was moved

Anybody can: `echo 1 24 80 > ctl`.  What makes no sense is passed over, as conmon does.
"""

import os
from collections.abc import Callable

from conman_lab.files import remove

from .loop import Loop

LONGEST = 100  # bytes of a line
LARGEST = 0xFFFF  # rows or columns: the kernel has 16 bits for them, TIOCSWINSZ(2const)


class Ctl:
    """Listens at the fifo `ctl` in `directory`."""

    def __init__(
        self,
        loop: Loop,
        directory: str,
        reopen: Callable[[], object],
        resize: Callable[[int, int], object],
    ) -> None:
        self._reopen, self._resize = reopen, resize
        self._begun = b""
        path = f"{directory}/ctl"
        remove(path)  # somebody's who was here before
        os.mkfifo(path, 0o600)
        # To write as well: else each writer who leaves would be an end of file, fifo(7).
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        loop.on_readable(self._fd, self._read)

    def _read(self) -> None:
        *lines, begun = (self._begun + os.read(self._fd, 4096)).split(b"\n")
        self._begun = begun[:LONGEST]
        for line in lines:
            self._obey(line)

    def _obey(self, line: bytes) -> None:
        words = line.split()[:3]
        if len(words) < 3 or not all(word.isdigit() for word in words):
            return
        what, rows, columns = (int(word) for word in words)
        if what == 2:
            self._reopen()
        elif what == 1 and max(rows, columns) <= LARGEST:
            self._resize(rows, columns)
