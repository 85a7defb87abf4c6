"""Names and ids, wrong states, and two who want the same thing at once."""

import json
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from eventually import eventually
from manager_home import descriptors, left
from tmpfs import small_disk

from conman_lab.errors import (
    BadBundle,
    BadName,
    Deadline,
    InvalidArgument,
    LaunchFailed,
    NameTaken,
    NotFound,
    RuntimeMissing,
    WrongState,
)
from conman_lab.identity import Identity
from conman_lab.linux import Exit
from conman_lab.manager import ownership, recipe, stats
from conman_lab.manager.container import Limits, Restart, Status
from conman_lab.manager.manager import Manager
from conman_lab.manager.ownership import RootTaken

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_runc]


def text(manager, name, **wishes):
    return [str(record) for record in manager.logs(name, **wishes)]


# --- names and errors


@pytest.mark.parametrize("name", ["", "../etc", "a/b", "a\nb", "-x", "a" * 129])
def test_a_name_that_must_not_reach_a_path_is_refused(manager, runtime, bundle, name):
    with pytest.raises(BadName):
        manager.create(name, bundle("hello"))
    assert left(runtime) == []


def test_a_name_is_taken_until_its_container_is_removed(manager, bundle):
    manager.create("web", bundle("hello"))
    with pytest.raises(NameTaken, match="'web'"):
        manager.create("web", bundle("hello"))
    manager.remove("web")
    manager.create("web", bundle("hello"))


def test_of_two_who_want_one_name_one_gets_it(manager, bundle):
    def create(_):
        try:
            return manager.create("web", bundle("hello"))
        except NameTaken:
            return None

    with ThreadPoolExecutor(4) as threads:
        assert len([it for it in threads.map(create, range(4)) if it]) == 1


def test_it_is_found_by_name_id_and_the_beginning_of_one(manager, bundle):
    ids = [manager.create(f"it-{n}", bundle("hello")).id for n in range(17)]
    it = manager.status(ids[0])
    assert manager.status("it-0") == manager.status(ids[0][:31]) == it
    twice = next(id[0] for id in ids if [i[0] for i in ids].count(id[0]) > 1)
    with pytest.raises(NotFound, match="give more of it"):
        manager.status(twice)
    for nobody in ("", "it", "zz"):
        with pytest.raises(NotFound):
            manager.status(nobody)


def test_of_one_that_is_alone_the_beginning_is_needed_and_an_id_is_no_name(
    manager, bundle
):
    it = manager.create("it", bundle("hello"))
    for nobody in ("", it.id[1:]):
        with pytest.raises(NotFound):
            manager.status(nobody)
    other = manager.create(it.id, bundle("hello"))
    assert manager.status(it.id).id == it.id
    assert manager.status(other.id).id == other.id


def test_list_is_by_age_and_filtered(manager, bundle, running):
    manager.create("b", bundle("hello"), labels={"tier": "back", "x": "1"})
    manager.create("a", bundle("hello"), labels={"tier": "front"})
    running("exiter")
    manager.wait("exiter", 10)
    assert [it.name for it in manager.list()] == ["b", "a", "exiter"]
    assert [it.name for it in manager.list(Status.EXITED)] == ["exiter"]
    assert [it.name for it in manager.list(labels={"tier": "back"})] == ["b"]


def test_a_list_knows_who_has_ended_by_then(manager, running, bundle):
    """The exit file is the fact; whoever has seen it finds it in the list."""
    for number in range(10):
        name = running("exiter", called=f"it-{number}")
        exit_file = Path(manager.inspect(name)["directory"], "exit")
        with manager._house.watcher._telling:  # nobody else tells it meanwhile
            eventually(exit_file.exists)
            assert manager.list()[-1].status == "EXITED"


def test_wrong_states_name_the_container_and_the_way_out(manager, bundle, running):
    manager.create("new", bundle("hello"))
    running("sleeper")
    running("exiter")
    manager.wait("exiter", 10)
    wrong = {
        "cannot start sleeper, it is RUNNING": lambda: manager.start("sleeper"),
        "cannot start exiter, it is EXITED": lambda: manager.start("exiter"),
        "cannot pause new, it is CREATED: start it": lambda: manager.pause("new"),
        "cannot kill exiter, it is EXITED": lambda: manager.kill("exiter"),
        "cannot measure exiter": lambda: manager.stats("exiter"),
        "cannot remove sleeper, it is RUNNING": lambda: manager.remove("sleeper"),
    }
    for words, deed in wrong.items():
        with pytest.raises(WrongState, match=words):
            deed()


def test_what_makes_no_sense_is_refused_before_anything_is_made(
    manager, runtime, bundle, tmp_path
):
    nonsense = [
        (BadBundle, {"source": tmp_path / "nothing"}),
        (BadBundle, {"source": bundle("hello").with_rootfs("/nowhere")}),
        (InvalidArgument, {"limits": Limits(memory=-1)}),
        (InvalidArgument, {"limits": Limits(pids=0)}),
        (InvalidArgument, {"limits": Limits(cpus=math.inf)}),
        (InvalidArgument, {"limits": Limits(cpus=math.nan)}),
        (InvalidArgument, {"restart": Restart(limit=-1)}),
        (InvalidArgument, {"limits": Limits(cpus=1e-6)}),
        (InvalidArgument, {"labels": {"a": 1}}),
        (InvalidArgument, {"terminal": True, "rows": 70_000}),
        (InvalidArgument, {"terminal": True, "columns": -1}),
    ]
    for kind, wishes in nonsense:
        with pytest.raises(kind):
            manager.create("it", **{"source": bundle("hello")} | wishes)
    assert left(runtime) == []


def test_the_most_that_makes_sense_is_not_refused():
    recipe.check_window(65_535, 65_535)
    recipe.check({}, Limits(memory=1, pids=1, cpus=0.01), Restart(limit=0), True)


@pytest.mark.parametrize("signum", [-1, 0, 65])
def test_a_signal_that_is_none_is_refused(manager, running, signum):
    running("sleeper")
    with pytest.raises(InvalidArgument, match=f"a signal is 1 to 64, not {signum}"):
        manager.kill("sleeper", signum)


def test_where_nobody_can_listen_it_says_so_and_leaves_nothing(
    manager, runtime, bundle, monkeypatch
):
    """ENOSPC of inotify_add_watch(2): all that a user may have are taken."""

    def watch(*words):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(manager._house.watcher, "watch", watch)
    with pytest.raises(OSError, match="No space left"):
        manager.create("it", bundle("sleeper"))
    assert (manager.list(), left(runtime)) == ([], [])
    monkeypatch.undo()
    manager.create("it", bundle("sleeper"))


def test_a_command_that_is_not_there_leaves_nothing(manager, runtime, bundle):
    with pytest.raises(LaunchFailed, match=r"cannot create it: .*nope"):
        manager.create("it", bundle("hello", "nope"))
    assert (manager.list(), left(runtime)) == ([], [])


def test_a_deadline_is_a_timeout(manager, running):
    running("sleeper")
    with pytest.raises(Deadline, match=r"sleeper did not end in 0\.01 s"):
        manager.wait("sleeper", 0.01)


# --- two managers, two calls


def test_a_root_has_one_manager(manager, runtime):
    with pytest.raises(RootTaken, match="this process has a manager"):
        Manager(runtime.home, runtime)
    manager.close()
    Manager(runtime.home, runtime).close()


def test_a_manager_that_could_not_be_made_leaves_its_root_free(home, monkeypatch):
    before = descriptors()
    monkeypatch.setenv("CONMAN_LAB_RUNTIME", "no-such-runtime")
    with pytest.raises(RuntimeMissing):
        Manager(home)
    monkeypatch.delenv("CONMAN_LAB_RUNTIME")
    Manager(home).close()
    assert descriptors() == before


HELD_ON = """
import os, subprocess, sys
from pathlib import Path
from conman_lab.manager import ownership
owned = ownership.take(Path(sys.argv[1]))
subprocess.Popen(["cat"], stdin=0, pass_fds=[owned])  # as if before its exec
os.kill(os.getpid(), 9)
"""


def test_a_dead_managers_child_holds_the_root_for_a_moment_and_that_is_waited_for(
    tmp_path,
):
    command = [sys.executable, "-c", HELD_ON, tmp_path]
    killed = subprocess.Popen(command, stdin=subprocess.PIPE)
    killed.wait()
    with ThreadPoolExecutor(1) as threads:
        taking = threads.submit(ownership.take, tmp_path)
        with pytest.raises(TimeoutError):
            taking.result(0.2)
        killed.stdin.close()  # and cat ends
        ownership.give_back(taking.result(5))


def test_who_has_a_root_is_written_down_whole_and_for_us_alone(tmp_path):
    file = tmp_path / "manager.lock"
    owned = ownership.take(tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
    ownership.give_back(owned)
    file.write_text(f"{file.read_text()} and more")
    owned = ownership.take(tmp_path)
    assert Identity.read(file) == Identity.of(os.getpid())
    ownership.give_back(owned)


def test_a_root_can_be_had_on_a_full_disk(tmp_path):
    with small_disk(tmp_path / "disk", "64k") as root:
        with (root / "ballast").open("wb", 0) as file, suppress(OSError):  # ENOSPC
            while file.write(bytes(4096)):
                pass
        owned = ownership.take(root)
        with pytest.raises(RootTaken):
            ownership.take(root)
        ownership.give_back(owned)


def test_a_closed_manager_touches_nothing(manager, running, bundle):
    running("sleeper")
    manager.close()
    for verb in (
        manager.list,
        manager.prune,
        partial(manager.create, "new", bundle("sleeper")),
        *(partial(verb, "sleeper") for verb in (manager.status, manager.stop)),
        *(partial(verb, "sleeper") for verb in (manager.attach, manager.remove)),
        partial(manager.exec, "sleeper", "true"),
    ):
        with pytest.raises(WrongState, match="this manager was closed"):
            verb()


def test_a_stop_hears_that_its_manager_was_closed(manager, running):
    running("sleeper", "sh", "-c", "trap '' TERM; while :; do sleep 1; done")
    with ThreadPoolExecutor() as threads:
        stopping = threads.submit(manager.stop, "sleeper", 60)
        noted = Path(manager.inspect("sleeper")["directory"], "stop")
        eventually(noted.exists)
        manager.close()
        with pytest.raises(WrongState, match="its manager was closed"):
            stopping.result(10)


def test_of_two_removals_one_finds_nothing(manager, running, runtime):
    running("sleeper")

    def remove(_):
        try:
            manager.remove("sleeper", force=True)
        except NotFound:
            return "not found"

    with ThreadPoolExecutor(4) as threads:
        said = [*threads.map(remove, range(4))]
    assert sorted(map(str, said)) == ["None", *["not found"] * 3]
    assert left(runtime) == []


def test_of_many_who_prune_each_removes_what_is_left(manager, running, runtime):
    ids = {manager.status(running("exiter", called=f"it-{n}")).id for n in range(6)}
    for id in ids:
        manager.wait(id, 10)
    with ThreadPoolExecutor(4) as threads:
        pruning = [threads.submit(manager.prune) for _ in range(4)]
        removed = [id for it in pruning for id in it.result(30)]
    assert sorted(removed) == sorted(ids)
    assert left(runtime) == []


def test_of_two_starts_one_is_too_late(manager, bundle):
    manager.create("it", bundle("sleeper"))

    def start(_):
        try:
            return str(manager.start("it").status)
        except WrongState:
            return "too late"

    with ThreadPoolExecutor(4) as threads:
        said = sorted(threads.map(start, range(4)))
    assert said == ["RUNNING", *["too late"] * 3]


def test_two_stops_end_it_once(manager, running):
    running("sleeper")
    eventually(lambda: text(manager, "sleeper"))
    with ThreadPoolExecutor(4) as threads:
        ended = [*threads.map(manager.stop, ["sleeper"] * 4)]
    assert {str(it.exit) for it in ended} == {"exit code 0"}


def test_who_waits_for_a_removed_one_hears(manager, running):
    running("sleeper")
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(manager.wait, "sleeper", 10)
        manager.remove("sleeper", force=True)
        assert waiting.result(10) == Exit(signal=9)


def test_a_shim_goes_by_the_name_of_its_container(manager, bundle):
    web = manager.create("web", bundle("hello"))
    shim = manager.inspect("web")["shim"]
    assert Path(f"/proc/{shim}/comm").read_text() == "shim:web\n"
    assert web.id not in Path(f"/proc/{shim}/cmdline").read_text().partition("\0")[0]


def test_what_is_known_of_one_is_json(manager, bundle):
    it = manager.create("it", bundle("sleeper"), labels={"a": "b"})
    known = json.loads(json.dumps(manager.inspect("it")))
    assert (known["id"], known["pid"], known["labels"]) == (it.id, it.pid, {"a": "b"})
    assert known["config"]["process"]["args"] == list(it.command)
    assert {"state.json", "bundle", "log", "shim.pid"} <= set(known["files"])


def test_of_cgroup_v2_the_same_is_read(tmp_path):
    files = {
        "cpu.stat": "usage_usec 2500000\nuser_usec 1",
        "memory.current": "1048576",
        "memory.max": "max",
        "pids.current": "3",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content + "\n")
    used = stats._v2(tmp_path)
    assert (used.cpu_seconds, used.memory_bytes, used.pids) == (2.5, 1048576, 3)
    assert used.memory_limit is None
