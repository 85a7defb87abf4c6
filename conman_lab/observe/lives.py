"""From events to lives: who was born of whom, was called what, and how it ended.

A pid is a seat, and in a long trace several sit on it, one after the other.  A life is
one of them: it begins with FORK or SEEN and ends with EXIT.  The tree is that of births:
whoever was adopted later stays where it was born, and has the adoption as a fact.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from conman_lab.linux import Exit

from .events import Event, Kind, Words
from .words import in_words

INIT = "init"  # whoever adopts orphans here and is no part of the trace

Key = int  # of a life: its number in the order of births


class Phase(NamedTuple):
    """What it was called since `at`: by birth after its parent, by EXEC, by COMM."""

    at: float
    words: Words
    kind: Kind

    def __str__(self) -> str:
        """Shortened, the same on every machine."""
        return in_words(self.words)


class Adoption(NamedTuple):
    """Its parent had ended; None: the adopter is not in the trace."""

    at: float
    adopter: Key | None


@dataclass(frozen=True)
class Life:
    """One process from birth to death, and its place in the tree."""

    name: str  # P1, P2 ... in the order of the tree
    key: Key
    pid: int
    parent: Key | None  # who gave birth to it; None: that is not in the trace
    born_at: float  # negative or 0: it was there before the trace
    ended_at: float | None  # None: it was there after the trace
    exit: Exit | None
    phases: tuple[Phase, ...]
    adoptions: tuple[Adoption, ...]
    namespaces: tuple[str, ...]
    depth: int
    seen: bool = False  # it was there before the trace

    @property
    def titles(self) -> list[str]:
        """Its phases in words; what it had by birth only if there was nothing else."""
        own = [phase for phase in self.phases if phase.kind is not Kind.FORK]
        words = [str(phase) for phase in own or self.phases]
        return [*dict.fromkeys(word for word in words if word)] or ["(gone)"]


@dataclass
class _Draft:
    """A life that is still being read."""

    key: Key
    pid: int
    parent: Key | None
    born_at: float
    seen: bool
    phases: list[Phase]
    namespaces: Words = ()
    ended_at: float | None = None
    exit: Exit | None = None
    adoptions: list[Adoption] = field(default_factory=list)


def lives(events: Iterable[Event]) -> list[Life]:
    """All lives, parents before their children, siblings by birth."""
    drafts = _Reader().read(events)
    children: dict[Key | None, list[_Draft]] = {}
    for draft in drafts:
        children.setdefault(draft.parent, []).append(draft)
    found: list[Life] = []
    for draft, depth in _walk(children):
        found.append(_finished(draft, f"P{len(found) + 1}", depth))
    return found


def _walk(children: dict[Key | None, list[_Draft]]) -> Iterator[tuple[_Draft, int]]:
    """Down first, then on; a trace may be deeper than Python's stack."""
    todo = [(draft, 0) for draft in reversed(children.get(None, []))]
    while todo:
        draft, depth = todo.pop()
        yield draft, depth
        todo += [(child, depth + 1) for child in reversed(children.get(draft.key, []))]


def _finished(draft: _Draft, name: str, depth: int) -> Life:
    return Life(
        name=name,
        key=draft.key,
        pid=draft.pid,
        parent=draft.parent,
        born_at=draft.born_at,
        ended_at=draft.ended_at,
        exit=draft.exit,
        phases=tuple(draft.phases),
        adoptions=tuple(draft.adoptions),
        namespaces=draft.namespaces,
        depth=depth,
        seen=draft.seen,
    )


class _Reader:
    """Reads events in the order of their times."""

    def __init__(self) -> None:
        self._drafts: list[_Draft] = []
        self._sits: dict[int, _Draft] = {}  # who has that pid now

    def read(self, events: Iterable[Event]) -> list[_Draft]:
        for event in sorted(events, key=lambda event: event.at):
            if event.kind in (Kind.FORK, Kind.SEEN):
                self._born(event)
            elif draft := self._sits.get(event.pid):
                self._goes_on(draft, event)
        return self._drafts

    def _born(self, event: Event) -> None:
        if event.kind is Kind.SEEN and event.pid in self._sits:
            return  # by another recording, that began later
        parent = self._sits.get(event.parent or 0)
        words = event.words or ((event.name,) if event.name else ())
        if not words and parent:
            words = parent.phases[-1].words
        draft = _Draft(
            key=len(self._drafts),
            pid=event.pid,
            parent=parent.key if parent else None,
            born_at=event.at,
            seen=event.kind is Kind.SEEN,
            phases=[Phase(event.at, words, event.kind)],
            namespaces=event.namespaces or (parent.namespaces if parent else ()),
        )
        self._drafts.append(draft)
        self._sits[event.pid] = draft

    def _goes_on(self, draft: _Draft, event: Event) -> None:
        draft.namespaces = event.namespaces or draft.namespaces
        if event.kind is Kind.EXIT:
            draft.ended_at, draft.exit = event.at, event.exit
            del self._sits[event.pid]
        elif event.kind is Kind.ADOPT:
            adopter = self._sits.get(event.parent or 0)
            key = adopter.key if adopter else None
            draft.adoptions.append(Adoption(event.at, key))
        elif event.kind in (Kind.EXEC, Kind.COMM):
            words = event.words or ((event.name,) if event.name else ())
            draft.phases.append(Phase(event.at, words, event.kind))
