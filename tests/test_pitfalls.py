"""Each pitfall bites on Naive, and on a shim none does: not on ours, not on conmon."""

import os
from pathlib import Path
from threading import active_count

import pytest
from eventually import eventually

from conman_lab import pitfalls
from conman_lab.conformance.conmon import Conmon
from conman_lab.lab.registry import Registry
from conman_lab.naive import Naive
from conman_lab.shim.launch import Shim

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
    "orphan": "that it is init",
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


def test_each_has_a_name_and_a_promise_of_its_own():
    assert {check.name for check in pitfalls.ALL} == set(SEEN_ON_NAIVE)
    assert len({check.promise for check in pitfalls.ALL}) == len(pitfalls.ALL)
