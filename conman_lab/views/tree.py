"""The process tree: what is below a pid, a container or a lab.

    >>> tree(lab)                                          # doctest: +SKIP
    P1 shim:web  (adopted by init)
    └─ P2 sh -c sleep 600 & wait
       └─ P3 sleep 600

Three faces: `str` for the terminal and the tests, HTML for a reader, and `.live()` for
who watches.  The HTML has its style in itself and takes the page's colour for its text,
because a notebook that is opened untrusted, or on a dark page, gets no other.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Protocol

from .rows import History, Row
from .words import in_words

if TYPE_CHECKING:
    from .live import LiveTree


class HasPids(Protocol):
    """A lab."""

    @property
    def pids(self) -> Iterable[int]:
        """Its processes."""


class HasPid(Protocol):
    """A container, or a process that was started.  Its `keeper`, if it has one, too."""

    @property
    def pid(self) -> int:
        """The first process."""


What = int | HasPids | HasPid | Iterable["What"]

NOTHING = "no processes"
# All of these can be read on white and on black.
PRE = "margin:0;padding:2px 0;line-height:1.5;white-space:pre;overflow-x:auto"
FAINT = "opacity:0.6"
NAME = "color:#3b82d0;font-weight:bold"
CHIP = (
    "color:#2a9187;border:1px solid #2a9187;border-radius:8px;padding:0 5px;"
    "font-size:11px"
)
INHERITED = f"{CHIP};opacity:0.5"
TONES = {"zombie": "#dc4a4a", "stopped": "#b7791f", "adopted": "#b7791f"}


def tree(*what: What, pids: bool = False) -> "TreeView":
    """Look now: `tree(pid)`, `tree(container)`, `tree(lab)`; `pids` shows them too."""
    return TreeView(what, pids)


class TreeView:
    """The tree as it was when it was asked for."""

    def __init__(self, what: What, pids: bool = False) -> None:
        self.what, self.pids = what, pids
        self.rows = [Line(row, pids) for row in History().look(pids_of(what))]

    def live(self, every: float = 0.2) -> "LiveTree":
        """Go on looking, each `every` seconds, until `.stop()`."""
        from .live import LiveTree  # noqa: PLC0415  # only who watches pays for a widget

        return LiveTree(self, every)

    def __str__(self) -> str:
        return "\n".join(str(line) for line in self.rows) or NOTHING

    __repr__ = __str__

    def _repr_html_(self) -> str:
        lines = "\n".join(line.html() for line in self.rows)
        return f'<pre style="{PRE}">{lines or NOTHING}</pre>'


@dataclass(frozen=True)
class Line:
    """A row in text and in HTML."""

    row: Row
    pids: bool

    @property
    def words(self) -> str:
        """What it is."""
        pid = f"(pid {self.row.process.pid}) " if self.pids else ""
        return f"{pid}{in_words(self.row.process)}"

    def __str__(self) -> str:
        facts = f"  ({', '.join(self.row.facts)})" if self.row.facts else ""
        return f"{self.row.guide}{self.row.name} {self.words}{facts}"

    def html(self) -> str:
        """The same line, with its namespaces."""
        row, chip = self.row, INHERITED if self.row.inherits else CHIP
        parts = [
            _span(FAINT, row.guide) + _span(NAME, row.name) + f" {escape(self.words)}",
            *(_span(f"color:{TONES[f.split()[0]]}", f) for f in row.facts),
            " ".join(_span(chip, kind) for kind in row.process.namespaces),
        ]
        return "  ".join(part for part in parts if part)


def pids_of(what: object) -> list[int]:
    """The pids that are meant; a container's keeper comes with it."""
    if isinstance(what, int):
        return [what]
    if hasattr(what, "pids"):
        return [*what.pids]
    if hasattr(what, "pid"):
        pids = [getattr(what, "keeper", None)]
        with suppress(OSError):  # its files have gone, and it with them
            pids.append(what.pid)
        return [pid for pid in pids if pid is not None]
    if isinstance(what, Iterable) and not isinstance(what, str):
        return [pid for one in what for pid in pids_of(one)]
    raise TypeError(f"{what!r} is no process: give a pid, a container or a lab")


def _span(style: str, text: str) -> str:
    return f'<span style="{style}">{escape(text)}</span>' if text else ""
