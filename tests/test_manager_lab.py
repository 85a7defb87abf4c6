"""A lab has a manager, and takes all of it away; the vocabulary is one."""

import inspect
import os
import resource

import pytest
from eventually import eventually

from conman_lab.identity import Identity
from conman_lab.lab import Lab
from conman_lab.lab.registry import Registry
from conman_lab.manager.container import Policy, Restart
from conman_lab.manager.manager import Manager
from conman_lab.manager.vocabulary import Containers

NOTHING = "0 processes, 0 containers, 0 mounts, 0 cgroups"


@pytest.fixture
def lab():
    lab = Lab("managed")
    yield lab
    lab.end()


def fill(manager, bundle):
    """A writable one that wants to live for ever, with a command in it."""
    wish = Restart(Policy.ALWAYS)
    manager.create("it", bundle, readonly=False, restart=wish)
    manager.start("it")
    manager.exec("it", "sleep", "1000").close()


@pytest.mark.needs_root
@pytest.mark.needs_runc
def test_a_lab_has_one_manager_and_leaves_nothing_of_it(lab, capsys):
    fill(lab.manager, lab.bundle("sleeper"))
    assert lab.manager is lab.manager
    shims = len(lab.registry.noted())
    assert shims == 2  # the container's, and the command's
    lab.close()
    assert capsys.readouterr().out == f"left: {NOTHING}\n"


@pytest.mark.needs_root
@pytest.mark.needs_runc
def test_a_manager_that_was_closed_is_followed_by_another(lab):
    first = lab.manager
    fill(first, lab.bundle("sleeper"))
    first.close()
    assert lab.manager is not first
    assert [it.name for it in lab.manager.list()] == ["it"]


@pytest.mark.needs_root
@pytest.mark.needs_runc
def test_what_a_killed_manager_has_left_a_lab_can_clean(lab, capsys):
    """Its policies do not work against that, for it is dead."""
    fill(lab.manager, lab.bundle("sleeper"))
    shim = Identity.of(lab.manager.inspect("it")["shim"])
    lab.manager.close()
    other = Registry.of("managed")
    assert str(other.left()) != NOTHING
    lab.close()
    assert capsys.readouterr().out == f"left: {NOTHING}\n"
    eventually(lambda: not shim.alive)


VERBS = [name for name in vars(Containers) if not name.startswith("_")]


@pytest.mark.parametrize("verb", VERBS)
def test_a_manager_speaks_the_vocabulary(verb):
    """Names, kinds and defaults of the parameters are the same."""

    def shape(owner):
        parameters = inspect.signature(getattr(owner, verb)).parameters.values()
        return [(it.name, it.kind, it.default) for it in parameters]

    assert shape(Manager) == shape(Containers)


def test_the_floor_of_descriptors_is_no_limit(tmp_path):
    """With more than 1024 of them select(2) cannot be asked any more; poll(2) can."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        assert not Identity.of(os.getpid()).wait(0.01)
    finally:
        for fd in opened:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
