"""The rows of a tree of processes, and the memory that keeps their names.

Pids are new with every run; so a process has a name, P1, P2 ..., in the order of the
tree when first seen.  A `History` looks more than once, and remembers:

- who has ended: the row stays, for what was there is part of the picture
- who was adopted: its parent is another than it was, because that one has ended

A single look finds an orphan as well, if it is no part of a tree: its parent is init, or
a subreaper above us, prctl(2).  Which of both differs from machine to machine and is
called init.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count

from conman_lab.observe.procfs import (
    STOPPED,
    ZOMBIE,
    Process,
    ancestors,
    tree_of,
)

LONGEST = 60  # rows; then those who ended first go
ENDED = "ended"
LASTING = {ZOMBIE: "zombie", STOPPED: "stopped"}  # other states come and go unseen

Key = tuple[int, float]  # pid and start: one process, whoever has the pid later


@dataclass(frozen=True)
class Row:
    """One process as it was when it lived, and its place: `guide` leads to it."""

    name: str
    process: Process
    parent: Key | None
    adopted_by: str = ""
    state: str = ""  # what is worth telling: ended, zombie, stopped, or nothing
    guide: str = ""
    inherits: bool = False  # its parent in the tree has the same namespaces

    @property
    def key(self) -> Key:
        """Which process, exactly."""
        return _key(self.process)

    @property
    def ended(self) -> bool:
        """It is no more."""
        return self.state == ENDED

    @property
    def facts(self) -> list[str]:
        """All that there is to be told, in words."""
        adopted = f"adopted by {self.adopted_by}" if self.adopted_by else ""
        return [fact for fact in (self.state, adopted) if fact]


class History:
    """All that was seen of some processes and those below them."""

    def __init__(self) -> None:
        self._rows: dict[Key, Row] = {}
        self._numbers = count(1)

    def look(self, pids: Iterable[int]) -> list[Row]:
        """Look again, at these and at all that were there: the rows from top to bottom."""
        asked = set(pids)
        followed = {key[0] for key, row in self._rows.items() if not row.ended}
        trees = [
            tree
            for tree in tree_of(*asked | followed)
            if tree.process.pid in asked or _key(tree.process) in self._rows
        ]
        self._note([process for tree in trees for process in tree.walk()])
        self._forget_the_oldest()
        return [*self._lay_out(None, "")]

    def _note(self, living: list[Process]) -> None:
        keys = {process.pid: _key(process) for process in living}
        for process in living:
            parent = keys.get(process.ppid)
            row = self._rows.get(_key(process))
            if row is None:
                orphan = parent is None and process.ppid in _adopters()
                name = f"P{next(self._numbers)}"
                row = Row(name, process, parent, "init" if orphan else "")
            elif row.process.ppid != process.ppid:
                adopter = self._rows[parent].name if parent else "init"
                row = replace(row, adopted_by=adopter)
            row = replace(row, parent=parent or row.parent)
            if process.state != ZOMBIE:  # a zombie has no command line to go by
                row = replace(row, process=process)
            state = LASTING.get(process.state, "")
            self._rows[row.key] = replace(row, state=state)
        for key in self._rows.keys() - keys.values():
            self._rows[key] = replace(self._rows[key], state=ENDED)

    def _forget_the_oldest(self) -> None:
        parents = {row.parent for row in self._rows.values()}
        leaves = [key for key, row in self._rows.items() if row.ended]
        for key in leaves[: max(0, len(self._rows) - LONGEST)]:
            if key not in parents:
                del self._rows[key]

    def _lay_out(self, parent: Key | None, guide: str) -> Iterator[Row]:
        rows = [row for row in self._rows.values() if row.parent == parent]
        for row in rows:
            last = row is rows[-1]
            branch = "" if parent is None else "└─ " if last else "├─ "
            above = self._rows[parent].process.namespaces if parent else ()
            same = above == row.process.namespaces  # and are read, while it is there
            yield replace(row, guide=guide + branch, inherits=same)
            deeper = "" if parent is None else "   " if last else "│  "
            yield from self._lay_out(row.key, guide + deeper)


def _key(process: Process) -> Key:
    return process.pid, process.started_at


def _adopters() -> set[int]:
    """Who may have adopted: not our own parent, whose children we know."""
    return {1, *ancestors(os.getpid())[1:]}
