"""Who is joined to whom: the pipes, sockets and terminals that processes share.

    >>> links(container)                                   # doctest: +SKIP
    pipe      P2 sleep 600 (stdout) → P1 shim:web
    pipe      P2 sleep 600 (stderr) → P1 shim:web

/proc/PID/fd shows what each descriptor is, by device and inode: the same one in two
processes is a link.  Its fdinfo says who may read and who may write, and of a pty's
master which terminal is its slave; proc_pid_fdinfo(5), pts(4).  The two ends of a
socket are two inodes, and which belong together /proc does not tell: such a pair is
found only where one process has handed its end on.
"""

import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from . import procfs
from .whom import What, pids_of
from .words import in_words

STDIO = {0: "stdin", 1: "stdout", 2: "stderr"}
SLAVE_MAJORS = range(136, 144)  # <linux/major.h>, UNIX98_PTY_SLAVE_MAJOR
NOTHING = "nothing is shared"

Thing = tuple[str, object]  # a kind, and which of that kind


@dataclass(frozen=True)
class End:
    """What one process holds of it: a descriptor that `reads`, `writes` or both."""

    pid: int
    fd: int
    reads: bool
    writes: bool


@dataclass(frozen=True)
class Link:
    """One pipe, fifo, socket or pty, and all who hold it."""

    kind: str
    ends: tuple[End, ...]

    @property
    def holders(self) -> set[int]:
        """Their pids."""
        return {end.pid for end in self.ends}


class Links:
    """What some processes share, as it was when it was asked for."""

    def __init__(self, pids: Iterable[int]) -> None:
        found = [one for tree in procfs.tree_of(*pids) for one in tree.walk()]
        self._names = {
            one.pid: f"P{at} {in_words(one.command or (one.comm,))}"
            for at, one in enumerate(found, 1)
        }
        self.links = [*_shared(self._names)]

    def __str__(self) -> str:
        return "\n".join(sorted(map(self._line, self.links))) or NOTHING

    __repr__ = __str__

    def _line(self, link: Link) -> str:
        """From who writes to who reads; of sockets and terminals all do both."""
        writers = [end for end in link.ends if end.writes]
        readers = [end for end in link.ends if end.reads]
        one_way = link.kind in ("pipe", "fifo") and writers and readers
        sides = [writers, readers] if one_way else [[*link.ends]]
        return f"{link.kind:6}  {' → '.join(map(self._side, sides))}"

    def _side(self, ends: list[End]) -> str:
        sides = []
        for pid, name in self._names.items():
            known = [
                STDIO[end.fd] for end in ends if end.pid == pid and end.fd in STDIO
            ]
            if any(end.pid == pid for end in ends):
                sides.append(name + f" ({', '.join(known)})" * bool(known))
        return " and ".join(sides)


def links(*what: What) -> Links:
    """Look now, at these and all below them: pids, a container, a lab."""
    return Links(pids_of(what))


def _shared(pids: Iterable[int]) -> Iterator[Link]:
    """What two of them hold at least."""
    ends: dict[Thing, list[End]] = defaultdict(list)
    for pid in pids:
        for thing, end in _held_by(pid):
            ends[thing].append(end)
    for (kind, _), holders in ends.items():
        link = Link(kind, tuple(holders))
        if len(link.holders) > 1:
            yield link


def _held_by(pid: int) -> Iterator[tuple[Thing, End]]:
    with suppress(OSError):  # ENOENT, EACCES: it has gone, or is not ours to see
        for name in sorted(os.listdir(f"/proc/{pid}/fd"), key=int):
            with suppress(OSError):  # it was closed meanwhile
                info = _info(pid, name)
                if thing := _thing(f"/proc/{pid}/fd/{name}", info):
                    mode = int(info["flags"], 8) & os.O_ACCMODE
                    reads, writes = mode != os.O_WRONLY, mode != os.O_RDONLY
                    yield thing, End(pid, int(name), reads, writes)


def _info(pid: int, name: str) -> dict[str, str]:
    with open(f"/proc/{pid}/fdinfo/{name}") as file:
        pairs = (line.split(":", 1) for line in file if ":" in line)
        return {key: value.strip() for key, value in pairs}


def _thing(path: str, info: dict[str, str]) -> Thing | None:
    about = os.stat(path)
    if "tty-index" in info:  # a master, of a terminal in the same devpts
        return "pty", (_devpts(about.st_dev), int(info["tty-index"]))
    if stat.S_ISCHR(about.st_mode) and os.major(about.st_rdev) in SLAVE_MAJORS:
        return "pty", (about.st_dev, os.minor(about.st_rdev))
    kind = os.readlink(path).partition(":")[0]
    if stat.S_ISFIFO(about.st_mode) or kind == "socket":
        kind = kind if kind in ("pipe", "socket") else "fifo"
        return kind, (about.st_dev, about.st_ino)
    return None


def _devpts(device: int) -> int:
    """A container has a devpts of its own, with a ptmx in it; the host's is in /dev."""
    there = os.stat("/dev/ptmx").st_dev == device
    return os.stat("/dev/pts").st_dev if there else device
