"""A terminal's window in a page: what is told to it, and what it tells.

    face    rows, cursor, size, title, how it has ended: one picture, whole
    past    the lines that have scrolled off, less often: there are hundreds of them
    heard   the number of what it has told us last

    told    what somebody has done, in order, each a dict with one of
              press         a key, by its name
              type, paste   a text
              size          rows and columns, since he has dragged its corner
    number  it comes back as `heard`, and only then the page tells more

Since JupyterLab 4.4 a kernel hears a widget in a thread of its own, mostly, and of two
messages the second may be first.  So there is one at a time; and a page that waits long
says that the kernel is busy.
"""

import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from .cells import in_runs
from .watching import HERE, page_code

if TYPE_CHECKING:
    from .screen import Screen
PAST_EVERY = 0.5  # seconds

Told = Callable[[dict[str, Any]], object]


class Window:
    """Shows a screen on any number of pages; `told` is called with what they tell."""

    def __init__(self, name: str, told: Told) -> None:
        self._name, self._told = name, told
        self._past_at, self._scrolled = 0.0, 0
        self.widget = _widget()()
        self.widget.on_msg(self._hear)

    def show(self, screen: "Screen", ended: str, still: bool = False) -> None:
        """Another picture, `still` if it is the last for a while; it must not change now."""
        self.widget.face = {
            "rows": [in_runs(line, screen.columns) for line in screen.rows],
            "cursor": _cursor(screen),
            "size": [screen.lines, screen.columns],
            "alternate": screen.alternate,
            "title": screen.title or self._name,
            "ended": ended,
        }
        now = time.monotonic()
        if still or now >= self._past_at + PAST_EVERY:
            self._show_past(screen)
            self._past_at = now

    def _show_past(self, screen: "Screen") -> None:
        """With the number of its first line, so that the page keeps what it has."""
        if screen.scrolled == self._scrolled and screen.past:
            return
        self._scrolled = screen.scrolled
        lines = [in_runs(line, columns) for line, columns in screen.past]
        self.widget.past = {"first": screen.scrolled - len(lines), "lines": lines}

    def _hear(self, _: object, message: dict[str, Any], __: object) -> None:
        try:
            for what in message.get("told", ()):
                self._told(what)
        finally:  # or the page would wait for ever
            number = float(message.get("number", 0))
            self.widget.heard = max(self.widget.heard, number)  # of two pages, both


def _cursor(screen: "Screen") -> list[int] | None:
    """Row and column; beyond the last column it waits for what will be below."""
    if screen.cursor.hidden:
        return None
    return [screen.cursor.y, min(screen.cursor.x, screen.columns - 1)]


@cache
def _widget() -> Any:  # anywidget's classes are made when its module is imported
    """The class of the widget: half a second, for who wants to see it."""
    import anywidget  # noqa: PLC0415
    import traitlets  # noqa: PLC0415

    class TerminalWidget(anywidget.AnyWidget):
        _esm = page_code("terminal")
        _css = HERE / "terminal.css"
        face: Any = traitlets.Dict().tag(sync=True)
        past: Any = traitlets.Dict().tag(sync=True)
        heard = traitlets.Float().tag(sync=True)

    return TerminalWidget
