"""The life of a container, as its manager tells it."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from eventually import eventually
from manager_home import descriptors, left, managing

from conman_lab.errors import (
    NotPossible,
)
from conman_lab.linux import Exit
from conman_lab.manager import overlay
from conman_lab.manager.container import Limits
from conman_lab.stream import Stream

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_runc]


def text(manager, name, **wishes):
    return [str(record) for record in manager.logs(name, **wishes)]


# --- a life


def test_a_life_from_create_to_remove(manager, runtime, bundle):
    created = manager.create("web", bundle("exiter"))
    assert (created.status, created.exit, created.started_at) == ("CREATED", None, None)
    assert Path(f"/proc/{created.pid}").exists()
    assert manager.start("web").started_at is not None
    assert manager.wait("web", 10) == Exit(code=7)
    ended = manager.status("web")
    assert (ended.status, ended.exit, ended.pid) == ("EXITED", Exit(code=7), None)
    assert ended.started_at <= ended.finished_at
    manager.remove("web")
    assert (manager.list(), left(runtime)) == ([], [])


def test_a_container_that_exits_at_once_is_no_error(manager, running, bundle):
    for number in range(5):
        running("exiter", "true", called=f"quick-{number}")
    assert [manager.wait(f"quick-{n}", 10).code for n in range(5)] == [0] * 5


@pytest.mark.parametrize("readonly", [None, True, False])
def test_a_root_file_system_alone_is_enough(manager, bundle, readonly):
    rootfs = bundle("hello").rootfs
    manager.create(
        "it", rootfs, "sh", "-c", "echo x > /new; ls /new", readonly=readonly
    )
    manager.start("it")
    assert manager.wait("it", 10).ok is (readonly is False)
    layer = "overlay" in manager.inspect("it")["files"]
    assert layer is (readonly is False)
    assert not (rootfs / "new").exists()


def test_command_environment_and_limits_are_what_was_asked_for(manager, bundle):
    manager.create(
        "it",
        bundle("sleeper"),
        *("sh", "-c", "echo $WORD; sleep 1000"),
        env={"WORD": "hey"},
        limits=Limits(memory=64 * 2**20, pids=20),
        labels={"tier": "front"},
    )
    manager.start("it")
    eventually(lambda: text(manager, "it") == ["hey"])
    stats = manager.stats("it")
    assert (stats.memory_limit, stats.pids) == (64 * 2**20, 1)
    assert 0 < stats.memory_bytes < stats.memory_limit
    assert stats.cpu_seconds > 0
    assert manager.inspect("it")["labels"] == {"tier": "front"}


def test_a_writable_root_is_a_layer_that_goes_with_its_container(
    manager, runtime, bundle
):
    ready = bundle("sleeper")
    it = manager.create("it", ready, "sh", "-c", "echo mine > /mine", readonly=False)
    manager.start("it")
    manager.wait("it", 10)
    upper = runtime.home / "containers" / it.id / "overlay/upper"
    assert (upper / "mine").read_text() == "mine\n"
    assert not (ready.rootfs / "mine").exists()
    manager.remove("it")
    assert left(runtime) == []


def test_where_no_layer_is_to_be_had_it_says_so_and_leaves_nothing(
    manager, runtime, bundle, monkeypatch
):
    def mount(*words, **more):
        raise OSError(19, os.strerror(19))

    monkeypatch.setattr(overlay.linux, "mount", mount)
    with pytest.raises(NotPossible, match=r"No such device.*readonly=True"):
        manager.create("it", bundle("sleeper"), readonly=False)
    assert (manager.list(), left(runtime)) == ([], [])
    monkeypatch.undo()
    manager.create("it", bundle("sleeper"))


def test_pause_is_a_fact_about_a_running_one(manager, running):
    running("sleeper")
    assert manager.pause("sleeper").paused
    assert manager.list()[0].paused
    assert manager.status("sleeper").status == "RUNNING"
    assert not manager.resume("sleeper").paused


def test_one_that_is_paused_can_be_stopped_and_removed(manager, running, runtime):
    running("sleeper")
    running("sleeper", called="other")
    manager.pause("sleeper")
    manager.pause("other")
    assert manager.stop("sleeper", 5).exit == Exit(code=0)
    manager.remove("other", force=True)
    manager.remove("sleeper")
    assert left(runtime) == []


def test_an_end_by_a_signal_is_told(manager, running):
    running("sleeper")
    manager.kill("sleeper", signal.SIGKILL)
    assert manager.wait("sleeper", 10) == Exit(signal=9)


def test_what_was_started_by_hand_is_seen(manager, runtime, bundle):
    it = manager.create("it", bundle("sleeper"))
    runtime.start(it.id)
    assert manager.status("it").status == "RUNNING"
    assert manager.status("it").started_at


# --- stop


def test_stop_of_one_that_hears_is_quick(manager, running):
    running("sleeper")
    eventually(lambda: text(manager, "sleeper"))  # its trap is set
    began_at = time.monotonic()
    assert manager.stop("sleeper").exit == Exit(code=0)
    assert time.monotonic() - began_at < 1


@pytest.mark.parametrize("timeout", [0, 1.0])
def test_stop_of_one_that_ignores_sigterm_takes_its_timeout(manager, running, timeout):
    running("stubborn")
    eventually(lambda: text(manager, "stubborn"))
    began_at = time.monotonic()
    assert manager.stop("stubborn", timeout).exit == Exit(signal=9)
    assert timeout <= time.monotonic() - began_at < timeout + 0.5


def test_stop_of_one_that_has_ended_or_not_begun_is_no_error(manager, running, bundle):
    running("exiter")
    manager.wait("exiter", 10)
    assert manager.stop("exiter").exit == Exit(code=7)
    manager.create("new", bundle("sleeper"))
    assert manager.stop("new").exit == Exit(signal=9)


def test_a_slow_stop_holds_up_nobody_else(manager, running, bundle):
    running("stubborn")
    eventually(lambda: text(manager, "stubborn"))
    with ThreadPoolExecutor() as threads:
        stopping = threads.submit(manager.stop, "stubborn", 60)
        eventually(lambda: "stop" in manager.inspect("stubborn")["files"])
        running("exiter")
        assert manager.wait("exiter", 10) == Exit(code=7)
        assert manager.status("stubborn").status == "RUNNING"
        assert len(manager.list()) == 2
        manager.kill("stubborn", signal.SIGKILL)
        assert stopping.result(10).exit == Exit(signal=9)


def test_a_forced_remove_does_not_wait_for_a_slow_stop(manager, running, runtime):
    running("stubborn")
    eventually(lambda: text(manager, "stubborn"))
    with ThreadPoolExecutor() as threads:
        stopping = threads.submit(manager.stop, "stubborn", 60)
        eventually(lambda: "stop" in manager.inspect("stubborn")["files"])
        manager.remove("stubborn", force=True)
        stopping.exception(10)
    assert left(runtime) == []


# --- news


def test_events_tell_a_life_in_order(manager, running):
    running("exiter")
    manager.wait("exiter", 10)
    manager.remove("exiter")
    manager.close()
    told = [*manager.events(since=0)]
    kinds = [event.kind for event in told]
    assert kinds == ["create", "start", "exit", "remove"]
    assert {event.name for event in told} == {"exiter"}


def test_a_listener_hears_from_now_on_and_its_trouble_is_its_own(manager, bundle):
    heard = []

    def listen(event):
        heard.append(event.kind)
        raise RuntimeError

    end = manager.on_event(listen)
    manager.create("a", bundle("hello"))
    end()
    end()  # twice is no error
    manager.create("b", bundle("hello"))
    assert heard == ["create"]


def test_on_end_calls_back_with_the_exit(manager, running):
    running("exiter")
    ends = []
    manager.on_end("exiter", ends.append)
    eventually(lambda: ends == [Exit(code=7)])


def test_who_hears_of_an_end_finds_it_among_what_has_happened(manager, bundle):
    manager.create("exiter", bundle("exiter"))
    seen = []
    manager.on_end("exiter", lambda _: seen.extend(manager.happened()))
    manager.start("exiter")
    eventually(lambda: seen)
    assert [event.kind for event in seen] == ["create", "start", "exit"]


def test_a_stream_of_events_is_of_those_to_come(manager, bundle):
    manager.create("before", bundle("hello"))
    events = manager.events()
    manager.create("after", bundle("hello"))
    assert next(events).name == "after"


def test_it_holds_nothing_open_for_what_is_removed(manager, running):
    running("exiter", called="first")
    manager.wait("first", 10)
    manager.remove("first")
    before = descriptors()
    for number in range(3):
        running("exiter", called=f"it-{number}")
        manager.wait(f"it-{number}", 10)
        manager.remove(f"it-{number}")
    eventually(lambda: descriptors() == before)


def test_prune_removes_what_has_ended(manager, running, bundle):
    manager.create("new", bundle("hello"))
    ended = manager.status(running("exiter"))
    manager.wait("exiter", 10)
    assert manager.prune() == [ended.id]
    assert [it.name for it in manager.list()] == ["new"]


def test_both_streams_are_in_the_log(manager, running):
    running("exiter", "sh", "-c", "echo out; echo err >&2")
    manager.wait("exiter", 10)
    records = [*manager.logs("exiter")]
    assert {record.stream: str(record) for record in records} == {
        Stream.STDOUT: "out",
        Stream.STDERR: "err",
    }


def test_a_runtime_is_asked_once_who_it_is_until_it_is_another_one(runtime, home):
    """Installed anew, or written over in its place: a daemon may run for months."""
    program, asked = home / "runc", home / "asked"

    def written(path, version):
        path.write_text(f"#!/bin/sh\necho >>{asked}\necho runc version {version}\n")
        path.chmod(0o755)

    written(program, "1.0")
    with managing(replace(runtime, program=program)) as manager:
        assert [manager.version().runtime_version for _ in range(3)] == ["1.0"] * 3
        assert asked.read_text() == "\n"
        written(home / "new", "2.0")
        (home / "new").rename(program)
        assert manager.version().runtime_version == "2.0"
        written(program, "2.10")
        assert manager.version().runtime_version == "2.10"
        program.unlink()
        with pytest.raises(FileNotFoundError):
            manager.version()
