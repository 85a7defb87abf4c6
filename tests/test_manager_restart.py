"""The manager goes, the containers stay, and the next one knows them all."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from eventually import eventually
from facts import ends
from manager_home import left, managing

from conman_lab.errors import WrongState
from conman_lab.linux import Exit
from conman_lab.manager import restarts
from conman_lab.manager.container import Container, Limits, Policy, Restart
from conman_lab.manager.register import Entry
from conman_lab.manager.store import Store
from conman_lab.oci.runtime import Runtime

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_runc]

ALWAYS = Restart(Policy.ALWAYS)


def shim_ends(manager, name):
    """A description of when its exit is on the disk: then nobody need be there."""
    return Path(manager.inspect(name)["directory"], "exit").exists


def test_it_finds_everyone_in_their_states(runtime, bundle):
    with managing(runtime) as manager:
        wishes = {"limits": Limits(pids=50), "restart": Restart(Policy.ON_FAILURE, 3)}
        manager.create("new", bundle("sleeper"), labels={"a": "b"}, **wishes)
        for name in ("runs", "ended", "paused", "lost"):
            manager.create(name, bundle("sleeper"), readonly=False)
            manager.start(name)
        manager.pause("paused")
        manager.stop("ended")
        shim, first = manager.inspect("lost")["shim"], manager.status("lost").pid
        before = {it.name: it for it in manager.list()}
    os.kill(shim, signal.SIGKILL)
    os.kill(first, signal.SIGKILL)
    with managing(runtime) as manager:
        eventually(lambda: manager.status("lost").status == "UNKNOWN")
        after = {it.name: it for it in manager.list()}
        del before["lost"], after["lost"]
        assert after == before
        assert [*map(str, after.values())] == [
            "new: CREATED",
            "runs: RUNNING",
            f"ended: EXITED, {before['ended'].exit}",
            "paused: RUNNING (paused)",
        ]
        manager.start("new")
        for it in manager.list():
            manager.remove(it.id, force=True)
        assert left(runtime) == []


def test_exits_of_those_that_end_while_it_is_down_are_kept(runtime, bundle):
    with managing(runtime) as manager:
        for code in range(10):
            ready = bundle(
                "sleeper",
                "sh",
                "-c",
                f"trap 'exit {code}' TERM; echo ready; sleep 1000 & wait",
            )
            manager.create(f"it-{code}", ready)
            manager.start(f"it-{code}")
            eventually(lambda name=f"it-{code}": [*manager.logs(name)])
        pids = [it.pid for it in manager.list()]
        told = [shim_ends(manager, f"it-{code}") for code in range(10)]
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    eventually(lambda: all(is_told() for is_told in told))
    with managing(runtime) as manager:
        assert [manager.wait(f"it-{code}", 0).code for code in range(10)] == [
            *range(10)
        ]
        told = [event for event in manager._house.events._kept if event.kind == "exit"]
        assert len(told) == 10
        assert {it.at for it in told} == {it.finished_at for it in manager.list()}


def test_no_runtime_is_called_to_restore(runtime, bundle, monkeypatch):
    with managing(runtime) as manager:
        manager.create("runs", bundle("sleeper"))
        manager.start("runs")
        manager.create("ended", bundle("exiter"))
        manager.start("ended")
        manager.wait("ended", 10)

    def call(self, *words):
        raise AssertionError(words)

    monkeypatch.setattr(Runtime, "_call", call)
    with managing(runtime) as manager:
        assert {it.name: it.status for it in manager.list()} == {
            "runs": "RUNNING",
            "ended": "EXITED",
        }


def test_who_waits_hears_that_it_was_closed(runtime, bundle):
    with managing(runtime) as manager, ThreadPoolExecutor() as threads:
        manager.create("it", bundle("sleeper"))
        manager.start("it")
        waiting = threads.submit(manager.wait, "it")
        events = threads.submit(list, manager.events())
        manager.close()
        with pytest.raises(WrongState, match="closed"):
            waiting.result(10)
        assert events.result(10) == []


def test_the_state_of_another_version_is_read(runtime, bundle):
    """It may know more than we do, and what has a default it may not have known."""
    with managing(runtime) as manager:
        it = manager.create("it", bundle("sleeper"))
    state = runtime.home / "containers" / it.id / "state.json"
    known = json.loads(state.read_text()) | {"colour": "red"}
    del known["restarts"], known["stdin_once"]
    state.write_text(json.dumps(known))
    with managing(runtime) as manager:
        assert manager.status("it") == it


def test_a_callback_for_the_end_hears_nothing_of_the_manager_s(runtime, bundle, caplog):
    heard = []
    with managing(runtime) as manager:
        manager.create("it", bundle("sleeper"))
        manager.on_end("it", heard.append)
    assert (heard, caplog.records) == ([], [])


def test_after_a_reboot_no_runtime_is_told_to_end_anybody(runtime, bundle, monkeypatch):
    """It would take the pids that it has noted for today's."""
    with managing(runtime) as manager:
        it = manager.create("it", bundle("sleeper"))
        shim = manager.inspect("it")["shim"]
    os.kill(shim, signal.SIGKILL)
    assert ends(shim)
    place = runtime.home / "containers" / it.id
    pid, started_at, _ = (place / "shim.pid").read_text().split()
    (place / "shim.pid").write_text(f"{pid} {started_at} of-another-boot")
    (place / "state.json").unlink()

    def call(self, *words):
        raise AssertionError(words)

    monkeypatch.setattr(Runtime, "_call", call)
    with managing(runtime) as manager:
        assert manager.list() == []
    assert left(runtime) == []


def test_a_state_that_cannot_be_read_can_be_removed(runtime, bundle):
    with managing(runtime) as manager:
        it = manager.create("it", bundle("sleeper"))
        manager.start("it")
    state = runtime.home / "containers" / it.id / "state.json"
    for content in ("", "{}", "[]", '{"process": "1 2"}', '{"process": 1}'):
        state.write_text(content)
        with managing(runtime) as manager:
            (found,) = manager.list()
            assert (found.status, found.id) == ("UNKNOWN", it.id)
            assert "remove it" in found.message
    with managing(runtime) as manager:
        manager.remove(it.id)
        assert left(runtime) == []


# --- restart policies


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr(restarts, "FIRST", 0.01)


def kinds(manager):
    return [event.kind for event in manager._house.events._kept]


def test_one_that_fails_is_started_again_as_often_as_its_limit(manager, running, soon):
    running("exiter", restart=Restart(Policy.ON_FAILURE, limit=2))
    eventually(lambda: kinds(manager).count("exit") == 3, timeout=10)
    it = manager.status("exiter")
    assert (it.status, it.exit, it.restarts) == ("EXITED", Exit(code=7), 2)
    assert kinds(manager).count("restart") == 2
    eventually(lambda: not manager._house.restarts._timers)
    assert not manager._house.restarts.wanted(it)


def test_on_failure_is_not_on_success(manager, running, soon):
    running("exiter", "true", restart=Restart(Policy.ON_FAILURE))
    manager.wait("exiter", 10)
    assert not manager._house.restarts._timers


def test_always_is_until_it_is_asked_to_stop(manager, running, runtime, soon):
    running("sleeper", restart=ALWAYS, readonly=False)
    for number in range(3):
        manager.kill("sleeper", signal.SIGKILL)
        eventually(lambda n=number: manager.status("sleeper").restarts == n + 1)
        eventually(lambda: manager.status("sleeper").status == "RUNNING")
    manager.stop("sleeper", 0)
    assert manager.status("sleeper").status == "EXITED"
    assert not manager._house.restarts._timers
    manager.remove("sleeper")
    assert left(runtime) == []


def test_its_log_and_its_layer_go_on(manager, running, soon):
    script = "echo run >> /runs; wc -l < /runs; exit 1"
    running(
        "exiter",
        "sh",
        "-c",
        script,
        restart=Restart(Policy.ON_FAILURE, 2),
        readonly=False,
    )
    eventually(lambda: kinds(manager).count("exit") == 3, timeout=10)
    assert [*map(str, manager.logs("exiter"))] == ["1", "2", "3"]


def test_stop_cancels_a_restart_that_is_due(manager, running):
    running("exiter", restart=Restart(Policy.ALWAYS))
    manager.wait("exiter", 10)
    manager.stop("exiter")
    eventually(lambda: not manager._house.restarts._timers)
    assert manager.status("exiter").restarts == 0


def test_close_cancels_what_a_restart_has_led_to(tmp_path):
    def again(entry):
        """A run that has ended before `start` has returned."""
        late = replace(entry.container, exit=Exit(1, at=time.time() + 60))
        entry.container = late
        ours.consider(entry)
        runs.append(late)

    def waiting():
        return [it for it in threading.enumerate() if isinstance(it, threading.Timer)]

    failed = Container("1", "x", restart=ALWAYS, started_at=1, exit=Exit(1, at=1))
    runs, ours = [], restarts.Restarts(Store(tmp_path), again)
    ours.consider(Entry(failed))
    eventually(lambda: runs and len(waiting()) == 1)
    began_at = time.monotonic()
    ours.close()
    assert time.monotonic() - began_at < 30  # it would have waited for a minute
    assert not waiting()


def test_the_waits_double_and_a_good_run_begins_anew():
    def due(restarts_by_now, ran, ago=0):
        now = time.time() - ago
        it = Container(
            "1",
            "x",
            restarts=restarts_by_now,
            started_at=now - ran,
            exit=Exit(1, at=now),
        )
        return round(restarts.wait_of(it), 1)

    assert [due(n, ran=1) for n in range(4)] == [0.1, 0.2, 0.4, 0.8]
    assert [due(n, ran=1) for n in (10, 50, 5000)] == [60] * 3
    assert due(5, ran=11) == 0.1
    assert due(5, ran=1, ago=100) == 0  # nobody was there when it was time


def test_one_that_was_never_started_is_not_started_again(manager, bundle):
    manager.create("it", bundle("sleeper"), restart=ALWAYS)
    manager.kill("it", signal.SIGKILL)
    assert manager.wait("it", 10) == Exit(signal=9)
    assert not manager._house.restarts.wanted(manager.status("it"))


def test_an_end_that_is_lost_is_a_failure():
    lost = Container("1", "x", restart=Restart(Policy.ON_FAILURE), started_at=1)
    assert restarts.is_due(lost)


def test_the_run_after_a_restart_is_heard_of_like_the_first(manager, running, soon):
    """Its shim is another one, and nobody asks."""
    running("sleeper", restart=Restart(Policy.ALWAYS, limit=1))
    manager.kill("sleeper", signal.SIGKILL)
    eventually(lambda: manager.status("sleeper").restarts == 1)
    eventually(lambda: manager.status("sleeper").status == "RUNNING")
    shim, it = manager.inspect("sleeper")["shim"], manager.status("sleeper")
    eventually(lambda: not manager._house.restarts._timers)  # nor does that thread look
    manager.list()  # the end of its first shim is told by now
    os.kill(shim, signal.SIGKILL)
    os.kill(it.pid, signal.SIGKILL)
    eventually(lambda: kinds(manager)[-1] == "lost")


def test_a_restart_that_fails_keeps_no_manager_from_beginning(runtime, bundle):
    """Its last manager died between the new shim and `start`."""
    with managing(runtime) as manager:
        it = manager.create("it", bundle("sleeper"), restart=ALWAYS)
    place = runtime.home / "containers" / it.id
    state = json.loads((place / "state.json").read_text())
    (place / "state.json").write_text(json.dumps(state | {"restarts": 1}))
    (place / "started.unfinished").mkdir()  # a note cannot be written there
    with managing(runtime) as manager:
        assert manager.status("it").status == "CREATED"
        (event,) = manager.happened()
        assert str(event).startswith("it: restart failed (why ")


def test_what_others_keep_in_the_home_is_theirs(runtime):
    theirs = runtime.home / "containers" / "theirs.gone"
    theirs.mkdir(parents=True)
    with managing(runtime):
        assert theirs.exists()


def test_a_policy_holds_across_a_restart_of_the_manager(runtime, bundle, soon):
    with managing(runtime) as manager:
        manager.create("always", bundle("sleeper"), restart=ALWAYS)
        manager.create("stopped", bundle("sleeper"), restart=ALWAYS)
        manager.create("fails", bundle("sleeper"), restart=Restart(Policy.ON_FAILURE))
        pids = {}
        for name in ("always", "stopped", "fails"):
            pids[name] = manager.start(name).pid
        manager.stop("stopped")
        told = [shim_ends(manager, name) for name in ("always", "fails")]
    os.kill(pids["always"], signal.SIGKILL)
    os.kill(pids["fails"], signal.SIGKILL)
    eventually(lambda: all(is_told() for is_told in told))
    with managing(runtime) as manager:
        for name in ("always", "fails"):
            eventually(lambda n=name: manager.status(n).status == "RUNNING")
            assert manager.status(name).restarts == 1
        assert manager.status("stopped").status == "EXITED"


# --- killed

MANY = """
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conman_lab.manager.manager import Manager
from conman_lab.oci import Runtime
home, group, bundle = sys.argv[2:]
manager = Manager(home, replace(Runtime.find(home=Path(home)), cgroup_parent=group))
def churn(n):
    for m in range(100):
        name = f"it-{n}-{m}"
        manager.create(name, bundle, readonly=n % 2 == 0)
        manager.start(name)
        manager.stop(name, 0)
        manager.remove(name)
print("ready", flush=True)
[*ThreadPoolExecutor(4).map(churn, range(4))]
"""


def nothing_is_left(runtime):
    """It takes a moment until a shim that finds nothing has given up."""
    return left(runtime) == []


@pytest.mark.parametrize("after", [0.5, 1.0, 1.7])
def test_killed_in_the_middle_of_much_it_leaves_nothing_half_made(
    runtime, bundle, after
):
    """At no named step, but anywhere."""
    arguments = [
        str(a)
        for a in (
            Path(__file__).parents[1],
            runtime.home,
            runtime.cgroup_parent,
            bundle("sleeper").directory,
        )
    ]
    busy = subprocess.Popen(
        [sys.executable, "-c", MANY, *arguments], stdout=subprocess.PIPE
    )
    with busy:
        assert busy.stdout.readline() == b"ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            busy.wait(after)
        busy.kill()
    with managing(runtime) as manager:
        for it in manager.list():
            assert it.status in ("CREATED", "RUNNING", "EXITED"), it.message
            manager.remove(it.id, force=True)
        with suppress(AssertionError):
            eventually(partial(nothing_is_left, runtime))
        assert left(runtime) == []  # and what it is
