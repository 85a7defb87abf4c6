"""What viewers type, on its way to the container.

    viewer ---socket---> [shim] ---a pipe, or the terminal---> the container

A pipe holds 64 KiB, pipe(7), a terminal a line of 4095 bytes, termios(3), and a container
that does not read fills it.  The shim must not wait for it, nor collect what is typed,
nor lose any of it.  So who has typed what does not fit is not read any more until it
does: his socket fills, too, and then his own send(2) waits.  That is back-pressure, and
each viewer feels it alone.  At most one message of each is here with us.
"""

import os
from collections.abc import Callable

from .loop import Loop

NOT_YET = -1


class Stdin:
    """Writes to `fd`, which is ours now; a terminal comes later, with `begin`.

    `once`: it is at its end when the first who typed has finished.
    """

    def __init__(self, loop: Loop, fd: int = NOT_YET, once: bool = False) -> None:
        self._loop, self._fd, self._once = loop, fd, once
        self._waiting: list[tuple[bytes, Callable[[], object]]] = []
        self._ended = False
        if fd != NOT_YET:
            os.set_blocking(fd, False)

    def begin(self, fd: int) -> None:
        """It has come: write what was typed before."""
        os.set_blocking(fd, False)
        self._fd = fd
        if self._waiting:
            self._loop.on_writable(fd, self._go_on)

    def write(self, typed: bytes, then: Callable[[], object]) -> bool:
        """Pass it on; False: not all of it fits, and `then` is called when it has."""
        if self._ended:
            return True  # nobody reads it any more
        if not self._waiting and self._fd != NOT_YET:
            typed = typed[self._put(typed) :]
            if not typed:
                self._close_if_done()
                return True
            self._loop.on_writable(self._fd, self._go_on)
        self._waiting.append((typed, then))
        return False

    def finish(self) -> None:
        """Somebody who typed has finished; and what others have typed is written yet."""
        if self._once and not self._ended:
            self._ended = True
            self._close_if_done()

    def _go_on(self) -> None:
        """There is room: the first who waits is the first to be written."""
        typed, then = self._waiting.pop(0)
        rest = typed[self._put(typed) :]
        if rest:
            self._waiting.insert(0, (rest, then))
            return
        then()
        if not self._waiting:
            self._loop.forget(self._fd)
            self._close_if_done()

    def _put(self, typed: bytes) -> int:
        """How many bytes of it are done with."""
        try:
            return os.write(self._fd, typed)
        except BlockingIOError:  # EAGAIN: it is full
            return 0
        except BrokenPipeError:  # EPIPE: the container has closed it, and may live on
            self._ended = True
        except OSError:  # EIO: nobody has the terminal open just now, pty(7)
            pass
        return len(typed)

    def _close_if_done(self) -> None:
        if self._ended and not self._waiting:
            os.close(self._fd)
