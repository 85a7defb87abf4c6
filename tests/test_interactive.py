"""The client at a terminal: pexpect sits before a real one, and looks at conmanctl."""

import os
import signal
import subprocess
import termios

import pexpect
import pytest
from conmands import CONMANCTL, Daemon, rootfs
from eventually import eventually
from facts import cpu_time, state_of

from conman_lab.manager.container import Status

PROMPT = "here# "
RUN = ("container", "run", "-e", f"PS1={PROMPT}", "-e", "TERM=xterm")
DETACH = "\x10\x11"  # ctrl-p, ctrl-q


@pytest.fixture
def daemon(home, runtime):
    with Daemon(home, runtime) as daemon:
        yield daemon.start()
        for container in daemon.client.list():
            daemon.client.remove(container.id, force=True)


@pytest.fixture
def at(daemon):
    """Conmanctl at a terminal of its own."""
    sessions = []

    def spawn(*words, size=(24, 80)):
        program, *rest = [*CONMANCTL, "--host", str(daemon.socket), *map(str, words)]
        session = pexpect.spawn(
            program, rest, timeout=15, dimensions=size, encoding="utf-8"
        )
        sessions.append(session)
        return session

    yield spawn
    for session in sessions:
        session.close(force=True)


@pytest.fixture
def run(at, bundle):
    """A shell in a container: `run -it`; its first prompt has been seen."""

    def give(*flags, size=(24, 80), command=("sh",), name="it"):
        words = (*RUN, "-it", *flags, "-I", rootfs(bundle), name, "--", *command)
        session = at(*words, size=size)
        if command == ("sh",):
            session.expect_exact(PROMPT)
        return session

    return give


def asked(session, command):
    """What the command writes."""
    session.send(f"{command}\r")
    session.expect_exact(f"{command}\r\n")
    session.expect_exact(PROMPT)
    return session.before.split()


def left(session):
    """Its exit status, when it has ended."""
    session.expect(pexpect.EOF)
    session.close()
    return session.exitstatus


# --- the whole of it


def test_a_session_from_run_to_exit_7(run, at, daemon):
    """`run -it`: its size, vi, ctrl-c, ctrl-p ctrl-q, back again, and exit 7."""
    session = run(size=(33, 101))
    assert asked(session, "stty size") == ["33", "101"]
    session.setwinsize(40, 90)
    eventually(lambda: asked(session, "stty size") == ["40", "90"])

    session.send("vi /tmp/poem\r")
    session.expect_exact("- /tmp/poem")
    session.send("iroses are red")
    session.expect_exact("roses are red")
    session.send("\x1b")
    session.expect_exact("[Modified]")
    session.send(":wq\r")
    session.expect_exact(PROMPT)
    assert asked(session, "cat /tmp/poem") == ["roses", "are", "red"]

    # Who says so himself is in the foreground by then, and ctrl-c is for him.
    session.send("sh -c 'echo asleep; exec sleep 600'\r")
    session.expect_exact("\r\nasleep\r\n")
    session.send("\x03")
    session.expect_exact(PROMPT)
    assert asked(session, "echo $?") == ["130"]

    session.send(DETACH)
    session.expect_exact("detached, and it goes on")
    assert left(session) == 0
    assert daemon.client.status("it").status is Status.RUNNING

    again = at("container", "attach", "-i", "it", size=(25, 85))
    eventually(lambda: asked(again, "stty size") == ["25", "85"])
    assert asked(again, "cat /tmp/poem") == ["roses", "are", "red"]
    again.send("exit 7\r")
    assert left(again) == 7
    assert daemon.client.wait("it", 10).code == 7


def test_rm_leaves_nothing_and_its_status_is_the_container_s(run, daemon):
    session = run("--rm")
    session.send("exit 9\r")
    assert left(session) == 9
    assert daemon.client.list() == []


def test_rm_is_the_daemon_s_when_we_have_left(run, at, daemon):
    session = run("--rm")
    session.send(DETACH)
    session.expect_exact("detached, and it goes on")
    assert left(session) == 0
    again = at("container", "attach", "-i", "--logs", "it")
    again.send("echo back; exit 7\r")
    again.expect_exact("back\r\n")
    assert left(again) == 7
    eventually(lambda: daemon.client.list() == [])


@pytest.mark.parametrize("survivor", ["daemon", "nobody"])
def test_rm_holds_if_we_are_killed(run, daemon, survivor):
    session = run("--rm")
    session.kill(signal.SIGKILL)
    it = daemon.client.status("it")
    if survivor == "nobody":
        daemon.kill()
    os.kill(it.pid, signal.SIGKILL)
    if survivor == "nobody":
        daemon.start()
    events = daemon.client.events(since=0)
    kinds = iter(event.kind for event in events)
    assert "exit" in kinds  # as far as that
    assert next(kinds) == "remove"
    assert daemon.client.list() == []


@pytest.mark.parametrize("verbs", [["run", "-d"], ["create"]])
def test_rm_needs_nobody_who_waits(daemon, bundle, verbs):
    where = ("-I", rootfs(bundle), "it", "--", "sh", "-c", "exit 4")
    daemon.says("container", *verbs, "--rm", *where)
    if "create" in verbs:
        assert daemon.client.status("it").status is Status.CREATED
        daemon.says("container", "start", "it")
    events = daemon.client.events(since=0)
    kinds = [next(events).kind for _ in range(4)]
    assert kinds == ["create", "start", "exit", "remove"]
    assert daemon.client.list() == []


def test_keys_to_leave_with_can_be_others(run, daemon):
    session = run("--detach-keys", "ctrl-a,d")
    session.send(DETACH)  # to the shell these are the last command, and nothing
    session.send("\x03")
    session.expect_exact(PROMPT)
    assert asked(session, "echo here") == ["here"]
    session.send("\x01")
    session.send("d")
    session.expect_exact("detached")
    assert left(session) == 0
    assert daemon.client.status("it").status is Status.RUNNING


def test_exec_has_a_terminal_too(run, at, daemon):
    run()
    command = ("sh", "-c", "tty; stty size; read x; exit $x")
    session = at("container", "exec", "-it", "it", "--", *command, size=(30, 70))
    session.expect_exact("/dev/pts/1\r\n30 70\r\n")
    session.send("5\r")
    assert left(session) == 5
    assert daemon.client.status("it").status is Status.RUNNING


def test_a_command_that_ends_with_its_container_says_so(run, at, daemon):
    run()
    command = ("sh", "-c", "echo ready; exec sleep 600")
    session = at("container", "exec", "it", "--", *command)
    session.expect_exact("ready")
    daemon.client.kill("it", signal.SIGKILL)
    session.expect_exact("it has ended, and this command with it")
    assert left(session) == 128 + signal.SIGKILL


def test_a_command_that_is_killed_alone_says_nothing(run, at):
    run()
    session = at("container", "exec", "it", "--", "sh", "-c", "kill -9 $$")
    assert left(session) == 128 + signal.SIGKILL
    assert "ended" not in session.before


def test_a_flood_can_be_interrupted(run):
    session = run()
    session.send("yes\r")
    session.expect_exact("y\r\ny\r\n")
    session.send("\x03")
    session.expect_exact(PROMPT)
    assert asked(session, "echo here") == ["here"]


def test_what_was_written_before_is_shown_if_wanted(run, at):
    session = run()
    assert asked(session, "echo long ago") == ["long", "ago"]
    again = at("container", "attach", "-i", "--logs", "it")
    again.expect_exact("echo long ago\r\nlong ago\r\n")
    again.expect_exact(PROMPT)
    assert asked(again, "echo now") == ["now"]
    again.send("exit 3\r")
    assert left(again) == 3
    assert again.before.count("exit 3") == 1  # it is not shown twice


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_to_us_is_meant_for_the_container(run, signum):
    name = signum.name.removeprefix("SIG")
    script = f"trap 'echo got {name}; exit 4' {name}; echo ready; sleep 600 & wait"
    session = run(command=("sh", "-c", script))
    session.expect_exact("ready")
    os.kill(session.pid, signum)
    session.expect_exact(f"got {name}")
    assert left(session) == 4


def test_whoever_comes_back_sees_the_screen_again(run, at):
    session = run()
    session.send("vi /tmp/poem\r")
    session.expect_exact("- /tmp/poem")
    session.send("iroses are red")
    session.expect_exact("roses are red")
    session.send(DETACH)
    assert left(session) == 0
    again = at("container", "attach", "-i", "it")
    again.expect_exact("roses are red")


def test_a_reader_of_our_output_who_leaves_ends_us_and_not_the_container(
    daemon, bundle
):
    """`conmanctl container run ... | head -1`."""
    words = ("container", "run", "--rm", "-I", rootfs(bundle), "it", "--", "yes")
    command = [*CONMANCTL, "--host", str(daemon.socket), *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as us:
        assert us.stdout.read(2) == b"y\n"
        us.stdout.close()
        assert us.wait(10) == 128 + signal.SIGPIPE
    assert daemon.client.status("it").status is Status.RUNNING


def test_a_container_that_was_created_with_a_terminal_is_attached_to(
    daemon, at, bundle
):
    """`create -i -t`, `start`, `attach -i`."""
    where = ("-e", f"PS1={PROMPT}", "-I", rootfs(bundle), "it", "--")
    daemon.says("container", "create", "-it", *where, "sh")
    daemon.says("container", "start", "it")
    session = at("container", "attach", "-i", "it", size=(33, 77))
    session.send("\r")
    session.expect_exact(PROMPT)
    eventually(lambda: asked(session, "stty size") == ["33", "77"])
    session.send("exit 2\r")
    assert left(session) == 2


def test_a_client_that_is_killed_leaves_all_others_as_they_were(run, at, daemon):
    session = run()
    other = at("container", "attach", "-i", "it")
    other.send("\r")  # once it is let in
    other.expect_exact(PROMPT)
    session.kill(signal.SIGKILL)
    assert asked(other, "echo still here") == ["still", "here"]
    assert daemon.client.status("it").status is Status.RUNNING


def test_a_terminal_that_is_closed_ends_us_and_not_the_container(run, at, daemon):
    """Its window was closed, or the line broke: SIGHUP, and EIO ever after."""
    session = run()
    session.ptyproc.fileobj.close()
    session.closed = session.ptyproc.closed = True
    assert session.wait() == 128 + signal.SIGHUP
    again = at("container", "attach", "-i", "it")
    again.send("\r")
    again.expect_exact(PROMPT)
    assert asked(again, "echo here") == ["here"]


# --- without a terminal


def test_pipes_go_in_and_come_out(daemon, bundle):
    words = ("container", "run", "-i", "--rm", "-I", rootfs(bundle), "it", "--")
    text = bytes(range(256)) * 20_000
    done = daemon.ctl(*words, "cat", stdin=text)
    assert (done.returncode, done.stdout, done.stderr) == (0, text, b"")
    script = "cat >&2; echo out; exit 6"
    done = daemon.ctl(*words, "sh", "-c", script, stdin=b"in")
    assert (done.returncode, done.stdout, done.stderr) == (6, b"out\n", b"in")


def test_a_container_that_does_not_read_is_seen_and_signalled_all_the_same(
    daemon, bundle
):
    words = ("container", "run", "-i", "-I", rootfs(bundle), "it", "--", "sh", "-c")
    script = "trap 'exit 4' TERM; sleep 1; echo ready; while :; do sleep 0.1; done"
    command = [*CONMANCTL, "--host", str(daemon.socket), *map(str, words), script]
    with open("/dev/zero", "rb") as endless:
        us = subprocess.Popen(command, stdin=endless, stdout=subprocess.PIPE)
    with us:
        assert us.stdout.readline() == b"ready\n"
        us.terminate()
        assert us.wait(20) == 4


def test_a_daemon_that_is_killed_leaves_it_to_the_next_one(run, at, daemon):
    session = run()
    assert asked(session, "X=still; echo $X") == ["still"]
    daemon.kill()
    assert left(session) == 1
    daemon.start()
    again = at("container", "attach", "-i", "it")
    again.send("\r")
    again.expect_exact(PROMPT)
    assert asked(again, "echo $X here") == ["still", "here"]


def test_after_the_end_of_what_is_typed_it_sleeps(daemon, bundle):
    """A pipe that has ended is ready for ever, poll(2)."""
    words = ("container", "run", "-i", "-I", rootfs(bundle), "it", "--", "sh", "-c")
    script = "cat; echo end; exec sleep 600"
    command = [*CONMANCTL, "--host", str(daemon.socket), *map(str, words), script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as us:
        us.stdin.close()
        assert us.stdout.readline() == b"end\n"
        eventually(lambda: state_of(us.pid) == "S")
        before = cpu_time(us.pid)
        with pytest.raises(subprocess.TimeoutExpired):
            us.wait(0.5)
        assert cpu_time(us.pid) - before <= 1
        us.kill()


def test_without_i_nothing_is_typed(daemon, bundle):
    words = ("container", "run", "--rm", "-I", rootfs(bundle), "it", "--")
    done = daemon.ctl(*words, "cat", stdin=b"for nobody")
    assert (done.returncode, done.stdout) == (0, b"")


def test_detached_it_is_told_who_it_is(daemon, bundle):
    words = ("container", "run", "-d", "-I", rootfs(bundle), "it", "--")
    id = daemon.says(*words, "sleep", "600").strip()
    assert daemon.client.status("it").id == id
    assert daemon.client.status("it").status is Status.RUNNING


@pytest.mark.parametrize(
    ("flags", "command", "words"),
    [
        (("-it",), ("sh",), "-it needs a terminal to type at, and ours is none"),
        ((), (), "which command?"),
        ((), ("no-such-program",), "no-such-program"),
        (("--rm",), ("no-such-program",), "no-such-program"),
        (("-d", "--rm"), ("no-such-program",), "no-such-program"),
    ],
)
def test_what_cannot_be_is_told_and_leaves_nothing(
    daemon, bundle, flags, command, words
):
    where = ("-I", rootfs(bundle), "it", "--")
    done = daemon.ctl("container", "run", *flags, *where, *command)
    assert done.returncode == 1
    assert words in done.stderr.decode()
    assert daemon.client.list() == []


SHY = """#!/bin/sh
# A runtime; what it creates nobody can attach to.
{runtime} "$@" || exit
while [ $# -gt 0 ]; do [ "$1" = --bundle ] && at=${{2%/bundle}}; shift; done
[ -z "$at" ] && exit
until [ -S "$at/attach" ]; do sleep 0.01; done
rm "$at/attach"
"""


def test_what_cannot_be_attached_to_is_left_to_nobody(daemon, bundle, home, runtime):
    program = home / "shy"
    program.write_text(SHY.format(runtime=runtime.program))
    program.chmod(0o700)
    daemon.stop()
    daemon.start({"runtime-path": program})
    words = ("container", "run", "-I", rootfs(bundle), "it", "--", "sleep", "600")
    done = daemon.ctl(*words)
    assert done.returncode == 1
    assert b"cannot attach to it" in done.stderr
    assert daemon.client.list() == []


# --- our terminal, afterwards


def settings(session):
    """What termios(3) says of the terminal that pexpect gave it."""
    return termios.tcgetattr(session.child_fd)


ENDINGS = {
    "ctrl-c": lambda session, _: session.send("\x03"),
    "we leave": lambda session, _: session.send(DETACH),
    "it is killed": lambda _, daemon: daemon.client.kill("it", signal.SIGKILL),
    "the daemon is killed": lambda _, daemon: daemon.kill(),
    "SIGHUP": lambda session, _: os.kill(session.pid, signal.SIGHUP),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_our_terminal_is_as_it_was_however_it_ends(run, daemon, ending):
    session = run(
        command=("sh", "-c", "trap 'exit 1' INT; echo ready; while :; do sleep 1; done")
    )
    session.expect_exact("ready")
    eventually(lambda: not settings(session)[3] & termios.ECHO)
    ENDINGS[ending](session, daemon)
    session.expect(pexpect.EOF)
    after = settings(session)[3]
    assert after & termios.ECHO
    assert after & termios.ICANON
    if daemon.process.poll() is not None:
        daemon.start()


def test_it_is_so_after_an_exec_that_is_told_to_end(run, at, daemon):
    """The command hears nothing of that: there is nobody who could be asked for it."""
    run()
    command = ("sh", "-c", "echo ready; exec sleep 600")
    session = at("container", "exec", "-it", "it", "--", *command)
    session.expect_exact("ready")
    eventually(lambda: not settings(session)[3] & termios.ECHO)
    os.kill(session.pid, signal.SIGTERM)
    session.expect(pexpect.EOF)
    assert settings(session)[3] & termios.ECHO
    assert left(session) == 128 + signal.SIGTERM
    assert daemon.client.status("it").status is Status.RUNNING
