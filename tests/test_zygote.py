"""A manager's shims are forks of a warm process, and nobody can tell by their work."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from eventually import eventually
from manager_home import managing

from conman_lab.errors import LaunchFailed
from conman_lab.linux import Exit
from conman_lab.observe import procfs
from conman_lab.observe.recording import trace
from conman_lab.oci import cgroups

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_runc]


def zygotes_of(pid):
    """The pids of its zygotes."""
    everybody = procfs.snapshot().values()
    return [it.pid for it in everybody if it.comm == "zygote" and it.ppid == pid]


def waiting_in(zygote):
    """The pid of the [main] that waits for a request."""
    everybody = procfs.snapshot().values()
    return eventually(lambda: [it.pid for it in everybody if it.ppid == zygote])[0]


def open_in(pid):
    """What it has open, in words."""
    return [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]


def test_one_forks_all_of_a_managers_shims_and_ends_with_it(runtime, bundle):
    with managing(runtime) as manager:
        assert zygotes_of(os.getpid()) == [], "nobody has asked for a shim"
        for name in ("a", "b"):
            manager.create(name, bundle("sleeper"))
            manager.start(name)
        (zygote,) = zygotes_of(os.getpid())
        assert manager.run_in("a", "true").status == 0
        assert zygotes_of(os.getpid()) == [zygote]
        shims = [manager.inspect(name)["shim"] for name in ("a", "b")]
        assert all(procfs.snapshot()[shim].ppid != zygote for shim in shims)
    assert zygotes_of(os.getpid()) == []
    with managing(runtime) as manager:
        assert [manager.inspect(name)["shim"] for name in ("a", "b")] == shims
        for name in ("a", "b"):
            manager.remove(name, force=True)


def test_a_shim_that_was_forked_holds_nothing_of_its_zygotes(manager, running):
    running("sleeper")
    shim = manager.inspect("sleeper")["shim"]
    (zygote,) = zygotes_of(os.getpid())
    theirs = open_in(zygote)
    assert len(theirs) == 4, "its stdio, and the requests"
    (requests,) = [name for name in theirs if name.startswith("socket:")]
    assert requests not in open_in(shim)
    assert os.getsid(shim) == shim
    manager.remove("sleeper", force=True)


def test_one_that_was_killed_is_followed_by_another(manager, running):
    running("sleeper")
    for number in range(3):
        (zygote,) = zygotes_of(os.getpid())
        os.kill(zygote, signal.SIGKILL)
        eventually(lambda pid=zygote: procfs.snapshot()[pid].state == "Z")
        name = running("exiter", called=f"it-{number}")
        assert manager.wait(name, 10) == Exit(code=7)


def test_whoever_asks_finds_one_that_has_waited(manager, running):
    running("sleeper")
    (zygote,) = zygotes_of(os.getpid())
    waiting = waiting_in(zygote)
    with trace(zygote) as t:
        running("sleeper", called="web")
    (parent,) = [it for it in t.lives() if it.key == t.find("shim:web").parent]
    assert (parent.pid, parent.seen) == (waiting, True)
    assert waiting_in(zygote) != waiting


@pytest.mark.parametrize("killed", ["waiting", "zygote"])
def test_who_waits_ends_with_its_zygote_and_is_followed_if_it_was_killed(
    manager, running, killed
):
    running("sleeper")
    (zygote,) = zygotes_of(os.getpid())
    waiting = waiting_in(zygote)
    os.kill(waiting if killed == "waiting" else zygote, signal.SIGKILL)
    eventually(lambda: waiting not in procfs.snapshot())
    running("sleeper", called="web")
    (now,) = zygotes_of(os.getpid())
    assert (now == zygote) == (killed == "waiting")


def test_one_that_is_stopped_in_the_middle_and_killed_is_told(manager, running, bundle):
    """The second request is in its socket, and nobody will ever read it."""
    running("sleeper")
    (zygote,) = zygotes_of(os.getpid())
    waiting_in(zygote)
    os.kill(zygote, signal.SIGSTOP)
    running("sleeper", called="first")
    with ThreadPoolExecutor() as threads:
        creating = threads.submit(manager.create, "web", bundle("sleeper"))
        eventually(lambda: len(list(manager.root.glob("containers/*/shim.log"))) == 3)
        os.kill(zygote, signal.SIGKILL)
        with pytest.raises(LaunchFailed, match="died before it could report"):
            creating.result(10)
    assert manager.create("web", bundle("sleeper")).name == "web"


@pytest.mark.only_on(cgroups.Mode.V1, cgroups.Mode.HYBRID)
def test_one_that_may_fork_no_more_says_so_and_goes_on_when_it_may(runtime, bundle):
    """EAGAIN: the limit of processes, here that of a cgroup."""
    with managing(runtime) as manager:
        manager.create("first", bundle("sleeper"))
        (zygote,) = zygotes_of(os.getpid())
        waiting_in(zygote)
        alone = cgroups.tree("pids") / runtime.cgroup_parent / "zygote"
        alone.mkdir()
        (alone / "cgroup.procs").write_text(str(zygote))
        (alone / "pids.max").write_text("1")
        manager.create("second", bundle("sleeper"))  # by the one that has waited
        for _ in range(3):
            with pytest.raises(
                LaunchFailed, match="no shim can be forked: Resource te"
            ):
                manager.create("web", bundle("sleeper"))
        assert len(open_in(zygote)) == 4
        (alone / "pids.max").write_text("max")
        with suppress(LaunchFailed):  # it was about to refuse the next one, too
            manager.create("web", bundle("sleeper"))
        manager.create("web-2", bundle("sleeper"))
        assert zygotes_of(os.getpid()) == [zygote]
        for container in manager.list():
            manager.remove(container.id, force=True)
    eventually(lambda: not cgroups.remove(f"{runtime.cgroup_parent}/zygote"))


KILLED = """
import sys
from pathlib import Path
from conman_lab.manager.manager import Manager
from conman_lab.oci import Runtime
manager = Manager(sys.argv[1], Runtime.find(home=Path(sys.argv[1])))
manager.create("web", sys.argv[2])
print("ready", flush=True)
input()
"""


def test_it_ends_with_a_manager_that_was_killed(runtime, bundle):
    command = [sys.executable, "-c", KILLED, runtime.home, bundle("sleeper").directory]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as killed:
        assert killed.stdout.readline() == b"ready\n"
        (zygote,) = zygotes_of(killed.pid)
        killed.kill()
    eventually(lambda: zygote not in procfs.snapshot())
    with managing(runtime) as manager:
        manager.remove("web", force=True)
