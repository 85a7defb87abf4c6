"""Control groups as this machine has them mounted.

    v2      cgroup2 on /sys/fs/cgroup: one tree for all controllers
    v1      one tree for each controller: /sys/fs/cgroup/memory, /sys/fs/cgroup/pids ...
    hybrid  v1, and a cgroup2 beside it on /sys/fs/cgroup/unified, for systemd

What we look at is the mount table, for a kernel has all of them; cgroups(7).  A
container's cgroup is PARENT/ID in every tree, because its config.json says so.
"""

import os
import time
from contextlib import suppress
from enum import StrEnum
from functools import cache
from pathlib import Path

from conman_lab.identity import Identity
from conman_lab.names import check_name

FILE_SYSTEM = Path("/sys/fs/cgroup")
THAW = {"freezer.state": "THAWED", "cgroup.freeze": "0"}  # v1, v2


class Mode(StrEnum):
    """How the controllers are mounted."""

    V1 = "v1"
    HYBRID = "hybrid"
    V2 = "v2"
    NONE = "none"


def mode(mounts: str | None = None) -> Mode:
    """Which of them this machine is; `mounts` is the text of /proc/self/mounts.

    >>> mode("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0")
    <Mode.V2: 'v2'>
    """
    if mounts is None:
        return _this_machine()
    rows = [line.split(" ")[1:3] for line in filter(None, mounts.split("\n"))]
    ours = {(place, kind) for place, kind in rows if place.startswith("/sys/fs/cgroup")}
    kinds = {kind for _, kind in ours}
    if ("/sys/fs/cgroup", "cgroup2") in ours:
        return Mode.V2
    if "cgroup" in kinds:
        return Mode.HYBRID if "cgroup2" in kinds else Mode.V1
    return Mode.NONE


@cache
def _this_machine() -> Mode:
    """Read the mount table once: each writable container has a line in it."""
    return mode(os.fsdecode(Path("/proc/self/mounts").read_bytes()))


@cache
def trees() -> tuple[Path, ...]:
    """The root of each tree: one for v2, one for each v1 controller.

    v1 mounts some controllers together and links their other names: cpu -> cpu,cpuacct.
    A directory in which nothing is mounted is no tree: hybrid's, where v2 was unmounted.
    """
    if mode() is Mode.V2:
        return (FILE_SYSTEM,)
    return tuple(
        child
        for child in sorted(FILE_SYSTEM.iterdir())
        if (child / "cgroup.procs").exists() and not child.is_symlink()
    )


def tree(controller: str) -> Path:
    """The tree in which `controller` (memory, pids, cpu ...) has its files."""
    return FILE_SYSTEM if mode() is Mode.V2 else FILE_SYSTEM / controller


def of_process(pid: int, controller: str) -> Path:
    """The directory of the cgroup that `pid` is in, for `controller`.  cgroups(7).

    /proc/PID/cgroup has a line N:CONTROLLERS:PATH for each tree; v2's is 0::PATH.
    """
    text = os.fsdecode(Path(f"/proc/{pid}/cgroup").read_bytes())
    rows = [line.split(":", 2) for line in filter(None, text.split("\n"))]
    wanted = "" if mode() is Mode.V2 else controller
    for _, controllers, path in rows:
        if wanted in controllers.split(","):
            return tree(controller) / path.lstrip("/")
    raise FileNotFoundError(f"process {pid} is in no cgroup for {controller}")


def processes(group: str) -> set[int]:
    """The pids in the cgroup `group` and all below it, in every tree."""
    found: set[int] = set()
    for place in _in_all_trees(group):
        for directory, _, files in os.walk(place):
            if "cgroup.procs" in files:
                found |= _pids(Path(directory, "cgroup.procs"))
    return found


def remove(group: str) -> list[Path]:
    """Remove `group` and all below it in every tree; return what was still in use.

    A cgroup is removed by rmdir(2) alone, its files come and go with it.
    """
    busy = []
    for place in _in_all_trees(group):
        for directory, _, _ in os.walk(place, topdown=False):
            try:
                os.rmdir(directory)
            except FileNotFoundError:
                pass  # its runtime was faster
            except OSError:  # EBUSY: there is a process in it
                busy.append(Path(directory))
    return busy


def frozen(group: str) -> bool:
    """Somebody has paused it; what is below it is not looked at."""
    v2 = mode() is Mode.V2
    file = tree("freezer") / group / ("cgroup.freeze" if v2 else "freezer.state")
    with suppress(OSError):  # ENOENT: there is no such cgroup
        return file.read_text().strip() in {"1", "FROZEN", "FREEZING"}
    return False


def thaw(group: str) -> None:
    """Let frozen processes of `group` go on: a frozen one does not even die of SIGKILL.

    v1 has that wait until it is thawed; cgroup v2 lets it die.
    """
    for place in _in_all_trees(group):
        for directory, _, files in os.walk(place):
            for name in THAW.keys() & set(files):
                with suppress(OSError):  # it went as we looked
                    Path(directory, name).write_text(THAW[name])


def end(group: str, patience: float = 5.0) -> None:
    """SIGKILL all that is in `group`, again while they fork, and remove it."""
    if not any(os.path.exists(place) for place in _in_all_trees(group)):
        return  # its runtime has done that; most do
    thaw(group)
    ends_at = time.monotonic() + patience
    while (pids := processes(group)) or remove(group):
        for pid in pids:
            with suppress(ProcessLookupError):
                Identity.of(pid).signal()
        if time.monotonic() > ends_at:
            return  # the kernel keeps one, in a disk's or a network's name
        time.sleep(0.005)


def _in_all_trees(group: str) -> list[str]:
    """Where PARENT/ID is; never what leads out of it: a tree's root is everybody's."""
    checked = "/".join(check_name(name) for name in group.strip("/").split("/"))
    return [f"{root}/{checked}" for root in trees()]


def _pids(file: Path) -> set[int]:
    try:
        return {int(word) for word in file.read_text().split()}
    except OSError:  # ENODEV, ENOENT: it was removed while we looked
        return set()
