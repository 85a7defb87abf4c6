"""What a shim does for its container: stays, forwards, adopts, and tells its end."""

import os
import signal
import subprocess
import sys

import pytest
from apart import FIND_US
from eventually import eventually
from facts import ends, reads, state_of
from shims import Shims, children, out, stat_of

from conman_lab.linux import Exit
from conman_lab.shim.loop import FORWARDED


@pytest.fixture
def shims(runtime, bundle):
    with Shims(runtime, bundle) as shims:
        yield shims


# --- its manager

MANAGER = """
import signal
from dataclasses import replace
from pathlib import Path
from conman_lab.oci import Runtime
from conman_lab.shim.launch import Shim
runtime = Runtime.find(home=Path(sys.argv[1]))
runtime = replace(runtime, cgroup_parent=sys.argv[2])
container = Shim(runtime).create("survivor", Path(sys.argv[3]))
container.start()
print("started", flush=True)
signal.pause()
"""


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGHUP, signal.SIGINT])
def test_it_survives_its_manager(shims, bundle, signum):
    """The whole process group dies, as with a terminal that is closed."""
    ready = bundle("ticker")
    command = [sys.executable, "-c", FIND_US + MANAGER]
    arguments = [shims.runtime.home, shims.runtime.cgroup_parent, ready.directory]
    manager = subprocess.Popen(
        [*command, *map(str, arguments)], stdout=subprocess.PIPE, process_group=0
    )
    reads(manager.stdout.fileno(), b"started")
    container = shims.found("survivor")
    keeper = container.shim
    os.killpg(manager.pid, signum)
    manager.wait(5)
    manager.stdout.close()
    seen = len(out(container))
    eventually(lambda: len(out(container)) > seen)  # it ticks on, and into the log
    assert keeper.alive
    os.kill(keeper.pid, signal.SIGTERM)
    assert container.wait(5) == Exit(code=0)


@pytest.mark.parametrize("signum", FORWARDED)
def test_what_is_sent_to_it_is_meant_for_its_container(shims, signum):
    name = signum.name.removeprefix("SIG")
    script = f"trap 'echo {name}; exit 3' {name}; echo ready; sleep 60 & wait; wait"
    container = shims.start("hello", "sh", "-c", script)
    eventually(lambda: out(container) == b"ready\n")
    os.kill(container.keeper, signum)
    assert container.wait(5) == Exit(code=3)
    assert out(container) == f"ready\n{name}\n".encode()


def test_a_container_that_hears_no_signal_keeps_its_shim(shims):
    container = shims.start("stubborn")
    eventually(lambda: out(container) == b"try me\n")
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(container.keeper, signum)
    with pytest.raises(TimeoutError):
        container.wait(0.1)
    container.kill(signal.SIGKILL)
    assert container.wait(5) == Exit(signal=signal.SIGKILL)


# --- its orphans


def test_until_the_container_ends_it_is_the_orphans_parent(shims, bundle):
    script = "(sleep 60 & echo $!); sleep 60 & echo $!; wait"
    ready = bundle("orphans").with_args("sh", "-c", script)
    container = shims.start("orphans", ready=shims.saved(ready))
    eventually(lambda: out(container).count(b"\n") == 2)
    orphan, child = map(int, out(container).split())
    assert stat_of(child)["ppid"] == container.pid
    eventually(lambda: stat_of(orphan)["ppid"] == container.keeper)
    os.kill(orphan, signal.SIGKILL)
    assert ends(orphan)
    eventually(lambda: state_of(orphan) == "")  # reaped: not even a zombie
    assert children(container.keeper) == [container.pid]
    container.kill(signal.SIGKILL)
    assert container.wait(5) == Exit(signal=signal.SIGKILL)


def test_a_thousand_orphans_do_not_hide_the_container_s_own_end(shims, bundle):
    script = "i=0; while [ $((i += 1)) -le 1100 ]; do (: &); done; exit 9"
    ready = bundle("orphans").with_args("sh", "-c", script)
    _, how = shims.run("orphans", ready=shims.saved(ready))
    assert how == Exit(code=9)
