"""`auto_remove`: it goes when it has ended, and whoever looks sees it to the end."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from conmands import Daemon
from eventually import eventually
from manager_home import left, managing

from conman_lab import linux
from conman_lab.errors import ExitLost, InvalidArgument, NotFound
from conman_lab.linux import Exit
from conman_lab.manager.container import Policy, Restart
from conman_lab.manager.house import REMOVALS
from conman_lab.oci import Runtime
from conman_lab.stream import Stream

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_runc]

LINES = 20_000
MUCH = f"trap 'seq {LINES}; exit 3' TERM; echo 0; sleep 600 & wait"
ALL = [str(number) for number in range(LINES + 1)]


@contextmanager
def served(runtime: Runtime):
    """By a daemon, through its client."""
    with Daemon(runtime.home, runtime) as daemon:
        with daemon.start().client as client:
            yield client
        daemon.stop()


@pytest.fixture(params=[managing, served])
def containers(request, runtime):
    """A manager in this process, or in another."""
    with request.param(runtime) as ours:
        yield ours


@pytest.fixture
def begun(containers, bundle):
    """Start one that is to go when it ends; by SIGTERM, with 3 and many lines more."""

    def give(name="it", script=MUCH, **wishes):
        ready = bundle("sleeper", "sh", "-c", script)
        containers.create(name, ready, auto_remove=True, **wishes)
        containers.start(name)
        next(containers.logs(name, follow=True))  # its trap is set
        return name

    return give


def gone(containers):
    """There is none at all."""
    return containers.list() == []


def lines(records):
    """Whole ones: a record is what one read(2) has seen of them."""
    pieces = (str(it) + "\n" * it.full for it in records)
    return "".join(pieces).split()


def kinds(containers, count):
    """Of the last `count` events of those since the beginning."""
    events = containers.events(since=0)
    return [next(events).kind for _ in range(count)]


def test_it_goes_as_it_ends_and_all_who_wait_hear_how(containers, begun, runtime):
    late = "trap 'sleep 1; exit 3' TERM; echo 0; sleep 600 & wait"  # all wait by then
    begun(script=late, readonly=False)
    with ThreadPoolExecutor() as threads:
        waiting = [threads.submit(containers.wait, "it") for _ in range(4)]
        containers.kill("it")
        assert {each.result(20) for each in waiting} == {Exit(code=3)}
    eventually(partial(gone, containers))
    assert kinds(containers, 5) == ["create", "start", "kill", "exit", "remove"]
    eventually(lambda: left(runtime) == [])


def test_that_it_will_go_is_known_and_kept(containers, bundle):
    created = containers.create("it", bundle("sleeper"), auto_remove=True)
    assert created.auto_remove
    assert containers.status("it").auto_remove
    assert containers.inspect("it")["auto_remove"] is True
    assert not containers.create("other", bundle("sleeper")).auto_remove


def test_not_together_with_a_restart_policy(containers, bundle):
    wish = Restart(Policy.ON_FAILURE)
    with pytest.raises(InvalidArgument, match="take one of restart and auto_remove"):
        containers.create("it", bundle("hello"), restart=wish, auto_remove=True)
    assert gone(containers)


def test_who_follows_its_log_reads_it_when_it_has_gone(containers, begun):
    begun()
    records = containers.logs("it", follow=True)
    unread = containers.logs("it", follow=True, tail=0)
    assert str(next(records)) == "0"
    containers.kill("it")
    eventually(partial(gone, containers))
    assert lines(records) == lines(unread) == ALL[1:]
    with pytest.raises(NotFound):
        containers.logs("it", follow=True)


def test_who_is_attached_sees_it_to_the_end(containers, begun):
    begun(script=f"echo 0; read word; seq {LINES}; exit 3", stdin=True)
    with containers.attach("it", stdin=True) as session:
        session.send(b"go\nand what nobody reads\n")
        eventually(partial(gone, containers))
        seen = b"".join(piece for stream, piece in session if stream is Stream.STDOUT)
        assert seen.decode().split() == ALL[1:]
        assert session.wait(5) == Exit(code=3)


def test_a_command_that_ends_it_is_heard_as_well(containers, begun):
    begun()
    script = "echo last words; kill -TERM 1; exec sleep 600"
    done = containers.run_in("it", "sh", "-c", script)
    assert (done.stdout, done.status) == (b"last words\n", 128 + signal.SIGKILL)
    eventually(partial(gone, containers))


def test_a_command_that_would_outlive_it_ends_and_is_heard(manager, bundle):
    """In the host's pid namespace the first process is one of many."""
    ready = bundle("sleeper").without_namespaces("pid")
    manager.create("it", ready, auto_remove=True)
    manager.start("it")
    with manager.exec("it", "sh", "-c", "echo here; exec sleep 600") as session:
        assert session.read(10) == (Stream.STDOUT, b"here\n")
        manager.kill("it", signal.SIGKILL)
        assert session.wait(10) == Exit(signal=9)
    eventually(partial(gone, manager))


def test_stop_says_how_it_ended(containers, begun):
    begun()
    assert containers.stop("it").exit == Exit(code=3)
    eventually(partial(gone, containers))


def test_one_that_was_not_started_stays(runtime, bundle):
    with managing(runtime) as manager:
        created = manager.create("it", bundle("sleeper"), auto_remove=True)
    with managing(runtime) as manager:
        assert manager.status("it") == created
        assert manager.start("it").auto_remove
        manager.kill("it", signal.SIGKILL)
        assert manager.wait("it", 10) == Exit(signal=9)
        eventually(partial(gone, manager))


@pytest.mark.parametrize("lost", [False, True])
def test_one_that_ends_while_nobody_is_there_goes_as_somebody_is(runtime, bundle, lost):
    """Of both it is told first; how it has ended, if that is known."""
    with managing(runtime) as manager:
        manager.create("it", bundle("sleeper"), auto_remove=True)
        first, facts = manager.start("it").pid, manager.inspect("it")
    if lost:
        os.kill(facts["shim"], signal.SIGKILL)
    with managing(runtime):  # and it holds across one more
        pass
    os.kill(first, signal.SIGKILL)
    shim = Path("/proc", str(facts["shim"]))
    eventually(lambda: lost or not shim.exists())
    with managing(runtime) as manager:
        exit_told = "it: lost" if lost else "it: exit (how killed by SIGKILL)"
        events = manager.events(since=0)
        assert [str(next(events)) for _ in "12"] == [exit_told, "it: remove"]
        assert left(runtime) == []


def test_one_whose_end_is_lost_goes_as_well(manager, running):
    running("sleeper", auto_remove=True)
    first, shim = manager.status("sleeper").pid, manager.inspect("sleeper")["shim"]
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(manager.wait, "sleeper")
        os.kill(shim, signal.SIGKILL)
        os.kill(first, signal.SIGKILL)
        with pytest.raises(ExitLost):
            waiting.result(10)
    eventually(partial(gone, manager))


def test_who_removes_it_meanwhile_is_not_in_the_way(manager, running):
    running("sleeper", auto_remove=True)
    with ThreadPoolExecutor() as threads:
        with manager._house.holding("sleeper"):
            removing = threads.submit(manager.remove, "sleeper", force=True)
            assert manager.wait("sleeper", 10) == Exit(signal=9)
        removing.result(10)
    eventually(partial(gone, manager))
    assert kinds(manager, 4) == ["create", "start", "exit", "remove"]


def test_many_that_cannot_go_yet_keep_nobody_from_being_heard(manager, running):
    """More than are removed at a time."""
    names = [f"it-{number}" for number in range(REMOVALS + 2)]
    locks = [manager._house.register.find(_begin(running, it)).lock for it in names]
    for lock in locks:
        lock.acquire()
    for name in names:
        manager.kill(name, signal.SIGKILL)
        assert manager.wait(name, 10) == Exit(signal=9)
    running("exiter", "true", called="other")
    assert manager.wait("other", 10).ok
    assert len(manager.list()) == len(names) + 1
    for lock in locks:
        lock.release()
    eventually(lambda: len(manager.list()) == 1)


def _begin(running, name):
    return running("sleeper", called=name, auto_remove=True)


def test_what_cannot_be_removed_is_told_and_can_be_later(manager, running):
    """Its state.json is a mount: EBUSY, unlink(2)."""
    running("sleeper", auto_remove=True)
    state = str(Path(manager.inspect("sleeper")["directory"], "state.json"))
    linux.mount(state, state, "", flags=linux.MS_BIND)
    try:
        manager.kill("sleeper", signal.SIGKILL)
        eventually(lambda: kinds(manager, 5)[-1] == "remove failed")
    finally:
        linux.unmount(state)
    assert manager.status("sleeper").status == "EXITED"
    manager.remove("sleeper")
    assert gone(manager)
