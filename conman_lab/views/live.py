"""The tree as it goes on: who comes, who becomes a zombie, who goes."""

import shlex
import time
from typing import Any, Protocol

from conman_lab.observe.procfs import Process

from .rows import Row
from .watching import Live, frozen, widget_class
from .words import HUES, in_words

BOOTED_AT = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


class View(Protocol):
    """One look."""

    rows: list[Row]

    def again(self) -> "View":
        """Look once more."""

    def _repr_html_(self) -> str: ...


class LiveTree(Live):
    """Watches until `stop()`; ask for `str` at any time."""

    def __init__(self, view: View, every: float) -> None:
        self.view = view
        tree = None if frozen() else widget_class("tree", "tree")
        super().__init__(tree and tree(rows=_for_the_page(view)), every)

    def look(self) -> None:
        """Look once more, now."""
        with self._lock:
            self.view = self.view.again()
            rows = _for_the_page(self.view)
            if self.widget is not None and rows != self.widget.rows:
                self.widget.rows = rows

    def faces(self) -> dict[str, str]:
        """As text, and as HTML."""
        return {"text/plain": str(self.view), "text/html": self.view._repr_html_()}


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
