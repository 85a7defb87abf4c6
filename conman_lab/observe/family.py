"""Who belongs to a trace, and who is whose child just now.

A child of somebody in it is in it, for ever: a shim leaves its parent on purpose, and
so do the container and all that the container leaves behind.

Adoption is in no message of its own.  When a parent has ended, each of its children has
a new one, which we ask /proc for; of a child that has ended meanwhile its own last
message says who was told.  Without both it is nobody: we do not guess.
"""

from collections.abc import Iterable, Iterator

from . import procfs
from .events import Kind
from .messages import Message


class Family:
    """The processes of a trace; all of the machine if `roots` is None."""

    def __init__(self, roots: Iterable[int] | None) -> None:
        self._everybody = roots is None
        self._parents: dict[int, int] = {}  # of the living
        self._children: dict[int, set[int]] = {}
        self._orphaned: dict[int, int] = {}  # when, until it is known who adopted them
        processes = _below(roots)
        self.seen = {process.pid: process for process in processes}
        for process in processes:
            self._enter(process.pid, process.ppid)

    def living(self) -> set[int]:
        """The pids of those who have not ended, as far as we were told."""
        return set(self._parents)

    def hear(self, message: Message) -> Iterator[Message]:
        """The message, if it is about one of us, and the adoptions that it tells of."""
        pid = message.pid
        if message.kind is Kind.FORK and self._is_ours(message.parent):
            self._enter(pid, message.parent or 0)
            yield message
        elif message.kind is Kind.EXIT and pid in self._parents:
            yield from self._end(message)
        elif message.kind is Kind.ADOPT and pid in self._parents:
            yield from self._adopt(message.ns, pid, message.parent)
        elif pid in self._parents or message.kind is Kind.LOST:
            yield message

    def _is_ours(self, parent: int | None) -> bool:
        return self._everybody or parent in self._parents

    def _enter(self, pid: int, parent: int) -> None:
        self._parents[pid] = parent
        self._children.setdefault(parent, set()).add(pid)

    def _end(self, message: Message) -> Iterator[Message]:
        pid = message.pid
        if pid in self._orphaned:
            yield from self._adopt(self._orphaned.pop(pid), pid, message.parent)
        yield message
        parent = self._parents.pop(pid)
        self._children.get(parent, set()).discard(pid)
        for child in sorted(self._children.pop(pid, ())):
            adopter = procfs.parent_of(child)
            if adopter is None or adopter == pid:
                self._orphaned[child] = message.ns
            else:
                yield from self._adopt(message.ns, child, adopter)

    def _adopt(self, ns: int, pid: int, adopter: int | None) -> Iterator[Message]:
        before = self._parents[pid]
        if adopter in (None, before):
            return
        self._children.get(before, set()).discard(pid)
        self._enter(pid, adopter or 0)
        yield Message(ns, Kind.ADOPT, pid, adopter)


def _below(roots: Iterable[int] | None) -> list[procfs.Process]:
    """Those who are there already, parents before their children."""
    if roots is None:
        everybody = procfs.snapshot()
        roots = [p.pid for p in everybody.values() if p.ppid not in everybody]
    return [process for tree in procfs.tree_of(*roots) for process in tree.walk()]
