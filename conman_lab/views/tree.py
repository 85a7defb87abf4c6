"""The process tree: what is below a pid, a container or a lab.

    >>> tree(lab)                                          # doctest: +SKIP
    P1 shim:web  (adopted by init)
    └─ P2 sh -c sleep 600 & wait
       └─ P3 sleep 600

Three faces: `str` for the terminal and the tests, HTML for a reader, and `.live()` for
who watches.
"""

from typing import TYPE_CHECKING

from conman_lab.observe.whom import What, pids_of

from .inline import ENDED, FAINT, NAME, block, chip, span
from .rows import History, Row
from .words import in_words

if TYPE_CHECKING:
    from .live import LiveTree


NOTHING = "no processes"
# All of these can be read on white and on black.
TONES = {"zombie": "#dc4a4a", "stopped": "#b7791f", "adopted": "#b7791f"}


def tree(*what: What, pids: bool = False) -> "TreeView":
    """Look now: `tree(pid)`, `tree(container)`, `tree(lab)`; `pids` shows them too."""
    return TreeView(what, pids)


class TreeView:
    """The tree as it was when it was asked for."""

    def __init__(
        self, what: What, pids: bool = False, history: History | None = None
    ) -> None:
        self.what, self.pids = what, pids
        self._history = history or History()
        self.rows = self._history.look(pids_of(what))

    def again(self) -> "TreeView":
        """The same, looked at once more: who has ended since then is still in it."""
        return TreeView(self.what, self.pids, self._history)

    def live(self, every: float = 0.2) -> "LiveTree":
        """Go on looking, each `every` seconds, until `.stop()`."""
        from .live import LiveTree  # noqa: PLC0415  # only who watches pays for a widget

        return LiveTree(self, every)

    def __str__(self) -> str:
        return "\n".join(self._text(row) for row in self.rows) or NOTHING

    __repr__ = __str__

    def _repr_html_(self) -> str:
        lines = "\n".join(self._html(row) for row in self.rows)
        return block(lines or NOTHING)

    def _words(self, row: Row) -> str:
        pid = f"(pid {row.process.pid}) " if self.pids else ""
        return f"{pid}{in_words(row.process)}"

    def _text(self, row: Row) -> str:
        facts = f"  ({', '.join(row.facts)})" if row.facts else ""
        return f"{row.guide}{row.name} {self._words(row)}{facts}"

    def _html(self, row: Row) -> str:
        words = span(ENDED * row.ended, self._words(row))
        parts = [
            f"{span(FAINT, row.guide)}{span(NAME, row.name)} {words}",
            *(span(_tone(fact), fact) for fact in row.facts),
            " ".join(
                chip(kind, f";{FAINT}" * row.inherits)
                for kind in row.process.namespaces
            ),
        ]
        return "  ".join(part for part in parts if part)


def _tone(fact: str) -> str:
    colour = TONES.get(fact.partition(" ")[0])
    return f"color:{colour}" if colour else FAINT
