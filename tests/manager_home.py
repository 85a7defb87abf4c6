"""A manager of a test's own, and what may be left of its containers: nothing."""

import os
from contextlib import contextmanager, suppress
from pathlib import Path

from conman_lab.manager.manager import Manager
from conman_lab.observe import procfs
from conman_lab.oci import cgroups


@contextmanager
def managing(runtime):
    """One on the test's home; let go of at the end."""
    with Manager(runtime.home, runtime) as manager:
        yield manager


def left(runtime):
    """What is below the home, or runs for it, in words; notes and locks are nothing."""
    home = runtime.home
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    group = runtime.cgroup_parent
    below = [
        path.relative_to(tree)
        for tree in cgroups.trees()
        for path in (tree / group).glob("*")
        if path.is_dir()
    ]
    return [
        *(f"process {pid}" for pid in cgroups.processes(group)),
        *(f"shim {pid}" for pid in shims(runtime)),
        *(f"cgroup {path}" for path in sorted(set(below))),
        *(f"mount {line}" for line in mounts if f"{home}/containers" in line),
        *(f"directory {path}" for path in home.glob("containers/*")),
        *(f"state {path}" for path in runtime.root.glob("*")),
    ]


def shims(runtime):
    """The pids of all shims that have a file below the home open, deleted or not."""
    everybody = procfs.snapshot().values()
    ours = [it.pid for it in everybody if it.comm.startswith("shim:")]
    return [pid for pid in ours if any(_is_below(runtime.home, pid))]


def _is_below(home, pid):
    with suppress(OSError):  # it has ended as we looked
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                yield os.readlink(fd).startswith(f"{home}/")


def descriptors():
    """How many this process has open."""
    return len(os.listdir("/proc/self/fd"))
