"""Whatever is broken can be removed, and what is lost is said to be."""

import os
import signal
from pathlib import Path

import pytest
from eventually import eventually
from manager_home import left

from conman_lab.errors import Deadline, ExitLost, RuntimeFailed, WrongState
from conman_lab.identity import Identity
from conman_lab.linux import Exit
from conman_lab.manager import ending, facts
from conman_lab.manager.container import TRANSITIONS, Container, Status
from conman_lab.manager.store import Store
from conman_lab.oci import cgroups
from conman_lab.shim.exitfile import ExitFile

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
    assert manager.stop("sleeper").status == TRANSITIONS["stop"][Status.UNKNOWN]


def test_one_whose_shim_was_killed_before_its_start_is_not_started(manager, bundle):
    manager.create("it", bundle("sleeper"))
    os.kill(manager.inspect("it")["shim"], signal.SIGKILL)
    eventually(lambda: manager.status("it").message)
    with pytest.raises(WrongState, match="cannot start it: its shim has died: how"):
        manager.start("it")
    assert manager.status("it").status == "CREATED"


def stop_shim_of_a_command(manager, name):
    """It runs a command, and the shim of that hears nothing."""
    manager.exec(name, "sleep", "1000").close()
    (note,) = Path(manager.inspect(name)["directory"]).glob("execs/*/shim.pid")
    Identity.read(note).signal(signal.SIGSTOP)


def test_of_one_with_a_stopped_shim_of_a_command_the_exit_is_known(
    manager, running, monkeypatch
):
    """The command's zombie, which is that shim's to reap, holds up its pid namespace."""
    monkeypatch.setattr(ending, "PATIENCE", 30)  # not every init(1) reaps at once
    running("sleeper")
    stop_shim_of_a_command(manager, "sleeper")
    entry = manager._house.register.find("sleeper")
    ending.kill_all(manager._house, entry)
    ending._end_without_shim(manager._house, entry)
    assert manager.status("sleeper").exit == Exit(signal=9)


def test_a_stopped_shim_of_a_command_goes_with_the_container(manager, bundle, runtime):
    """In the host's pid namespace that one holds up nothing."""
    directory = runtime.home / "bundles" / "no-pid"
    ready = bundle("sleeper").without_namespaces("pid").save(directory)
    manager.create("it", ready)
    manager.start("it")
    stop_shim_of_a_command(manager, "it")
    manager.remove("it", force=True)
    assert left(runtime) == []


def test_one_whose_shim_was_killed_shows_nothing_and_says_why(manager, running):
    running("sleeper")
    os.kill(manager.inspect("sleeper")["shim"], signal.SIGKILL)
    eventually(lambda: manager.status("sleeper").message)
    with pytest.raises(WrongState, match="cannot attach to sleeper: its shim has died"):
        manager.attach("sleeper")


def test_a_start_that_fails_is_none(manager, bundle, runtime):
    it = manager.create("it", bundle("sleeper"))
    state = runtime.root / it.id / "state.json"
    away = state.rename(runtime.home / "state.json")
    with pytest.raises(RuntimeFailed):
        manager.start("it")
    away.rename(state)
    assert "started" not in manager.inspect("it")["files"]
    assert manager.start("it").status == "RUNNING"


def test_a_note_that_makes_no_sense_is_none(manager, running):
    running("sleeper")
    Path(manager.inspect("sleeper")["directory"], "started").write_text("soon")
    assert manager.status("sleeper").started_at  # as the runtime's directory tells


def test_what_is_told_between_two_looks_is_not_missed(runtime, monkeypatch):
    """As its shim ends, the exit file comes: who looks for that first finds neither."""
    store = Store(runtime.home)
    it = Container("it", "it", process="1 1 of-another-boot", started_at=1.0)
    store.make("it")

    def shim_of(directory):
        """The last that it does before it is gone."""
        ExitFile(str(directory / "exit")).write(Exit(code=7))

    monkeypatch.setattr(facts, "shim_of", shim_of)
    assert facts.look(it, store, runtime).exit == Exit(code=7)


@pytest.mark.only_on(cgroups.Mode.V1, cgroups.Mode.HYBRID)
def test_one_that_does_not_end_is_told_of(manager, running, runtime, monkeypatch):
    """Frozen from above, where nobody thaws; v2 would let it die."""
    monkeypatch.setattr("conman_lab.manager.ending.PATIENCE", 0.1)
    running("sleeper")
    above = cgroups.tree("freezer") / runtime.cgroup_parent / "freezer.state"
    above.write_text("FROZEN")
    try:
        with pytest.raises(Deadline, match=r"sleeper has not ended 0\.2 s after SIGK"):
            manager.stop("sleeper", 0)
    finally:
        above.write_text("THAWED")
    with pytest.raises(ExitLost):  # its shim was ended, to do without
        manager.wait("sleeper", 10)
