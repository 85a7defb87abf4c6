"""A command more in a running container, with an end of its own."""

import json
import os
import signal
import socket
from itertools import count
from pathlib import Path

import pytest
from eventually import eventually
from facts import ends
from manager_home import descriptors
from shims import err, out, shim_log, stat_of

from conman_lab.errors import BadBundle, BadName, LaunchFailed, NameTaken
from conman_lab.linux import Exit
from conman_lab.shim import exec as execs
from conman_lab.shim.kept import Kept
from conman_lab.shim.launch import OUR_SHIM, launch, launch_watched
from conman_lab.shim.viewer import Viewer
from conman_lab.stream import Stream

_numbers = count(1)


@pytest.fixture
def container(shims):
    return shims.start("sleeper")


@pytest.fixture
def run(runtime, container):
    """Exec a script in the container; what tells of it."""

    def give(script, **options):
        command = prepared(runtime, container, script, **options)
        launch(command)
        return kept(command)

    return give


@pytest.fixture
def watch(runtime, container):
    """The same, with a viewer."""
    viewers = []

    def give(script, **options):
        command = prepared(runtime, container, script, **options)
        viewers.append(launch_watched(command)[1])
        return kept(command), viewers[-1]

    yield give
    for viewer in viewers:
        viewer.close()


def prepared(runtime, container, script, **options):
    name = f"e{next(_numbers)}"
    return execs.prepare(runtime, container.id, name, "sh", "-c", script, **options)


def kept(options):
    directory = Path(options.directory)
    return Kept(directory.name, directory)


def seen_by(viewer):
    """All that it sees, to the end."""
    texts = dict.fromkeys(Stream, b"")
    for stream, text in viewer:
        texts[stream] += text
    return texts


# --- its end


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_its_exit_code_is_told_and_the_container_lives_on(run, container, code):
    assert run(f"exit {code}").wait(10) == Exit(code=code)
    assert container.keeper
    assert not (container.directory / "exit").exists()


def test_its_signal_is_told(run):
    assert run("kill -KILL $$").wait(10) == Exit(signal=signal.SIGKILL)


def test_what_it_wrote_is_in_a_log_of_its_own(run, container):
    command = run("echo out; echo err >&2; printf end")
    assert command.wait(10).ok
    assert (out(command), err(command)) == (b"out\nend", b"err\n")
    assert out(container) == b"asleep\n"  # as before
    assert shim_log(command) == ""


def test_one_that_runs_when_the_container_dies_is_told_of(run, container):
    """The end of a pid namespace is the end of all in it, pid_namespaces(7)."""
    command = run("echo here; exec sleep 60")
    eventually(lambda: out(command) == b"here\n")
    container.kill(signal.SIGKILL)
    assert container.wait(10) == Exit(signal=signal.SIGKILL)
    assert command.wait(10) == Exit(signal=signal.SIGKILL)
    assert out(command) == b"here\n"


def test_a_container_that_is_deleted_takes_its_execs_and_their_shims(run, container):
    command = run("exec sleep 60")
    shim, pid = command.shim, command.pid
    container.delete()
    assert ends(pid)
    assert not shim.alive
    assert not container.directory.exists()


def test_the_end_of_the_container_is_not_its_end(shims, bundle, runtime):
    """Nor the other way round: in the host's pid namespace it lives on."""
    ready = bundle("sleeper").without_namespaces("pid")
    container = shims.start("sleeper", ready=shims.saved(ready))
    command = prepared(runtime, container, "exec sleep 60")
    launch(command)
    command = kept(command)
    os.kill(container.pid, signal.SIGKILL)
    assert container.wait(10) == Exit(signal=signal.SIGKILL)
    assert command.keeper
    os.kill(command.pid, signal.SIGINT)
    assert command.wait(10) == Exit(signal=signal.SIGINT)


def test_what_the_kernel_killed_before_it_came_is_not_put_down_to_it(shims, bundle):
    limited = bundle("sleeper").with_limits(memory=24 * 1024 * 1024)
    container = shims.start("sleeper", ready=shims.saved(limited))
    eat = "exec sh -c 'x=12345678; while :; do x=$x$x; done'"
    commands = []
    for script in (eat, "kill -KILL $$"):
        options = prepared(container._runtime, container, script)
        launch(options)
        commands.append(kept(options))
        assert commands[-1].wait(20).signal == signal.SIGKILL
    assert [command.wait(1).oom for command in commands] == [True, False]


# --- what it is


def test_it_has_a_shim_of_its_own(run, container):
    command = run("exec sleep 60")
    assert stat_of(command.pid)["ppid"] == command.keeper != container.keeper
    title = Path(f"/proc/{command.keeper}/cmdline").read_text().rstrip("\0")
    assert title == f"shim:{container.id}/{command.id}"


def test_a_signal_to_its_shim_is_meant_for_it(run, container):
    command = run("trap 'exit 3' TERM; echo ready; sleep 60 & wait")
    eventually(lambda: out(command) == b"ready\n")
    os.kill(command.keeper, signal.SIGTERM)
    assert command.wait(10) == Exit(code=3)
    assert container.keeper


def test_it_is_as_its_container_is_but_for_what_is_said(run):
    script = "pwd; echo $HOME $COLOUR; grep CapEff /proc/self/status; hostname"
    command = run(script, env={"COLOUR": "red"}, cwd="/tmp")
    assert command.wait(10).ok
    capabilities = "CapEff:\t0000000020000420"
    assert out(command).decode().splitlines() == [
        *("/tmp", "/ red", capabilities, "sleeper")
    ]


def test_its_window_has_its_size_before_it_runs(runtime, container):
    """The runtime sees to that; the shim's own word may come a moment later."""
    size = {"terminal": True, "rows": 33, "columns": 99}
    options = prepared(runtime, container, "stty size", **size)
    process = json.loads(Path(options.file("process.json")).read_text())
    assert process["consoleSize"] == {"height": 33, "width": 99}


def test_it_holds_nothing_of_its_shim(watch):
    command, _ = watch("ls -l /proc/self/fd | grep -c .")
    assert command.wait(10).ok
    assert int(out(command)) == 5  # 0 1 2, the directory itself, and the total


# --- what cannot be


def test_a_failure_is_heard_in_the_runtime_s_own_words(runtime, container):
    options = execs.prepare(runtime, container.id, "typo", "no-such-program")
    with pytest.raises(LaunchFailed, match="no-such-program"):
        launch(options)
    assert container.keeper


def test_after_a_failure_its_id_is_free_again(container):
    for _ in range(2):
        with pytest.raises(LaunchFailed, match="no-such-program"):
            container.exec("typo", "no-such-program")
    assert container.exec("typo", "true").wait(10).ok


def test_a_failure_is_the_end_for_its_viewer(runtime, container):
    options = execs.prepare(runtime, container.id, "typo", "no-such-program")
    with pytest.raises(LaunchFailed, match="no-such-program"):
        launch_watched(options)


def test_in_a_container_that_has_ended_it_is_refused(runtime, container):
    container.kill(signal.SIGKILL)
    container.wait(10)
    options = execs.prepare(runtime, container.id, "late", "true")
    with pytest.raises(LaunchFailed, match="stopped"):
        launch(options)


@pytest.mark.parametrize("id", ["../up", "", "a/b"])
def test_an_id_that_must_not_reach_a_path_is_refused(runtime, container, id):
    with pytest.raises(BadName):
        execs.prepare(runtime, container.id, id, "true")


def test_an_id_that_is_taken_and_no_command_are_refused(runtime, container):
    execs.prepare(runtime, container.id, "one", "true")
    with pytest.raises(NameTaken, match="there is an exec 'one' in "):
        execs.prepare(runtime, container.id, "one", "true")
    with pytest.raises(BadBundle, match=r"process\.args"):
        execs.prepare(runtime, container.id, "two")


def test_a_viewer_that_there_is_not_is_the_manager_s_to_hear(runtime, container):
    options = execs.prepare(runtime, container.id, "blind", "true")
    with pytest.raises(LaunchFailed, match="Bad file descriptor"):
        launch(options, ("/bin/sh", "-c", 'exec "$@" --viewer=77', "sh", *OUR_SHIM))


# --- its viewers


def test_the_first_viewer_sees_the_first_byte(watch):
    """It runs at once: who connects when it is launched comes too late."""
    for _ in range(5):
        command, viewer = watch("echo out; echo err >&2")
        assert seen_by(viewer) == {Stream.STDOUT: b"out\n", Stream.STDERR: b"err\n"}
        assert command.wait(10).ok


def test_a_flood_of_the_first_moment_is_all_seen_and_all_logged(watch):
    """More than a pipe holds, before its runtime has ended."""
    command, viewer = watch("seq 100000")
    expected = b"".join(b"%d\n" % number for number in range(1, 100_001))
    assert seen_by(viewer)[Stream.STDOUT] == expected
    assert command.wait(10).ok
    assert out(command) == expected


def test_others_may_look_as_well(run, container):
    """It waits for a line, and whoever is there by then sees what comes."""
    assert run("mkfifo /tmp/cue").wait(10).ok
    command = run("read cue </tmp/cue; echo out")
    with command.attach() as one, command.attach() as two:
        assert run("echo go >/tmp/cue").wait(10).ok
        assert [seen_by(viewer)[Stream.STDOUT] for viewer in (one, two)] == [
            b"out\n"
        ] * 2


def test_a_viewer_that_reads_in_time_hears_that_there_is_nothing(watch):
    _, viewer = watch("exec sleep 60")
    with pytest.raises(TimeoutError, match=r"nothing to be seen in 0\.05 s"):
        viewer.read(0.05)


def test_a_viewer_without_a_socket_to_go_to(tmp_path):
    with pytest.raises(FileNotFoundError):
        Viewer.connect(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as gone:
        gone.bind(str(tmp_path / "attach"))
    before = descriptors()
    with pytest.raises(ConnectionRefusedError):
        Viewer.connect(tmp_path)
    assert descriptors() == before
