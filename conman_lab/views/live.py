"""The tree as it goes on: a thread looks, and a widget shows what has changed.

- The thread sets traits and does nothing else.  What it printed would appear in
  whichever cell is running, or be lost with what that one prints.
- Traits reach the page while a cell is running; the page's answers wait until it has
  ended.  So pausing is in tree.js, and what we hear from there is not urgent.
- A stored notebook has no kernel to ask.  With each widget go its text and its HTML;
  and where outputs are to be the same at each run, CONMAN_LAB_FREEZE=1, only those do.
"""

import os
import shlex
import time
from functools import cache
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Protocol

from conman_lab.observe.procfs import Process

from .rows import Row
from .words import HUES, in_words

HERE = Path(__file__).parent
BOOTED_AT = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


class View(Protocol):
    """One look."""

    rows: list[Row]

    def again(self) -> "View":
        """Look once more."""

    def _repr_html_(self) -> str: ...


class LiveTree:
    """Watches until `stop()`; ask for `str` at any time."""

    def __init__(self, view: View, every: float) -> None:
        self.view, self._every = view, every
        self._stopped, self._wanted, self._lock = Event(), Event(), Lock()
        self._wanted.set()
        self._on_pages = 0
        self.widget: Any = None
        if not _frozen():
            self.widget = _widget()(rows=_for_the_page(view))
            self.widget.on_msg(self._hear)
            self._thread = Thread(target=self._watch, name="live tree", daemon=True)
            self._thread.start()

    def look(self) -> None:
        """Look once more, now."""
        with self._lock:
            self.view = self.view.again()
            rows = _for_the_page(self.view)
            if self.widget is not None and rows != self.widget.rows:
                self.widget.rows = rows

    def stop(self) -> None:
        """Look a last time, and leave it at that."""
        self._stopped.set()
        self._wanted.set()
        self.look()
        if self.widget is not None:
            self.widget.running = False

    def __str__(self) -> str:
        return str(self.view)

    __repr__ = __str__

    def _repr_mimebundle_(self, **how: object) -> dict[str, Any]:
        """All three faces; the page takes the best that it can."""
        if self.widget is None:
            self.look()
        bundle = self.widget._repr_mimebundle_(**how) if self.widget else None
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        texts = {"text/plain": str(self), "text/html": self.view._repr_html_()}
        return {**(data or {}), **texts}

    def _watch(self) -> None:
        """Be the thread: look, and let the widget tell."""
        while not self._stopped.wait(self._every):
            self._wanted.wait()
            try:
                self.look()
            except Exception as error:  # noqa: BLE001  # a traceback would be in any cell
                self.widget.trouble = f"{error}"
                return

    def _hear(self, _: object, message: dict[str, int], __: object) -> None:
        """The page says that it shows us once more, or once less."""
        self._on_pages += message.get("shown", 0)
        if self._on_pages > 0:
            self._wanted.set()
        elif not self._stopped.is_set():
            self._wanted.clear()


@cache
def _widget() -> Any:  # anywidget's classes are made when its module is imported
    """The class of the widget: half a second, for who wants to see it."""
    import anywidget  # noqa: PLC0415
    import traitlets  # noqa: PLC0415

    class TreeWidget(anywidget.AnyWidget):
        _esm = HERE / "tree.js"
        _css = HERE / "tree.css"
        rows: Any = traitlets.List().tag(sync=True)
        running = traitlets.Bool(default_value=True).tag(sync=True)
        trouble = traitlets.Unicode().tag(sync=True)

    return TreeWidget


def _for_the_page(view: View) -> list[dict[str, Any]]:
    return [
        {
            "key": f"{row.process.pid} {row.process.started_at}",
            "name": row.name,
            "guide": row.guide,
            "words": in_words(row.process),
            "state": row.state,
            "facts": row.facts,
            "inherits": row.inherits,
            "chips": [[kind, HUES[kind]] for kind in row.process.namespaces],
            "details": _details(row),
        }
        for row in view.rows
    ]


def _details(row: Row) -> list[tuple[str, str]]:
    process = row.process
    return [
        ("pid", f"{process.pid}, child of {process.ppid}, session {process.session}"),
        ("name", process.comm),
        ("command", shlex.join(process.command)),
        ("started", _clock(process)),
        ("cgroup", process.cgroup),
    ]


def _clock(process: Process) -> str:
    """The time of day; a hundredth of a second is all that the kernel tells."""
    started_at = BOOTED_AT + process.started_at
    hundredths = int(started_at % 1 * 100)
    return time.strftime(f"%H:%M:%S.{hundredths:02}", time.localtime(started_at))


def _frozen() -> bool:
    return os.environ.get("CONMAN_LAB_FREEZE") == "1"
