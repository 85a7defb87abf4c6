"""The line between a terminal and its session: one thread hears, and one types.

- Neither prints.  What a thread prints appears in whatever cell is running.
- Typing has a thread of its own, because it waits while the container does not read;
  and who types must not wait, or the whole notebook would.  It also gives an Escape
  its time: vi tells it from an arrow, which begins with the same byte, by nothing else.
- A program can write a hundred times faster than we can draw, and a viewer that does
  not keep up is dropped.  So of a flood only the end is taken: nobody could read it.
"""

import time
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol

EVERY = 0.05  # seconds between two pictures, at least
REST = 0.5  # seconds of silence
ESCAPE, ALONE = b"\x1b", 0.1  # seconds; what comes sooner is read as one key with it
FLOOD, KEPT = 4 * 1024 * 1024, 32 * 1024  # bytes: taken at a time, and drawn


class Session(Protocol):
    """Somebody who has a terminal: a Viewer, or a session of a manager's."""

    def read(self, timeout: float | None = None) -> tuple[Any, bytes] | None:
        """What it has written; None: it is over.  TimeoutError."""

    def send(self, data: bytes) -> None:
        """Type."""

    def resize(self, rows: int, columns: int) -> None:
        """Its window has another size."""

    def close(self) -> None:
        """Leave; whoever waits in `read` or `send` waits no more."""


class Hearer(Protocol):
    """What is told to the one who has the line."""

    def hear(self, data: bytes) -> None:
        """It has written this."""

    def show(self, still: bool) -> None:
        """What has been heard is worth a picture; `still`: and nothing has come since."""

    def end(self, why: str) -> None:
        """There is no more to come; `why` is empty if it is just over."""


class Line:
    """Hears and types, until the session is over or `close` is called."""

    def __init__(self, session: Session, hearer: Hearer) -> None:
        self._session, self._hearer = session, hearer
        self._typed: SimpleQueue[bytes | None] = SimpleQueue()
        self._shown_at, self._still = 0.0, True
        self._threads = [
            Thread(target=work, name=f"terminal {name}", daemon=True)
            for name, work in (("hears", self._hear), ("types", self._type))
        ]

    def open(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def send(self, data: bytes) -> None:
        """Type it, as soon as there is somebody to read it."""
        self._typed.put(data)

    def close(self) -> None:
        """Leave the session."""
        self._typed.put(None)
        with suppress(OSError):  # ENOTCONN: it was over
            self._session.close()

    def _hear(self) -> None:
        """Be the thread that hears."""
        why = ""
        try:
            while self._round():
                pass
        except (OSError, ValueError) as error:  # EBADF, -1: we have left it
            why = str(error)
        except Exception as error:  # noqa: BLE001  # a traceback would be in any cell
            why = f"{type(error).__name__}: {error}"
        self._hearer.end(why)
        self.close()

    def _round(self) -> bool:
        """Wait, take what there is, and show it; False: it is over."""
        try:
            goes_on = self._take(None if self._still else REST)
        except TimeoutError:
            self._still = True
            self._hearer.show(still=True)
            return True
        with suppress(TimeoutError):
            while goes_on and (pause := self._shown_at + EVERY - time.monotonic()) > 0:
                goes_on = self._take(pause)
        self._still = False
        self._hearer.show(still=False)
        self._shown_at = time.monotonic()
        return goes_on

    def _take(self, timeout: float | None) -> bool:
        """Wait for more, and take all that there is; False: it is over.  TimeoutError."""
        got = self._session.read(timeout)
        taken, flood = bytearray(), 0
        with suppress(TimeoutError):
            while got:
                taken += got[1]
                if len(taken) > 2 * KEPT:
                    flood += len(taken) - KEPT
                    del taken[:-KEPT]
                if flood > FLOOD:
                    break
                got = self._session.read(0)
        if flood:
            del taken[: taken.find(b"\n") + 1]  # the rest of a line
        self._hearer.hear(bytes(taken))
        return got is not None

    def _type(self) -> None:
        """Be the thread that types."""
        with suppress(OSError):  # EPIPE, ECONNRESET: the other thread hears it, too
            while (data := self._typed.get()) is not None:
                self._session.send(data)
                if data == ESCAPE:
                    time.sleep(ALONE)
