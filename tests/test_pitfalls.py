"""Each pitfall bites on Naive, and on a shim none does: not on ours, not on conmon."""

import inspect
import os
import pickle
import re
from dataclasses import replace
from pathlib import Path
from threading import active_count

import pytest
from eventually import eventually

from conman_lab import pitfalls
from conman_lab.conformance.conmon import Conmon
from conman_lab.errors import LaunchFailed
from conman_lab.lab.registry import Registry
from conman_lab.naive import Naive
from conman_lab.names import make_private
from conman_lab.pitfalls import broken_pipe, lost_exit, stolen_exit
from conman_lab.pitfalls.manager import Manager
from conman_lab.pitfalls.scene import draw
from conman_lab.pitfalls.stage import Stage
from conman_lab.shim.launcher import Shim
from conman_lab.stream import Stream

each_pitfall = pytest.mark.parametrize(
    "check", pitfalls.ALL, ids=lambda check: check.name
)
each_launcher = pytest.mark.parametrize("launcher", [Naive, Shim, Conmon])

SEEN_ON_NAIVE = {
    "deaf-parent": "TimeoutError: no answer after 1 s",
    "lost-exit": "ExitLost: lost-exit has stopped, and how is known only to its parent",
    "broken-pipe": "echo has returned 141",
    "full-pipe": "65536 bytes waiting",
    "mixed-errors": "ignoring unknown or unavailable capabilities",
    "orphan": "init as its parent",
    "stolen-exit": "FileNotFoundError",
    "no-console": "LaunchFailed",
    "dead-before-start": "ExitLost",
    "lost-tail": "0 lines",
}


@pytest.fixture
def launch(runtime):
    """Give a launcher of a kind, with its home in the test's."""

    def give(kind):
        launcher = kind(runtime)
        if kind is Conmon and not launcher.installed:
            pytest.skip("needs conmon")
        return launcher

    return give


@pytest.fixture
def manager():
    manager = Manager()
    yield manager
    manager.die()


def things_of(launcher):
    """What is there that an experiment could leave: the lab's own cgroup may stay."""
    registry = Registry.of(launcher.home.name)
    things = set(registry.left().things()) - {f"cgroup {registry.cgroup}"}
    files = {str(path) for path in launcher.home.rglob("*")}
    descriptors = set(os.listdir("/proc/self/fd"))
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return things, files, descriptors, children, active_count()


@each_launcher
@each_pitfall
def test_it_bites_on_naive_alone_and_leaves_nothing(check, launcher, launch):
    """And two runs see the same."""
    launcher = launch(launcher)
    first = check.run(launcher)
    before = things_of(launcher)  # the homes of the runtimes, empty
    again = check.run(launcher)
    assert eventually(lambda: things_of(launcher) == before), things_of(launcher)
    assert str(first) == str(again)
    assert first.kept == (launcher.name != "Naive"), str(first)
    assert first.evidence.tree
    if not first.kept:
        assert SEEN_ON_NAIVE[check.name] in first.broken.seen


def test_a_slow_machine_is_not_called_broken(runtime, tmp_path):
    """Sixteen creates of a second each were more than a manager's ten seconds."""
    slow = tmp_path / "runc"
    slow.write_text(f'#!/bin/sh\nsleep 1; exec {runtime.program} "$@"\n')
    slow.chmod(0o755)
    verdict = stolen_exit.CHECK.run(Shim(replace(runtime, program=slow)))
    assert verdict.kept, str(verdict)


def test_each_has_a_name_and_a_promise_of_its_own():
    assert {check.name for check in pitfalls.ALL} == set(SEEN_ON_NAIVE)
    assert len({check.promise for check in pitfalls.ALL}) == len(pitfalls.ALL)


@each_launcher
def test_an_interrupt_leaves_nothing_either(launcher, launch, monkeypatch):
    """The interrupt button, at the worst moment: all are there, and one is dead."""
    launcher = launch(launcher)
    broken_pipe.CHECK.run(launcher)
    before = things_of(launcher)
    monkeypatch.setattr(Stage, "look", interrupt)
    with pytest.raises(KeyboardInterrupt):
        broken_pipe.CHECK.run(launcher)
    assert eventually(lambda: things_of(launcher) == before), things_of(launcher)


def interrupt(*args):
    raise KeyboardInterrupt


def test_what_is_left_of_a_killed_run_is_no_obstacle(launch):
    naive = launch(Naive)
    make_private(naive.home / "stage-lost-exit" / "fifos")
    assert "ExitLost" in lost_exit.CHECK.run(naive).broken.seen


def test_a_container_of_that_name_is_left_alone(launch, bundle):
    shim = launch(Shim)
    container = shim.create("lost-exit", bundle("sleeper").directory)
    assert "there is a container 'lost-exit'" in lost_exit.CHECK.run(shim).broken.seen
    assert container.keeper
    container.delete()


def test_a_manager_is_a_process_that_keeps_what_it_has_until_it_dies(manager):
    read_end, write_end = manager.call(os.pipe)
    assert manager.call(os.write, write_end, b"kept") == 4
    assert manager.call(os.read, read_end, 9) == b"kept"
    assert manager.call(os.getpid) == manager.pid != os.getpid()
    manager.die()
    assert not Path(f"/proc/{manager.pid}").exists()


def test_a_manager_s_error_is_a_launch_that_failed(manager):
    with pytest.raises(LaunchFailed, match="Bad file descriptor"):
        manager.call(os.close, 999)


def test_a_manager_s_death_is_told(manager):
    with pytest.raises(LaunchFailed, match="the manager died before it could"):
        manager.call(os._exit, 1)


def test_to_hand_a_naive_container_over_is_to_lose_its_pipes(launch, bundle):
    """A pipe is a process's own; a successor knows what can be written down."""
    naive = launch(Naive)
    container = naive.create("handed", bundle("hello").directory)
    successor = pickle.loads(pickle.dumps(container))
    successor.start()
    assert (successor.id, successor.pid) == (container.id, container.pid)
    assert successor.output(Stream.STDOUT) == b""
    assert container.output(Stream.STDOUT) == b"Hello from a container\n"
    container.delete()


def test_an_experiment_is_read_in_one_cell():
    for check in pitfalls.ALL:
        lines = inspect.getsource(check.body).splitlines()
        assert len(lines) <= 25, check.name


def test_a_scene_tells_the_parts_and_not_the_pids(manager):
    first, second = draw(None, os.getpid(), {"the other": manager.pid}).splitlines()
    assert first == "manager"
    assert re.fullmatch(r"└─ python[\d.]*, the other", second)
