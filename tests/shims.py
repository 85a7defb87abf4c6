"""Real containers under real shims, and what may be left of them: nothing."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

from facts import ends

from conman_lab.oci import cgroups
from conman_lab.shim.launcher import Shim, ShimContainer
from conman_lab.stream import Stream

_numbers = count(1)

PROGRAM = """#!/bin/sh
RUNC={}
case " $* " in *" create "*) ;; *) exec "$RUNC" "$@";; esac
{}
"""


class Shims:
    """Creates containers; at the end of a `with` deletes them, and looks again."""

    def __init__(self, runtime, bundle):
        self.runtime, self._bundle = runtime, bundle
        self.created = []

    def create(self, name, *args, ready=None, id=None, **options):
        """Under a shim: a bundle of the course, perhaps with another command."""
        ready = ready or self._bundle(name, *args)
        options = {"runtime": self.runtime} | options
        id = id or f"s{next(_numbers)}"
        container = self.found(id, options["runtime"])
        Shim(**options).create(id, ready.directory)
        return container

    def found(self, id, runtime=None):
        """A container of that id, which somebody else may have created."""
        self.created.append(ShimContainer(runtime or self.runtime, id))
        return self.created[-1]

    def start(self, name, *args, **options):
        """Create and start it."""
        container = self.create(name, *args, **options)
        container.start()
        return container

    def run(self, name, *args, **options):
        """Create, start, and wait for its end; the container, and how it ended."""
        container = self.start(name, *args, **options)
        return container, container.wait(10)

    def saved(self, bundle):
        """A bundle that was changed, in a place of its own."""
        return bundle.save(self.runtime.home / "bundles" / f"own-{next(_numbers)}")

    def creating_by(self, script):
        """The runtime, but for `create` it is `script`, in which $RUNC is the real one."""
        directory = self.runtime.home / "programs" / f"p{next(_numbers)}"
        directory.mkdir(parents=True)
        program = directory / "runc"  # the name is its state directory's, too
        program.write_text(PROGRAM.format(self.runtime.program, script))
        program.chmod(stat.S_IRWXU)
        return replace(self.runtime, program=program)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for container in self.created:
            if left_of(container):
                delete(container)


def at_a_time(count, task, things):
    """Do it for each of them, so many at once; the results in their order."""
    with ThreadPoolExecutor(count) as workers:
        return [*workers.map(task, things)]


def delete(container):
    """Delete it, and see that nothing is left."""
    shim = container.shim
    pids = cgroups.processes(group_of(container))
    container.delete()
    assert left_of(container) == []
    assert not shim or not shim.alive
    assert [pid for pid in pids if not ends(pid)] == []


def left_of(container):
    """Process, cgroup, mount, directory: in words."""
    runtime, group = container._runtime, group_of(container)
    places = [container.directory, runtime.root / container.id]
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    return [
        *(f"process {pid}" for pid in cgroups.processes(group)),
        *(
            f"cgroup {tree / group}"
            for tree in cgroups.trees()
            if (tree / group).exists()
        ),
        *(f"mount {line}" for line in mounts if str(container.directory) in line),
        *(f"directory {place}" for place in places if place.exists()),
    ]


def group_of(container):
    return f"{container._runtime.cgroup_parent}/{container.id}"


def out(container):
    return container.output(Stream.STDOUT)


def err(container):
    return container.output(Stream.STDERR)


def shim_log(container):
    return (container.directory / "shim.log").read_text()


def children(pid):
    """The pids of its children, zombies among them; proc_pid_task(5)."""
    with suppress(FileNotFoundError, ProcessLookupError):
        words = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(word) for word in words]
    return []


def opened(pid):
    """What each of its descriptors is."""
    directory = Path(f"/proc/{pid}/fd")
    return {int(fd.name): os.readlink(fd) for fd in directory.iterdir()}


def stat_of(pid):
    """State, ppid, process group, session, tty: proc_pid_stat(5)."""
    state, *numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    names = ("ppid", "group", "session", "tty")
    return {"state": state} | dict(zip(names, map(int, numbers), strict=False))
