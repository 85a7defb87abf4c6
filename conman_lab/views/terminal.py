r"""A terminal in a notebook: types into a container, and shows its screen.

    shell = terminal(lab.shim.create("web", ...))    attached; now start the container
    shell                                            the widget: click, and type
    shell.type("ls\n"); shell.wait_for("bin")        the same, from a cell
    print(shell.screen)                              what there is to read

The screen is kept in Python, by pyte: old and quiet, one
dependency, a VT220 in a thousand lines that a learner can read.  The page only draws
rows and tells keys.  The other way was xterm.js, the better terminal: but the packages
that bring it along without a network are young, or of 2017; and it lives in the page, so
that a cell, a test, or a reader without a kernel could not see what is on the screen.

Keys come from the page by the kernel's own door, and so they may wait while a cell is
running; what the container writes is drawn all the same.  The title says so when it
happens.  `type` in a running cell does not wait.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Condition
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from conman_lab.errors import Deadline, LabError, WrongState

from .keys import in_bytes
from .line import Line, Session

if TYPE_CHECKING:
    from .window import Window

ROWS, COLUMNS = 24, 80  # a VT100's
MOST = 500  # rows or columns


@runtime_checkable
class HasTerminal(Protocol):
    """A container."""

    def attach(self) -> Session:
        """Look at it, from now on."""


def terminal(
    session: Session | HasTerminal, rows: int = ROWS, columns: int = COLUMNS
) -> "Terminal":
    """Be the terminal of a session, a viewer, or a container that can be attached to.

    It sees what is written from now on: attach first, and then start the container.
    """
    return Terminal(session, rows, columns)


class Terminal:
    """The screen of a session, until that is over, or `close` is called."""

    def __init__(self, session: Session | HasTerminal, rows: int, columns: int) -> None:
        from .screen import Screen  # noqa: PLC0415  # a quarter of a second for pyte

        self._source = session
        self._session = (
            session.attach() if isinstance(session, HasTerminal) else session
        )
        self._news = Condition()  # guards the screen, and `ended`
        self._screen = Screen(rows, columns, self._answer)
        self._left, self.ended = False, ""  # how, in words
        self._window = _window(getattr(session, "id", "terminal"), self._told)
        self._line = Line(self._session, self)
        self.resize(rows, columns)
        self._line.open()

    def type(self, text: str) -> None:
        """Type it; a newline is the Enter key."""
        self._line.send(text.replace("\r\n", "\r").replace("\n", "\r").encode())

    def press(self, *keys: str) -> None:
        """Press `Up`, `ctrl-c`, `F1`; InvalidArgument tells the names there are."""
        application = self._screen.wants_application_keys
        for key in keys:
            self._line.send(in_bytes(key, application))

    def paste(self, text: str) -> None:
        """Type it; and tell a program that wants to know that nobody has typed it."""
        if self._screen.wants_marked_pastes:
            text = text.replace("\x1b", "")  # the end of the mark could be in it
            text = f"\x1b[200~{text}\x1b[201~"
        self.type(text)

    @property
    def screen(self) -> str:
        """What there is to read, without the blanks at the ends."""
        with self._news:
            return self._screen.text

    def wait_for(self, text: str, timeout: float = 5.0) -> None:
        """Wait until it is on the screen; what was typed is there as well.

        Deadline: it was not, in `timeout` seconds.  WrongState: it never will be.
        """
        ends_at = time.monotonic() + timeout
        with self._news:
            while text not in self._screen.text:
                if self.ended:
                    raise WrongState(f"{text!r} never came: {self.ended}")
                left = ends_at - time.monotonic()
                if left <= 0:
                    raise Deadline(f"{text!r} did not come in {timeout:g} s: {self}")
                self._news.wait(left)

    def wait(self, timeout: float = 5.0) -> str:
        """Wait for the end of the session, and say how it was."""
        with self._news:
            if not self._news.wait_for(lambda: self.ended, timeout):
                raise Deadline(f"it did not end in {timeout:g} s")
            return self.ended

    def resize(self, rows: int, columns: int) -> None:
        """Have another size, and tell the container's kernel: SIGWINCH, tty_ioctl(4)."""
        with self._news:
            self._screen.resize(rows, columns)
        with suppress(OSError, LabError):  # ENXIO, ENOENT: it is over
            self._session.resize(rows, columns)
        self.show(still=True)

    def close(self) -> None:
        """Leave; the container goes on."""
        self._left = True
        self._line.close()

    def __str__(self) -> str:
        return self.screen

    __repr__ = __str__

    def _repr_mimebundle_(self, **how: object) -> dict[str, Any]:
        """All three faces; the page takes the best that it can."""
        widget = self._window.widget if self._window else None
        bundle = widget._repr_mimebundle_(**how) if widget else None
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        return {
            **(data or {}),
            "text/plain": str(self),
            "text/html": self._repr_html_(),
        }

    def _repr_html_(self) -> str:
        with self._news:
            return self._screen.html

    # --- what the line tells

    def hear(self, data: bytes) -> None:
        """The container has written this."""
        with self._news:
            self._screen.write(data)
            self._news.notify_all()

    def show(self, still: bool) -> None:
        """Let the pages have a picture."""
        with self._news:
            if self._window:
                self._window.show(self._screen, self.ended, still)

    def end(self, why: str) -> None:
        """It is over; who knows how it ended is asked."""
        words = "we have left" if self._left else self._how_it_ended() or why
        with self._news:
            self.ended = f"ended: {words}" if words else "ended"
            self._news.notify_all()
        self.show(still=True)

    def _how_it_ended(self) -> str:
        with suppress(LabError, OSError, AttributeError):  # a viewer does not know
            return str(self._source.wait(5))  # type: ignore[union-attr]
        return ""

    # --- what others tell

    def _answer(self, text: str) -> None:
        self._line.send(text.encode())

    def _told(self, message: dict[str, Any]) -> None:
        """A page says that somebody has typed, or dragged its corner."""
        if "press" in message:
            with suppress(LabError):  # a key of a keyboard that we do not know
                self.press(message["press"])
        if "size" in message:
            rows, columns = (max(2, min(int(n), MOST)) for n in message["size"])
            self.resize(rows, columns)
        if "type" in message:
            self.type(message["type"])
        if "paste" in message:
            self.paste(message["paste"])


def _window(name: str, told: Callable[[dict[str, Any]], object]) -> "Window | None":
    if os.environ.get("CONMAN_LAB_FREEZE") == "1":
        return None
    from .window import Window  # noqa: PLC0415  # only who looks pays for a widget

    return Window(name, told)
