"""A container with a terminal, and somebody at its keyboard."""

import os
import pty
import re
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from threading import Thread

import pexpect
import pytest
from apart import FIND_US
from eventually import eventually
from facts import cpu_time, ends, reads, state_of
from pexpect.fdpexpect import fdspawn
from shims import children, out, shim_log, stat_of
from typing_in import Session

from conman_lab.errors import BadBundle
from conman_lab.linux import Exit
from conman_lab.shim import exec as execs
from conman_lab.shim.address import listen
from conman_lab.shim.console import Console
from conman_lab.shim.kept import Kept
from conman_lab.shim.launch import launch_watched
from conman_lab.shim.output import Output
from conman_lab.stream import Stream

PROMPT = b"container# "
_numbers = count(1)


@pytest.fixture
def at():
    """Sit down at a container's keyboard; stand up at the end."""
    with ExitStack() as stack:
        yield lambda container: stack.enter_context(Session(container.attach()))


@pytest.fixture
def shell(shims, at):
    """A shell, and somebody who sees its first prompt."""
    container = shims.create("shell")
    session = at(container)
    container.start()
    session.expect_exact(PROMPT)
    return container, session


def asked(session, command):
    """What the command writes, as lines."""
    session.sendline(command)
    session.expect_exact(f"{command}\r\n".encode())
    session.expect_exact(PROMPT)
    return session.before.decode().splitlines()


def program_of(pid):
    return Path(f"/proc/{pid}/comm").read_text().strip()


def cue(container):
    """Let go on who reads /tmp/cue in there."""
    Path(f"/proc/{container.pid}/root/tmp/cue").write_text("go\n")


# --- a shell session


def test_a_session_from_the_prompt_to_its_exit(shell):
    container, session = shell
    assert asked(session, "tty") == ["/dev/pts/0"]
    assert asked(session, "for fd in 0 1 2; do test -t $fd && echo $fd; done") == [
        *("0", "1", "2")
    ]
    session.sendline("exit 3")
    session.expect(pexpect.EOF)
    assert container.wait(10) == Exit(code=3)
    log = out(container)
    assert re.search(rb"container# .*tty\r\n/dev/pts/0\r\ncontainer# ", log)
    assert log.endswith(b"exit 3\r\n")
    assert shim_log(container) == ""


def test_what_is_typed_is_seen_by_all_who_look(shell, at):
    """By its echo: it is the terminal that writes it."""
    container, session = shell
    other = at(container)
    asked(session, "true")
    other.send("echo from the other\r")
    session.expect_exact(b"from the other\r\nfrom the other\r\n")
    other.expect_exact(b"from the other\r\nfrom the other\r\n")
    assert container.keeper


def test_ctrl_c_is_for_the_foreground(shell):
    container, session = shell
    session.sendline("sleep 600")
    (sleep,) = eventually(lambda: children(container.pid))
    eventually(lambda: program_of(sleep) == "sleep")
    session.sendcontrol("c")
    session.expect_exact(PROMPT)
    assert ends(sleep)
    assert asked(session, "echo $?") == ["130"]


def test_ctrl_z_stops_it_and_fg_lets_it_go_on(shell):
    container, session = shell
    session.sendline("sleep 600")
    (sleep,) = eventually(lambda: children(container.pid))
    eventually(lambda: program_of(sleep) == "sleep")
    session.sendcontrol("z")
    session.expect_exact(PROMPT)
    assert state_of(sleep) == "T"
    session.sendline("fg")
    eventually(lambda: state_of(sleep) == "S")
    session.sendcontrol("c")
    session.expect_exact(PROMPT)


def test_ctrl_d_is_the_end_of_what_is_typed(shell):
    container, session = shell
    session.sendcontrol("d")
    session.expect(pexpect.EOF)
    assert container.wait(10) == Exit(code=0)


def test_a_viewer_that_types_no_more_says_nothing_to_the_container(shell, at):
    """A terminal has no end; conmon, told to, closes its keyboard for all others."""
    container, session = shell
    session.viewer.end_input()
    other = at(container)
    other.sendline("echo still here")
    other.expect_exact(b"\r\nstill here\r\n")
    session.expect_exact(b"\r\nstill here\r\n")


def test_vi_is_of_use(shell):
    _, session = shell
    session.sendline("vi /tmp/poem")
    session.expect_exact(b"- /tmp/poem")
    session.send("iroses are red")
    session.expect_exact(b"roses are red")
    session.send("\x1b")  # alone: what comes at once with it would be a key's name
    session.expect_exact(b"- /tmp/poem [Modified]")
    session.send(":wq\r")
    session.expect_exact(PROMPT)
    assert asked(session, "cat /tmp/poem") == ["roses are red"]


def test_the_terminal_is_that_of_its_session(shell):
    container, _ = shell
    assert stat_of(container.pid)["tty"] != 0
    assert stat_of(container.keeper)["tty"] == 0  # it holds the other end


# --- its window


def test_its_first_size_is_as_wanted(shims):
    container, _ = shims.run("shell", "stty", "size", rows=33, columns=101)
    assert out(container) == b"33 101\r\n"


def test_if_nobody_wants_another_its_first_size_is_the_bundle_s(shims, bundle):
    ready = bundle("shell").with_args("stty", "size")
    ready.config["process"]["consoleSize"] = {"height": 20, "width": 70}
    container, _ = shims.run("shell", ready=shims.saved(ready))
    assert out(container) == b"20 70\r\n"


WATCHED = "trap 'stty size' WINCH; echo ready; while :; do sleep 60 & wait; done"


def test_another_size_is_told_to_it(shims, at):
    """By the kernel, and SIGWINCH."""
    container = shims.create("shell", "sh", "-c", WATCHED)
    session = at(container)
    container.start()
    session.expect_exact(b"ready")
    for rows, columns in ((40, 90), (24, 80), (50, 200)):
        session.viewer.resize(rows, columns)
        session.expect_exact(b"%d %d\r\n" % (rows, columns))


AS_CTL = """
for word; do case $before in --bundle) bundle=$word;; esac; before=$word; done
until test -p "$bundle/../ctl"; do sleep 0.01; done
echo "1 50 132" >"$bundle/../ctl"
exec "$RUNC" "$@"
"""


def test_a_size_that_is_told_before_there_is_a_terminal_is_remembered(shims):
    runtime = shims.creating_by(AS_CTL)
    container, _ = shims.run("shell", "stty", "size", runtime=runtime)
    assert out(container) == b"50 132\r\n"


def test_whoever_has_no_terminal_has_no_window(shims):
    container = shims.start("sleeper")
    with container.attach() as viewer:
        viewer.resize(40, 90)
    eventually(lambda: state_of(container.keeper) == "S")
    assert shim_log(container) == ""


def test_a_size_that_nobody_is_told_any_more_is_an_error(shims):
    container = shims.create("hello")
    viewer = container.attach()
    container.start()
    container.wait(10)
    assert ends(container.shim.pid)
    with viewer, pytest.raises(OSError, match="No such device or address"):
        viewer.resize(40, 90)


# --- that nobody has open


REOPENED = """mkfifo /tmp/cue; exec 3<>/tmp/cue; echo first; exec <&- >&- 2>&-
read cue <&3; echo second >/dev/console
read cue <&3; echo third >/dev/console; exit 5"""


def test_a_terminal_that_is_closed_may_be_opened_again(shims, at):
    """EIO means that nobody has it open now, and no more."""
    container = shims.create("shell", "sh", "-c", REOPENED)
    session = at(container)
    container.start()
    for word in (b"first\r\n", b"second\r\n"):
        session.expect_exact(word)
        before = cpu_time(container.keeper)
        with pytest.raises(TimeoutError):
            container.wait(0.3)
        assert cpu_time(container.keeper) - before <= 1  # it waits, and does not ask
        cue(container)
    session.expect_exact(b"third\r\n")
    session.expect(pexpect.EOF)
    assert container.wait(10) == Exit(code=5)
    assert out(container) == b"first\r\nsecond\r\nthird\r\n"


def test_what_is_typed_while_nobody_has_it_open_hurts_nobody(shims, at):
    container = shims.create("shell", "sh", "-c", REOPENED)
    session = at(container)
    container.start()
    session.expect_exact(b"first\r\n")
    session.send("x" * 100_000)
    cue(container)
    session.expect_exact(b"second\r\n")
    cue(container)
    assert container.wait(10) == Exit(code=5)
    assert shim_log(container) == ""


# --- that nobody reads

READS_LATE = """stty raw -echo; mkfifo /tmp/cue; exec 3<>/tmp/cue; echo ready
read cue <&3; head -c 300000 >/tmp/typed; echo done; read cue <&3"""


def test_what_is_typed_to_one_who_does_not_read_waits_and_is_not_lost(shims, at):
    container = shims.create("shell", "sh", "-c", READS_LATE)
    session, looking = at(container), at(container)
    container.start()
    looking.expect_exact(b"ready")
    text = bytes(number % 251 for number in range(300_000))
    typist = Thread(target=session.viewer.send, args=(text,), daemon=True)
    typist.start()
    typist.join(0.3)
    assert typist.is_alive()
    cue(container)
    looking.expect_exact(b"done")
    typist.join(10)
    typed = Path(f"/proc/{container.pid}/root/tmp/typed").read_bytes()
    assert typed == text


# --- who comes and goes

SOMEBODY = """
import signal
from dataclasses import replace
from pathlib import Path
from conman_lab.oci import Runtime
from conman_lab.shim.launcher import Shim, ShimContainer
runtime = replace(Runtime.find(home=Path(sys.argv[1])), cgroup_parent=sys.argv[2])
if sys.argv[4:]:
    container = ShimContainer(runtime, sys.argv[3])
else:
    container = Shim(runtime).create("survivor", Path(sys.argv[3]))
viewer = container.attach()
viewer.send(b"echo so far\\r" if sys.argv[4:] else b"")
if not sys.argv[4:]:
    container.start()
for _, text in viewer:
    print(text.decode(), end="", flush=True)
"""


@pytest.fixture
def somebody(shims):
    """Another process that creates and starts, or else attaches; killed by us."""
    started = []

    def start(*arguments):
        where = (shims.runtime.home, shims.runtime.cgroup_parent)
        command = [sys.executable, "-c", FIND_US + SOMEBODY, *where, *arguments]
        started.append(subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait(5)
        process.stdout.close()


def test_its_manager_may_be_killed_and_the_next_one_types_on(
    shims, bundle, somebody, at
):
    manager = somebody(bundle("shell").directory)
    reads(manager.stdout.fileno(), PROMPT)
    container = shims.found("survivor")
    manager.kill()
    manager.wait(5)
    session = at(container)
    assert asked(session, "echo here") == ["here"]
    assert container.shim.alive


def test_one_of_two_viewers_may_be_killed_at_any_time(shell, somebody):
    container, session = shell
    for number in range(3):
        other = somebody(container.id, "look")
        reads(other.stdout.fileno(), b"so far")
        session.sendline(f"for i in $(seq 500{number}); do echo $i; done; echo end.")
        session.expect_exact(b"\r\n3000\r\n")
        other.kill()
        session.expect_exact(b"\r\n500%d\r\nend.\r\n" % number)
        session.expect_exact(PROMPT)
    assert container.keeper


def test_ten_who_look_see_the_same(shims, at):
    container = shims.create("shell", "sh", "-c", "seq 3000")
    sessions = [at(container) for _ in range(10)]
    container.start()
    for session in sessions:
        session.expect(pexpect.EOF)
    seen = {session.before for session in sessions}
    assert seen == {b"".join(b"%d\r\n" % number for number in range(1, 3001))}


# --- an exec with a terminal


@pytest.fixture
def exec_in(runtime):
    """A shell more in a container, with a terminal; what tells of it, and its session."""
    with ExitStack() as stack:

        def give(container, *args, **options):
            name = f"e{next(_numbers)}"
            options = {"terminal": True} | options
            told = execs.prepare(runtime, container.id, name, *args, **options)
            _, viewer = launch_watched(told)
            session = stack.enter_context(Session(viewer))
            return Kept(name, Path(told.directory)), session

        yield give


def test_an_exec_has_a_terminal_of_its_own(shell, exec_in):
    container, session = shell
    env = {"PS1": PROMPT.decode()}
    command, inside = exec_in(container, "sh", env=env, rows=30, columns=100)
    inside.expect_exact(PROMPT)
    assert asked(inside, "tty") == ["/dev/pts/1"]
    assert asked(inside, "stty size") == ["30 100"]
    inside.viewer.resize(31, 99)
    assert asked(inside, "stty size") == ["31 99"]
    inside.sendline("exit 7")
    inside.expect(pexpect.EOF)
    assert command.wait(10) == Exit(code=7)
    assert asked(session, "tty") == ["/dev/pts/0"]


def test_ctrl_c_ends_the_exec_s_foreground_and_nothing_else(shell, exec_in):
    container, session = shell
    command, inside = exec_in(container, "sh", "-c", "echo ready; exec sleep 600")
    inside.expect_exact(b"ready\r\n")
    inside.sendcontrol("c")
    inside.expect(pexpect.EOF)
    assert command.wait(10) == Exit(signal=signal.SIGINT)
    assert asked(session, "echo here") == ["here"]


def test_an_exec_s_terminal_ends_with_the_container(shell, exec_in):
    container, _ = shell
    command, inside = exec_in(container, "sh", "-c", "echo ready; exec sleep 600")
    inside.expect_exact(b"ready\r\n")
    container.kill(signal.SIGKILL)
    inside.expect(pexpect.EOF)
    assert command.wait(10) == Exit(signal=signal.SIGKILL)


# --- without a shim: who holds the master


def test_whoever_receives_the_master_is_the_terminal(runtime, bundle):
    """We are the shim: the runtime sends it to us, and pexpect sits down at it."""
    directory = runtime.home / "console-of-ours"
    directory.mkdir()
    with listen(str(directory), "console", socket.SOCK_STREAM) as listener:
        listener.settimeout(10)
        ready = bundle("shell")
        runtime.create("ours", ready, console_socket=directory / "console")
        connection, _ = listener.accept()
        with connection:
            connection.setblocking(True)
            _, (master,), _, _ = socket.recv_fds(connection, 4096, 1)
    session = fdspawn(master, timeout=10)
    runtime.start("ours")
    session.expect_exact(PROMPT)
    session.send("tty\r")
    session.expect_exact(b"/dev/pts/0\r\n")
    session.close()  # the kernel hangs up, and the shell gets SIGHUP
    eventually(lambda: runtime.status("ours") == "stopped")
    runtime.delete("ours")


@pytest.mark.parametrize("verb", ["create", "run"])
def test_a_terminal_without_a_console_is_refused_before_the_runtime_is_asked(
    runtime, bundle, verb
):
    with pytest.raises(
        BadBundle, match=r"process\.terminal: a terminal needs somebody"
    ):
        getattr(runtime, verb)("nobody", bundle("shell"))
    assert not (runtime.home / "containers" / "nobody").exists()


# --- the part alone


def test_a_master_is_taken_from_whoever_connects(loop, tmp_path):
    master, slave = pty.openpty()
    console, output, seen = Console(str(tmp_path), 10, 20), Output(loop), []
    keyboard = console.keyboard(loop)
    console.connect(loop)
    console.resize(11, 22)
    runtime = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with runtime:
        runtime.connect(str(tmp_path / "console"))
        socket.send_fds(runtime, [b"/dev/pts/9"], [master])
    os.close(master)
    assert loop.run_until(console.has_come, 5)
    assert not (tmp_path / "console").exists()
    held = [
        os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
    ]
    assert str(tmp_path) not in held
    assert os.get_terminal_size(slave) == (22, 11)
    console.let_speak(loop, output)
    output.listen(lambda stream, chunk: seen.append((stream, chunk)))
    os.write(slave, b"out\n")
    assert loop.run_until(lambda: seen, 5)
    assert seen[0] == (Stream.STDOUT, b"out\r\n")
    assert keyboard.write(b"typed\n", seen.clear)
    assert os.read(slave, 100) == b"typed\n"
    os.close(slave)
