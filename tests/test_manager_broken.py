"""Whatever is broken can be removed, and what is lost is said to be."""

import os
import signal

import pytest
from eventually import eventually
from manager_home import left

from conman_lab.errors import (
    ExitLost,
)
from conman_lab.oci import cgroups

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_runc]


def broken_shim(manager, it, runtime):
    """Its shim was killed: it runs, and nobody will hear how it ends."""
    os.kill(manager.inspect("it")["shim"], signal.SIGKILL)
    eventually(lambda: manager.status("it").message)


def stopped_shim(manager, it, runtime):
    os.kill(manager.inspect("it")["shim"], signal.SIGSTOP)


def no_exit_file(manager, it, runtime):
    broken_shim(manager, it, runtime)
    os.kill(it.pid, signal.SIGKILL)
    eventually(lambda: manager.status("it").status == "UNKNOWN")


def no_runtime_state(manager, it, runtime):
    (runtime.root / it.id / "state.json").unlink()


def no_runtime_directory(manager, it, runtime):
    (runtime.root / it.id).rename(runtime.home / "elsewhere")


def no_bundle(manager, it, runtime):
    (runtime.home / "containers" / it.id / "bundle/config.json").unlink()


def paused(manager, it, runtime):
    manager.pause("it")


def cgroup_with_a_guest(manager, it, runtime):
    manager.kill("it", signal.SIGKILL)
    manager.wait("it", 10)
    runtime.delete(it.id, forget=False)
    (cgroups.tree("memory") / f"{runtime.cgroup_parent}/{it.id}/below").mkdir(
        parents=True
    )


BROKEN = [
    broken_shim,
    stopped_shim,
    no_exit_file,
    no_runtime_state,
    no_runtime_directory,
    no_bundle,
    paused,
    cgroup_with_a_guest,
]


@pytest.mark.parametrize("break_it", BROKEN)
def test_remove_works_on_what_is_broken(
    manager, running, runtime, break_it, monkeypatch
):
    monkeypatch.setattr("conman_lab.manager.ending.PATIENCE", 0.5)
    running("sleeper", called="it", readonly=False)
    break_it(manager, manager.status("it"), runtime)
    manager.remove("it", force=True)
    assert (manager.list(), left(runtime)) == ([], [])


def test_of_one_whose_shim_was_killed_the_exit_is_lost_and_it_says_so(manager, running):
    running("sleeper")
    os.kill(manager.inspect("sleeper")["shim"], signal.SIGKILL)
    eventually(lambda: manager.status("sleeper").message)
    assert manager.status("sleeper").status == "RUNNING"
    manager.kill("sleeper", signal.SIGKILL)
    with pytest.raises(ExitLost, match="sleeper has ended"):
        manager.wait("sleeper", 10)
    assert manager.status("sleeper").status == "UNKNOWN"
