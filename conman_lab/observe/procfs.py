"""Processes as /proc shows them: a record for each, and the tree below any of them.

No system call lists the processes.  There is proc(5), a directory for each of them, and:

- A snapshot is no moment: every file is read a little later than the one before.  A
  process that ends in between has no files (ENOENT), or empty ones (ESRCH), and is left
  out, as if we had come later.
- Nobody has a list of children.  Each process knows its parent, so a tree is made from
  below, of everybody's stat; that is 6 us each, proc_pid_stat(5).
- The name in stat is anything that a program has made of it, blanks and parentheses
  included, so what follows it is found from the end.
- In the middle of execve(2) a process has its new name and no command line yet, for
  microseconds, or 30 ms if the scheduler takes its turn just then.  Who waits for a
  program waits for its arguments.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from .namespaces import foreign_namespaces

PAGE = 4096
TICKS = os.sysconf("SC_CLK_TCK")  # a second has so many of them
ZOMBIE, STOPPED = "Z", "T"  # of the states, those that last: proc_pid_stat(5)
GONE = (FileNotFoundError, ProcessLookupError, PermissionError)  # hidepid=1, proc(5)

T = TypeVar("T")


@dataclass(frozen=True)
class Process:
    """One process, as it was; `started_at` in seconds since the machine's boot.

    Its cgroup and namespaces are read when first asked for.
    """

    pid: int
    ppid: int
    comm: str  # 15 bytes at most: its program's name, or what it has chosen instead
    command: tuple[str, ...]  # its command line; a zombie and a kernel thread have none
    state: str  # R, S, D, T, Z, as in ps(1)
    session: int
    started_at: float

    @cached_property
    def cgroup(self) -> str:
        """Its path in the tree where that is deepest, for v1 has several."""
        return self._ask(lambda pid: _deepest(_text(f"/proc/{pid}/cgroup"))) or ""

    @cached_property
    def namespaces(self) -> tuple[str, ...]:
        """Those that are not the host's.  A zombie has left most of them."""
        return self._ask(foreign_namespaces) or ()

    def _ask(self, question: Callable[[int], T]) -> T | None:
        """Ask what takes as long as all the rest; None if it has gone since then."""
        with suppress(OSError, KeyError):
            answer = question(self.pid)
            now = snapshot([self.pid])[self.pid]
            if now.started_at == self.started_at:  # and not its successor
                return answer
        return None


@dataclass(frozen=True)
class Tree:
    """A process and those below it, the older ones first."""

    process: Process
    children: tuple["Tree", ...]

    def walk(self) -> Iterator[Process]:
        """All of it, parents before their children."""
        todo = [self]  # a tree may be deeper than Python's stack
        while todo:
            tree = todo.pop()
            yield tree.process
            todo += reversed(tree.children)


def snapshot(pids: Iterable[int] | None = None) -> dict[int, Process]:
    """The processes with these pids, or all there are; without those that have gone."""
    found = {}
    for pid in everybody() if pids is None else pids:
        with suppress(*GONE):
            found[pid] = _process(pid, _text(f"/proc/{pid}/stat"))
    return found


def tree_of(*pids: int) -> list[Tree]:
    """The trees below these; one that is in the tree of another is no root."""
    stats = _stats()
    children = defaultdict(list)
    for pid, stat in stats.items():
        children[_parent(stat)].append(pid)
    found = {}
    for pid in _descendants(pids, children) & stats.keys():
        with suppress(*GONE):
            found[pid] = _process(pid, stats[pid])

    def in_order(some: Iterable[int]) -> list[int]:
        return sorted(found.keys() & some, key=lambda pid: (found[pid].started_at, pid))

    roots = in_order({*pids} - {child for pid in found for child in children[pid]})
    parents_first = [*roots]
    for pid in parents_first:  # it grows as we go
        parents_first += in_order(children[pid])
    trees: dict[int, Tree] = {}
    for pid in reversed(parents_first):
        own = tuple(trees[child] for child in in_order(children[pid]))
        trees[pid] = Tree(found[pid], own)
    return [trees[pid] for pid in roots]


def parents() -> dict[int, int]:
    """The parent of each process of the machine."""
    return {pid: _parent(stat) for pid, stat in _stats().items()}


def parent_of(pid: int) -> int | None:
    """Its parent just now; None if it has gone."""
    with suppress(*GONE):
        return _parent(_text(f"/proc/{pid}/stat"))
    return None


def command_of(pid: int) -> tuple[str, ...]:
    """Its command line alone, as fast as can be; FileNotFoundError, ProcessLookupError."""
    return _words(_text(f"/proc/{pid}/cmdline"))


def looks_of(pid: int) -> tuple[str, tuple[str, ...]]:
    """Its comm and its namespaces, and no more; empty if it has gone."""
    with suppress(*GONE):
        return _text(f"/proc/{pid}/comm").rstrip("\n"), foreign_namespaces(pid)
    return "", ()


def ancestors(pid: int) -> list[int]:
    """Its parent, its parent's parent, and so on to 1."""
    above, line = parents(), []
    while pid := above.get(pid, 0):
        line.append(pid)
    return line


def everybody() -> list[int]:
    """The pids of all processes that we can see: those of our pid namespace."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _descendants(pids: Iterable[int], children: dict[int, list[int]]) -> set[int]:
    found: set[int] = set()
    new = set(pids)
    while new:
        found |= new
        new = {child for pid in new for child in children[pid]} - found
    return found


def _stats() -> dict[int, str]:
    found = {}
    for pid in everybody():
        with suppress(*GONE):
            found[pid] = _text(f"/proc/{pid}/stat")
    return found


def _process(pid: int, stat: str) -> Process:
    """A pid comes round after 32767 others: within a look there are no mixed records."""
    command = command_of(pid)
    if not command:  # it has ended since `stat`, and is a zombie now
        stat = _text(f"/proc/{pid}/stat")
    comm, state, ppid, _, session, *rest = _fields(stat)
    started_at = int(rest[15]) / TICKS  # field 22
    return Process(pid, int(ppid), comm, command, state, int(session), started_at)


def _fields(stat: str) -> list[str]:
    """Comm, state, ppid, process group, session: field 2 and those behind it."""
    before, _, behind = stat.rpartition(")")
    return [before.partition("(")[2], *behind.split()]


def _parent(stat: str) -> int:
    """Field 4 alone: everybody is asked for it, and most for nothing else."""
    return int(stat.rpartition(")")[2].split(None, 2)[1])


def _words(command: str) -> tuple[str, ...]:
    """A null byte behind each; a program that writes over them may have left more."""
    command = command.rstrip("\0")
    return tuple(command.split("\0")) if command else ()


def _deepest(cgroups: str) -> str:
    """Of the paths: there is a line N:CONTROLLERS:PATH for each tree; cgroups(7)."""
    paths = [line.split(":", 2)[2] for line in cgroups.split("\n") if line]
    return max(paths, key=lambda path: (path.count("/"), len(path)), default="")


def _text(path: str) -> str:
    """All of it.  A read that is not full was the last: /proc makes its texts at once.

    os.open takes a quarter of what open() does, and there are hundreds.
    """
    fd = os.open(path, os.O_RDONLY)
    try:
        content = part = os.read(fd, PAGE)
        while len(part) == PAGE:
            part = os.read(fd, PAGE)
            content += part
        return content.decode(errors="replace")
    finally:
        os.close(fd)
