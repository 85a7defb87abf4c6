"""The runtime's verbs, on the real runc: what they do, and what they say if they fail."""

import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from eventually import eventually
from facts import ends, reads, state_of
from parent import as_its_parent_sees_it

from conman_lab import places
from conman_lab.errors import (
    BadBundle,
    BadName,
    NameTaken,
    NotPossible,
    RuntimeFailed,
    RuntimeMissing,
)
from conman_lab.linux import signal_name
from conman_lab.observe import procfs
from conman_lab.oci import Bundle, Completed, Runtime, cgroups
from conman_lab.oci.program import CRUN_ON_HYBRID, Stdio

ME = os.getpid()


def left_of(runtime, id):
    """All that is left of a container: its files, the runtime's state, its cgroups."""
    places_of_it = [runtime.home / "containers" / id, runtime.root / id]
    groups = [tree / runtime.cgroup_parent / id for tree in cgroups.trees()]
    return [path for path in [*places_of_it, *groups] if path.exists()]


@pytest.fixture
def sleeper(runtime, bundle):
    """A running container that is known to sleep, and its pid."""
    output, theirs = os.pipe()
    pid = runtime.create("sleeper", bundle("sleeper"), Stdio(stdout=theirs))
    os.close(theirs)
    runtime.start("sleeper")
    reads(output, b"asleep\n")
    yield pid
    os.close(output)
    with suppress(RuntimeFailed):
        runtime.delete("sleeper", force=True)


# --- a life


def test_a_whole_life(runtime, bundle):
    """Created, running, stopped; and then nobody has ever heard of it."""
    pid = runtime.create("life", bundle("sleeper"))
    assert runtime.status("life") == "created"
    assert Path(f"/proc/{pid}/comm").read_text() == "runc:[2:INIT]\n"
    runtime.start("life")
    assert runtime.status("life") == "running"
    eventually(lambda: Path(f"/proc/{pid}/comm").read_text() == "sh\n")
    runtime.kill("life", signal.SIGKILL)
    assert ends(pid)
    assert runtime.status("life") == "stopped"
    runtime.delete("life")
    assert runtime.list() == []
    assert left_of(runtime, "life") == []


def test_the_state_is_the_specs(runtime, bundle):
    pid = runtime.create("one", bundle("hello"))
    state = runtime.state("one")
    assert (state["id"], state["pid"], state["status"]) == ("one", pid, "created")
    assert state["bundle"] == str(runtime.home / "containers" / "one" / "bundle")
    assert state["annotations"] == bundle("hello").config["annotations"]
    assert [known["id"] for known in runtime.list()] == ["one"]
    runtime.delete("one", force=True)


def test_who_has_called_nothing_yet_sees_an_empty_list(runtime):
    assert runtime.list() == []


def test_output_goes_to_the_descriptors_given(runtime, bundle):
    """Each stream to its own, and the end of file comes with the container's end."""
    streams = [os.pipe() for _ in range(2)]
    args = ("sh", "-c", "echo out; echo err >&2")
    stdio = Stdio(stdout=streams[0][1], stderr=streams[1][1])
    runtime.create("talker", bundle("hello").with_args(*args), stdio)
    for _, theirs in streams:
        os.close(theirs)
    runtime.start("talker")
    for (ours, _), line in zip(streams, (b"out\n", b"err\n"), strict=True):
        with os.fdopen(ours, "rb") as stream:
            assert stream.read() == line
    runtime.delete("talker", force=True)


NOTING = """\
#!/bin/sh
cut -d" " -f6 /proc/$$/stat >>{sessions}
exec {runc} "$@"
"""


def test_each_call_is_in_a_session_of_its_own(runtime, bundle, tmp_path):
    """A notebook's interrupt button signals our whole group: not the runtime's."""
    program, sessions = tmp_path / "runc", tmp_path / "sessions"
    program.write_text(NOTING.format(sessions=sessions, runc=runtime.program))
    program.chmod(0o755)
    noting = replace(runtime, program=program)
    noting.create("one", bundle("sleeper"))
    noting.start("one")
    noting.exec("one", "true")
    noting.delete("one", force=True)
    noting.run("one", bundle("hello"))
    noted = sessions.read_text().split()
    assert len(set(noted)) == len(noted) == 5
    assert str(os.getsid(0)) not in noted


# --- names and places


def test_two_containers_of_one_bundle_do_not_share_a_cgroup(runtime, bundle):
    pids = [runtime.create(id, bundle("sleeper")) for id in ("one", "two")]
    groups = [cgroups.of_process(pid, "pids") for pid in pids]
    parent = cgroups.tree("pids") / runtime.cgroup_parent
    assert groups == [parent / "one", parent / "two"]
    for pid in pids:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
        prefixes = {line.split(":")[2].rpartition("/")[0] for line in lines}
        assert prefixes == {f"/{runtime.cgroup_parent}"}
    runtime.delete("one", force=True)
    assert runtime.status("two") == "created"
    runtime.delete("two", force=True)


def test_another_root_has_another_cgroup_parent(runtime, monkeypatch):
    monkeypatch.setenv("CONMAN_LAB_ROOT", "/one")
    one = Runtime(runtime.program, runtime.home).cgroup_parent
    monkeypatch.setenv("CONMAN_LAB_ROOT", "/two")
    assert one != Runtime(runtime.program, runtime.home).cgroup_parent
    monkeypatch.delenv("CONMAN_LAB_ROOT")
    assert Runtime(runtime.program, runtime.home).cgroup_parent == "conman-lab"


def test_a_name_is_taken_until_its_container_is_deleted(runtime, bundle):
    pid = runtime.create("one", bundle("sleeper"))
    with pytest.raises(NameTaken, match="there is a container 'one' already"):
        runtime.create("one", bundle("hello"))
    with pytest.raises(NameTaken):
        runtime.run("one", bundle("hello"))
    assert runtime.state("one")["pid"] == pid
    runtime.delete("one", force=True)
    assert runtime.run("one", bundle("hello")).status == 0


@pytest.mark.parametrize("verb", ["create", "run"])
def test_a_name_is_free_again_when_there_is_no_runtime_to_call(runtime, bundle, verb):
    missing = replace(runtime, program=Path("/no/runc"))
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            VERBS[verb](missing, "one", bundle("hello"))
    assert left_of(runtime, "one") == []


def test_a_container_whose_run_was_killed_keeps_its_place(runtime, bundle):
    """It lives on, and whoever cleans up must be able to find it."""
    state = runtime.root / "one"
    with ThreadPoolExecutor() as threads:
        running = threads.submit(runtime.run, "one", bundle("sleeper"))
        eventually((state / "state.json").exists)
        eventually(lambda: not (state / "exec.fifo").exists())  # it has been started
        everybody = procfs.snapshot().values()
        (ours,) = (it for it in everybody if "run" in it.command[1:] and it.ppid == ME)
        os.kill(ours.pid, signal.SIGKILL)
        assert running.result(5).status == -signal.SIGKILL
    assert runtime.status("one") == "running"
    assert (runtime.home / "containers" / "one").exists()
    runtime.delete("one", force=True)
    assert left_of(runtime, "one") == []


def test_of_many_who_create_one_name_one_gets_it(runtime, bundle):
    def create(_):
        try:
            return runtime.create("wanted", bundle("sleeper"))
        except NameTaken:
            return None

    with ThreadPoolExecutor(4) as pool:
        pids = [pid for pid in pool.map(create, range(4)) if pid]
    assert [state["pid"] for state in runtime.list()] == pids
    runtime.delete("wanted", force=True)


VERBS = {
    "create": lambda runtime, name, bundle: runtime.create(name, bundle),
    "run": lambda runtime, name, bundle: runtime.run(name, bundle),
    "start": lambda runtime, name, _: runtime.start(name),
    "exec": lambda runtime, name, _: runtime.exec(name, "true"),
    "kill": lambda runtime, name, _: runtime.kill(name, signal.SIGTERM),
    "pause": lambda runtime, name, _: runtime.pause(name),
    "resume": lambda runtime, name, _: runtime.resume(name),
    "delete": lambda runtime, name, _: runtime.delete(name),
    "state": lambda runtime, name, _: runtime.state(name),
    "status": lambda runtime, name, _: runtime.status(name),
    "ps": lambda runtime, name, _: runtime.ps(name),
    "stats": lambda runtime, name, _: runtime.stats(name),
}
ABOUT_ONE = [verb for verb in VERBS if verb not in ("create", "run")]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("id", ["../x", "a b", "-x", "", "--help", ".."])
def test_no_verb_takes_what_is_no_name(runtime, bundle, verb, id):
    with pytest.raises(BadName, match="is no name"):
        VERBS[verb](runtime, id, bundle("hello"))
    assert not (runtime.home / "containers").exists()


@pytest.mark.parametrize("verb", ABOUT_ONE)
def test_of_nobody_it_says_that_there_is_nobody(runtime, verb):
    with pytest.raises(RuntimeFailed, match="container does not exist"):
        VERBS[verb](runtime, "nobody", None)


# --- one call for all of it


@pytest.mark.parametrize("code", [0, 1, 2, 7, 125, 126, 127, 128, 137, 254, 255])
def test_run_returns_the_exit_code(runtime, bundle, code):
    done = runtime.run("exiter", bundle("exiter").with_env(EXIT_CODE=code))
    assert done == Completed(code, b"", b"")
    assert left_of(runtime, "exiter") == []


def test_run_hands_stdin_in_and_the_streams_out(runtime, bundle):
    everything = bytes(range(256)) * 300
    assert runtime.run("cat", bundle("cat"), everything).stdout == everything
    done = runtime.run("talker", bundle("hello").with_args("ls", "/", "/nowhere"))
    assert (done.status, done.stderr) == (
        1,
        b"ls: /nowhere: No such file or directory\n",
    )
    assert b"proc\n" in done.stdout


def test_runs_do_not_disturb_each_other(runtime, bundle):
    def run(number):
        return runtime.run(
            f"run-{number}", bundle("hello").with_args("echo", str(number))
        )

    with ThreadPoolExecutor(4) as pool:
        outputs = [done.stdout for done in pool.map(run, range(8))]
    assert outputs == [f"{number}\n".encode() for number in range(8)]
    assert runtime.list() == []


# --- in a container that runs


@pytest.mark.parametrize("code", [0, 1, 7, 126, 127, 255])
def test_exec_returns_the_exit_code(runtime, sleeper, code):
    """255 is what runc says of its own failures, too: its log tells them apart."""
    assert runtime.exec("sleeper", "sh", "-c", f"exit {code}").status == code


def test_exec_of_what_is_not_there_is_the_runtimes_failure(runtime, sleeper):
    with pytest.raises(RuntimeFailed) as caught:
        runtime.exec("sleeper", "no-such-program")
    assert caught.value.words.endswith(
        'exec: "no-such-program": executable file not found in $PATH'
    )


def test_exec_has_streams_env_and_cwd(runtime, sleeper):
    script = "cat; pwd; echo $MINE >&2"
    options = {"stdin": b"in\n", "env": {"MINE": "a b=c"}, "cwd": "/tmp"}
    done = runtime.exec("sleeper", "sh", "-c", script, **options)
    assert done == Completed(0, b"in\n/tmp\n", b"a b=c\n")


def test_exec_does_not_take_an_option_of_the_command_for_its_own(runtime, sleeper):
    assert runtime.exec("sleeper", "echo", "--tty", "-d").stdout == b"--tty -d\n"


def test_exec_dies_of_a_signal_as_a_shell_says_it(runtime, sleeper):
    done = runtime.exec("sleeper", "sh", "-c", "kill -KILL $$")
    assert done.status == 128 + signal.SIGKILL


def test_pause_freezes_and_resume_thaws(runtime, sleeper):
    runtime.pause("sleeper")
    assert runtime.status("sleeper") == "paused"
    runtime.kill("sleeper", signal.SIGTERM)
    assert not ends(sleeper, timeout=0.1), "it is frozen, and cannot even die"
    runtime.resume("sleeper")
    assert ends(sleeper)
    assert runtime.status("sleeper") == "stopped"


def test_ps_lists_what_the_cgroup_holds(runtime, sleeper):
    pids = runtime.ps("sleeper")
    assert sleeper in pids
    assert set(pids) == cgroups.processes(f"{runtime.cgroup_parent}/sleeper")
    comms = sorted(Path(f"/proc/{pid}/comm").read_text() for pid in pids)
    assert comms == ["sh\n", "sleep\n"]


def test_stats_are_what_the_cgroup_has_counted(runtime, bundle):
    limited = bundle("sleeper").with_limits(memory=64 << 20, pids=12)
    runtime.create("limited", limited)
    stats = runtime.stats("limited")
    assert stats["pids"]["limit"] == 12
    assert stats["memory"]["usage"]["limit"] == 64 << 20
    assert 0 < stats["memory"]["usage"]["usage"] < 64 << 20
    runtime.delete("limited", force=True)


@pytest.mark.parametrize(
    "signum", [signal.SIGUSR1, signal.SIGSEGV, 32, 33, signal.SIGRTMIN + 3, 64]
)
def test_kill_knows_every_signal(runtime, bundle, signum):
    """The real-time ones have no names that runc knows, so we say numbers."""
    command = ("sh", "-c", "echo ready; exec sleep 60")
    killable = bundle("hello", *command).without_namespaces("pid").save()
    how, _ = as_its_parent_sees_it(runtime, killable, signum)
    assert how == f"killed by {signal_name(signum)}"


def test_kill_everyone_reaches_the_children(runtime, sleeper):
    children = runtime.ps("sleeper")
    runtime.kill("sleeper", signal.SIGKILL, everyone=True)
    assert all(ends(pid) for pid in children)


def test_delete_refuses_what_still_runs_and_forces_it_if_told(runtime, sleeper):
    with pytest.raises(RuntimeFailed, match="is not stopped: running"):
        runtime.delete("sleeper")
    assert runtime.status("sleeper") == "running"
    runtime.delete("sleeper", force=True)
    assert state_of(sleeper) in ("", "Z")
    assert left_of(runtime, "sleeper") == []


def test_a_forced_delete_misses_nothing(runtime):
    runtime.delete("nobody", force=True)


# --- when it fails


BAD_AT_CREATE = {
    "no such program": (
        lambda bundle: bundle.with_args("no-such-program"),
        'exec: "no-such-program": executable file not found in $PATH',
    ),
    "no such mount source": (
        lambda bundle: bundle.with_mount("/no/such/source", "/tmp"),
        "stat /no/such/source: no such file or directory",
    ),
    "a host name too long": (
        lambda bundle: bundle.with_hostname("x" * 65),
        "sethostname: invalid argument",
    ),
}


@pytest.mark.parametrize("debug", [False, True], ids=["", "debug"])
@pytest.mark.parametrize("verb", ["create", "run"])
@pytest.mark.parametrize("case", BAD_AT_CREATE)
def test_a_failed_creation_says_why_and_leaves_nothing(
    runtime, bundle, case, verb, debug
):
    """Its last words are the same when it has talked a lot before."""
    change, words = BAD_AT_CREATE[case]
    with pytest.raises(RuntimeFailed) as caught:
        VERBS[verb](replace(runtime, debug=debug), "bad", change(bundle("hello")))
    assert caught.value.words.endswith(words)
    assert left_of(runtime, "bad") == []
    assert list(runtime.home.glob("log-*")) == []


def test_what_the_container_says_is_not_taken_for_the_runtimes_words(runtime, bundle):
    """They share a stderr: a container can write there whatever it likes."""
    fake = '{"level": "error", "msg": "I am the runtime"}'
    script = f"echo '{fake}' >&2; exit 1"
    done = runtime.run("liar", bundle("hello").with_args("sh", "-c", script))
    assert (done.status, done.stderr.decode().strip()) == (1, fake)


def test_a_failure_knows_its_command_and_says_nothing_of_paths(runtime):
    with pytest.raises(RuntimeFailed) as caught:
        runtime.start("nobody")
    error = caught.value
    assert error.command[0] == str(runtime.program)
    assert error.command[-2:] == ("start", "nobody")
    assert error.status == 1
    assert str(error) == "runc start, exit status 1: container does not exist"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("kill -KILL $$", "runc create, killed by signal 9: (it said nothing)"),
        ("exit 3", "runc create, exit status 3: (it said nothing)"),
    ],
)
def test_a_runtime_that_dies_without_a_word(runtime, bundle, tmp_path, script, message):
    program = tmp_path / "runc"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    with pytest.raises(RuntimeFailed) as caught:
        replace(runtime, program=program).create("one", bundle("hello"))
    assert str(caught.value) == message
    assert left_of(runtime, "one") == []


def test_a_terminal_needs_somebody_at_its_other_end(runtime, bundle):
    with pytest.raises(BadBundle) as caught:
        runtime.create("shell", bundle("shell"))
    assert caught.value.field == "process.terminal"
    assert "give a console socket" in str(caught.value)
    assert left_of(runtime, "shell") == []


@pytest.mark.parametrize("verb", ["create", "run"])
def test_a_bad_bundle_does_not_reach_the_runtime(runtime, tmp_path, verb):
    with pytest.raises(BadBundle, match="process: expected an object"):
        VERBS[verb](runtime, "bad", Bundle(tmp_path, {"ociVersion": "1.0.2"}))
    assert left_of(runtime, "bad") == []


# --- which one


@pytest.fixture
def only_in(monkeypatch, tmp_path):
    """Let PATH be one empty directory, and CONMAN_LAB_RUNTIME unset; return it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CONMAN_LAB_RUNTIME", raising=False)
    return tmp_path


def test_a_runtime_is_found_in_sbin_though_path_lacks_it(only_in):
    """A user's PATH often has no sbin, where Debian installs runc."""
    found = Runtime.find("runc")
    assert found.program.parent in {Path(p) for p in ("/usr/sbin", "/usr/local/sbin")}
    assert found.home == places.home("default")


def test_path_comes_before_sbin(only_in):
    mine = only_in / "runc"
    mine.symlink_to("/bin/true")
    assert Runtime.find().program == mine


@pytest.mark.parametrize(("wanted", "name"), [("crun", "crun"), ("", "runc")])
def test_the_environment_chooses(runtime, monkeypatch, wanted, name):
    """Set to nothing is not set."""
    monkeypatch.setenv("CONMAN_LAB_RUNTIME", wanted)
    with suppress(RuntimeMissing):  # crun need not be here
        assert Runtime.find().name == name
    assert Runtime.find("runc").name == "runc", "an argument goes first"


def test_a_runtime_may_be_a_path(runtime):
    assert Runtime.find(str(runtime.program)).program == runtime.program


def test_a_missing_runtime_is_told_with_what_to_do(only_in, monkeypatch):
    monkeypatch.setenv("CONMAN_LAB_RUNTIME", "youki-of-mine")
    with pytest.raises(RuntimeMissing) as caught:
        Runtime.find()
    assert str(caught.value) == (
        "there is no youki-of-mine: install it (./lab setup does), or name another "
        "one in CONMAN_LAB_RUNTIME"
    )


def test_version_is_the_programs_own(runtime):
    said = subprocess.run(
        [runtime.program, "--version"], capture_output=True, text=True
    )
    assert said.stdout.startswith(f"runc version {runtime.version()}\n")


def test_features_tell_what_it_was_built_with(runtime):
    """Only of a runc since 1.1; NotPossible says so of the others."""
    try:
        features = runtime.features()
    except NotPossible as error:
        pytest.skip(str(error))
    assert "bind" in features["mountOptions"]
    assert "pid" in features["linux"]["namespaces"]


# --- crun


@pytest.fixture
def crun(home):
    try:
        return Runtime.find("crun", home=home)
    except RuntimeMissing as error:
        pytest.skip(str(error))


@pytest.mark.only_on("hybrid")
@pytest.mark.parametrize("verb", ["create", "run"])
def test_crun_on_a_hybrid_machine_says_why_it_cannot(crun, bundle, verb):
    with pytest.raises(RuntimeFailed) as caught:
        VERBS[verb](crun, "one", bundle("hello"))
    assert caught.value.words.endswith(CRUN_ON_HYBRID)
    assert "take runc" in str(caught.value)
    assert left_of(crun, "one") == []


LIFE_ON_V2 = """
import json, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from conman_lab.errors import NotPossible, RuntimeFailed
from conman_lab.oci import Bundle, Runtime, cgroups

runtime = Runtime.find(sys.argv[2], home=Path(sys.argv[3]))
sleeper, hello = (Bundle.load(path) for path in sys.argv[4:])
seen = {"mode": cgroups.mode(), "run": runtime.run("hello", hello).stdout.decode()}
pid = runtime.create("sleeper", sleeper)
group = cgroups.of_process(pid, "memory")
seen["group"] = str(group.relative_to(cgroups.tree("memory")))
seen["found"] = cgroups.processes(seen["group"]) == {pid}
runtime.start("sleeper")
seen["exec"] = runtime.exec("sleeper", "sh", "-c", "exit 9").status
try:
    runtime.exec("sleeper", "no-such-program")
except RuntimeFailed as error:
    seen["words"] = "not found in $PATH" in error.words
seen["statuses"] = [runtime.status("sleeper")]
runtime.pause("sleeper")
seen["statuses"].append(runtime.status("sleeper"))
runtime.resume("sleeper")
runtime.delete("sleeper", force=True)
seen["left"] = runtime.list()
seen["busy"] = len(cgroups.remove(runtime.cgroup_parent))
seen["removed"] = not group.parent.exists()
print(json.dumps(seen))
"""


@pytest.mark.parametrize("name", ["runc", "crun"])
def test_both_runtimes_live_where_there_is_cgroup_v2_alone(home, bundle, name):
    """In a mount namespace of our own any machine can be one."""
    if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
        pytest.skip(f"there is no {name}")
    alone = "umount -R -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup"
    script = f'{alone} && exec "$@"'
    bundles = [str(bundle(wanted).directory) for wanted in ("sleeper", "hello")]
    command = [sys.executable, "-c", LIFE_ON_V2, str(places.COURSE), name, str(home)]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *command, *bundles],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "mode": "v2",
        "run": "Hello from a container\n",
        "group": f"{places.cgroup_parent()}/sleeper",
        "found": True,
        "exec": 9,
        "words": True,
        "statuses": ["running", "paused"],
        "left": [],
        "busy": 0,
        "removed": True,
    }


def test_what_only_runc_has_is_told(crun):
    """The words are those that a learner with crun will see."""
    with pytest.raises(NotPossible, match=r"crun .* has no `events`: take runc"):
        crun.stats("nobody")
