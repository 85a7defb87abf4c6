"""What there is of a lab: nobody keeps a list, the facts are read when asked for.

    home/processes/PID           started by us        Identity
    home/containers/ID/shim.pid  a shim               Identity
    home/runc/ID, home/crun/ID   the runtime's own state of a container
    home/containers/ID           ours
    /proc/self/mountinfo         what is mounted at or below the home
    PARENT/NAME in every tree    its cgroups, and the processes in them

So there is nothing that a killed kernel could have failed to write down.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conman_lab import places
from conman_lab.errors import NotPossible
from conman_lab.identity import Identity, boot_id
from conman_lab.names import NAME
from conman_lab.oci import cgroups

from . import lock

RUNTIMES = ("runc", "crun")
OURS = {"labs", "lost+found"}  # all that is in a root


@dataclass(frozen=True)
class Left:
    """What was found, each thing in words."""

    processes: list[str]
    containers: list[str]
    mounts: list[str]
    cgroups: list[str]

    def things(self) -> list[str]:
        """All of them, in the order in which they are removed."""
        return [*self.processes, *self.containers, *self.mounts, *self.cgroups]

    def __str__(self) -> str:
        counts = (
            _count(self.processes, "process", "processes"),
            _count(self.containers, "container", "containers"),
            _count(self.mounts, "mount", "mounts"),
            _count(self.cgroups, "cgroup", "cgroups"),
        )
        return ", ".join(counts)

    __repr__ = __str__


@dataclass(frozen=True)
class Registry:
    """One lab: the directory `home`, and `cgroup` below the root of every tree."""

    home: Path
    cgroup: str

    @classmethod
    def of(cls, name: str) -> "Registry":
        """The lab called `name`, whether there is anything of it or not."""
        return cls(places.home(name), f"{places.cgroup_parent()}/{name}")

    def __str__(self) -> str:
        return f"lab {self.home.name}"

    @property
    def rebooted(self) -> bool:
        """Its last holder lived before the machine's last start: its pids mean nothing.

        runc looks at start times as well, but not at the boot that they count from.
        """
        who = lock.holder(self.home)
        return who is not None and who.boot != boot_id()

    def noted(self) -> list[Identity]:
        """The living of those that have a note: what was started, and the shims."""
        places = ("processes/*", "*/*/shim.pid", "*/*/execs/*/shim.pid")
        notes = [note for place in places for note in self.home.glob(place)]
        read = [Identity.read(note) for note in notes]
        return [process for process in read if process and process.alive]

    def inside(self) -> list[Identity]:
        """The living processes in the lab's cgroups, whoever started them; not us."""
        return [*_living(cgroups.processes(self.cgroup) - {os.getpid()})]

    def processes(self) -> list[Identity]:
        """All living processes of the lab."""
        found = {process.pid: process for process in [*self.noted(), *self.inside()]}
        return [found[pid] for pid in sorted(found)]

    def states(self) -> list[tuple[str, str]]:
        """Runtime and id of each container that a runtime has a state of.

        `runtime list` reads the same directories, but not if the runtime is missing.
        """
        kept = [path for name in RUNTIMES for path in self.home.glob(f"{name}/*")]
        return sorted((path.parent.name, path.name) for path in kept if path.is_dir())

    def containers(self) -> list[str]:
        """The ids of all containers, a runtime's or ours alone."""
        ours = {path.name for path in self.home.glob("containers/*") if path.is_dir()}
        return sorted(ours | {id for _, id in self.states()})

    def mounts(self) -> list[Path]:
        """What is mounted at or below the home, the last and deepest first."""
        home = self.home.resolve()
        table = os.fsdecode(Path("/proc/self/mountinfo").read_bytes())
        points = [*_mount_points(table)]
        ours = [path for path in reversed(points) if path.is_relative_to(home)]
        return sorted(ours, key=lambda path: -len(path.parts))

    def cgroups(self) -> list[str]:
        """The lab's cgroups, those that are in several trees once."""
        found = set()
        for tree in cgroups.trees():
            for directory, _, _ in os.walk(tree / self.cgroup):
                found.add(str(Path(directory).relative_to(tree)))
        return sorted(found, reverse=True)

    def left(self) -> Left:
        """Look at everything."""
        return Left(
            [f"process {_named(process.pid)}" for process in self.processes()],
            [f"container {_shown(id)} of {self}" for id in self.containers()],
            [f"mount {_shown(str(path))}" for path in self.mounts()],
            [f"cgroup {_shown(path)}" for path in self.cgroups()],
        )


def check_root() -> Path:
    """The root of all labs; NotPossible if somebody's other things are in it.

    What is below it will be removed.  CONMAN_LAB_ROOT=~ would give us ~/labs.
    """
    root = places.root()
    there = next(path for path in (root, *root.parents) if os.path.exists(path))
    if not there.is_dir():
        raise NotPossible(f"{there} is a file: let CONMAN_LAB_ROOT be a directory")
    if not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        raise NotPossible(
            f"a lab needs root, to write in {root}: try again with sudo"
            if os.geteuid()
            else f"{there} cannot be written: let CONMAN_LAB_ROOT be somewhere else"
        )
    names = {path.name for path in root.glob("*")} - OURS
    if names:
        raise NotPossible(
            f"{root} is no root for labs, for there is {min(names)} in it: "
            "let CONMAN_LAB_ROOT be a directory of its own"
        )
    return root


def registries() -> list[Registry]:
    """All labs under the root, and then cgroups of ours whose home somebody removed.

    What no lab can be called is somebody else's, and so are links and files.
    """
    parent = places.cgroup_parent()
    names = _directories(check_root() / "labs")
    groups = {name for tree in cgroups.trees() for name in _directories(tree / parent)}
    return [Registry.of(name) for name in [*names, *sorted(groups - {*names})]]


def _directories(above: Path) -> list[str]:
    found = [path for path in above.glob("*") if NAME.fullmatch(path.name)]
    return sorted(
        path.name for path in found if path.is_dir() and not path.is_symlink()
    )


def _mount_points(mountinfo: str) -> Iterator[Path]:
    r"""The fifth field of each line; blanks and the like are octal in it.

    proc_pid_mountinfo(5).

    >>> [*_mount_points(r"25 1 0:23 / /a\040b rw - tmpfs tmpfs rw")]
    [PosixPath('/a b')]
    """
    for line in filter(None, mountinfo.split("\n")):
        field = line.split(" ")[4]
        yield Path(re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), field))


def _living(pids: set[int]) -> Iterator[Identity]:
    for pid in pids:
        try:
            process = Identity.of(pid)
        except ProcessLookupError:  # it ended while we looked
            continue
        if process.alive:
            yield process


def _named(pid: int) -> str:
    try:
        comm = os.fsdecode(Path(f"/proc/{pid}/comm").read_bytes())
    except OSError:  # ENOENT, ESRCH: it has gone
        return str(pid)
    return f"{pid} ({_shown(comm.removesuffix(chr(10)))})"


def _shown(name: str) -> str:
    r"""Any bytes but / and 0 are a name: on a line of ours they are to be letters.

    >>> print(_shown("a b"), _shown("new\nline"), _shown("\udcff"))
    a b new\nline \udcff
    """
    return repr(name)[1:-1]


def _count(things: list[str], one: str, many: str) -> str:
    return f"{len(things)} {one if len(things) == 1 else many}"
