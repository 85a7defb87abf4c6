"""Did it work?  What is heard of a runtime that fails, talks, or never ends."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from apart import FIND_US
from manager_home import descriptors
from shims import at_a_time, children, delete, err, left_of, out, shim_log
from stops import Stop

from conman_lab.errors import LaunchFailed
from conman_lab.linux import Exit
from conman_lab.shim.launch import OUR_SHIM, launch
from conman_lab.shim.protocol import Options


def test_a_failing_runtime_is_heard_in_its_own_words(shims):
    with pytest.raises(LaunchFailed, match="executable file not found"):
        shims.create("hello", "no-such-program")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo no, not today >&2; exit 1", "^no, not today$"),
        ("echo so; echo and so >&2; exit 1", "^so\nand so$|^and so\nso$"),
        ("exit 3", "^the runtime ended, exit code 3, without a word$"),
        ("kill -KILL $$", "^the runtime ended, killed by SIGKILL, without a word$"),
        ("printf 'caf\\351' >&2; exit 1", "^caf\N{REPLACEMENT CHARACTER}$"),
    ],
)
def test_whatever_a_runtime_says_as_it_fails_is_heard(shims, script, words):
    with pytest.raises(LaunchFailed, match=words):
        shims.create("hello", runtime=shims.creating_by(script))


def test_a_manager_that_ignores_its_children_hears_of_a_failure_too(shims):
    """An ignored SIGCHLD is inherited, and then the kernel keeps no exits: wait(2)."""
    deaf = ("/usr/bin/env", "--ignore-signal=CHLD", *OUR_SHIM)
    runtime = shims.creating_by("echo no, not today >&2; exit 1")
    with pytest.raises(LaunchFailed, match=r"^no, not today$"):
        shims.create("hello", program=deaf, runtime=runtime, deadline=5)


def test_a_runtime_that_is_no_program_is_told(shims):
    runtime = shims.creating_by("")
    runtime.program.chmod(0o600)
    with pytest.raises(LaunchFailed, match=f"^{runtime.program}: Permission denied$"):
        shims.create("hello", runtime=runtime)
    runtime.program.unlink()
    with pytest.raises(LaunchFailed, match=f"^{runtime.program}: No such file"):
        shims.create("hello", runtime=runtime)


FLOOD = "yes runc complains | head -c 10485760 >&2; echo >&2; echo the end >&2"


def test_ten_mebibytes_of_complaints_are_heard_to_their_end(shims):
    """A pipe holds 64 KiB: who does not read lets the runtime hang."""
    with pytest.raises(LaunchFailed) as caught:
        shims.create("hello", runtime=shims.creating_by(f"{FLOOD}; exit 1"))
    words = str(caught.value)
    assert words.endswith("runc compl\nthe end")
    assert len(words) <= 8192


def test_what_a_runtime_says_as_it_succeeds_is_told_and_is_not_the_container_s(shims):
    script = f'{FLOOD}; exec "$RUNC" "$@"'
    container, how = shims.run("hello", runtime=shims.creating_by(script))
    assert how == Exit(code=0)
    assert out(container) == b"Hello from a container\n"
    assert err(container) == b""
    assert "the runtime, creating: " in shim_log(container)
    assert shim_log(container).endswith("runc compl\nthe end\n")


HANGS = {
    "itself": "exec sleep 600",
    "with a child": "sleep 600; :",
    "with a daemon": "setsid sh -c 'sleep 600; :' & sleep 600; :",
    "and hears no signal": "trap '' TERM INT HUP QUIT; while :; do sleep 600; done",
    "when the container is there": '"$RUNC" "$@"; sleep 600; :',
}


@pytest.mark.parametrize("script", HANGS.values(), ids=HANGS)
def test_a_creation_that_hangs_is_ended_whole(shims, script, tmp_path):
    """It holds a pipe of ours: when that ends, they all have."""
    held = tmp_path / "held"
    os.mkfifo(held)
    ours = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    runtime = shims.creating_by(f"exec 9>{held}\n{script}")
    began_at = time.monotonic()
    with pytest.raises(LaunchFailed, match=r"^not done after 0\.5 s, and so it was"):
        shims.create("sleeper", runtime=runtime, deadline=0.5)
    assert time.monotonic() - began_at < 5
    assert os.read(ours, 1) == b""
    os.close(ours)


def test_of_many_who_want_one_name_at_once_one_gets_it(shims):
    def told(_):
        try:
            return shims.create("sleeper", id="wanted").pid
        except LaunchFailed as failure:
            return str(failure)

    heard = at_a_time(4, told, range(8))
    (pid,) = [it for it in heard if isinstance(it, int)]
    refused = [it for it in heard if it != pid]
    assert len(refused) == 7
    assert all(it.startswith("there is a container 'wanted' already") for it in refused)
    owner = shims.created[0]
    assert (owner.pid, children(owner.keeper)) == (pid, [pid])  # and it lives on


def test_a_name_that_begins_as_another_is_another(shims):
    one, other = shims.start("sleeper", id="web"), shims.start("sleeper", id="web-2")
    delete(one)
    assert other.keeper
    other.kill(signal.SIGKILL)
    assert other.wait(5) == Exit(signal=signal.SIGKILL)


@pytest.mark.parametrize("name", ["hello", "shell"])
def test_a_home_may_be_deep(shims, name):
    """Deeper than 107 bytes, which is all that a socket's address takes, unix(7)."""
    deep = shims.runtime.home / "/".join(["quite-a-long-name"] * 12)
    runtime = replace(shims.runtime, home=deep)
    container, how = shims.run(name, "sh", "-c", "tty; exit 3", runtime=runtime)
    assert how == Exit(code=3)
    tells = {"hello": b"not a tty\n", "shell": b"/dev/pts/0\r\n"}
    assert out(container) == tells[name]


@pytest.mark.parametrize(
    "script",
    ['{}; exec "$RUNC" "$@"', '"$RUNC" "$@"; {}'],
    ids=["before all", "after all"],
)
def test_an_interrupt_leaves_nothing(shims, home, script):
    """As by ctrl-C, or a notebook's stop button, while the runtime is at it."""
    stop = Stop(home / "stop")
    runtime = shims.creating_by(script.format(stop.program))

    def interrupt():
        stop.wait()
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    impatient = threading.Thread(target=interrupt)
    impatient.start()
    with pytest.raises(KeyboardInterrupt):
        shims.create("sleeper", runtime=runtime)
    impatient.join()
    assert left_of(shims.created[0]) == []
    stop.let_go()
    stop.close()


ORPHANED = """
from conman_lab.shim.spawn import become_runtime
become_runtime(["/bin/true"], {}, int(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("shim", "status"), [(os.getpid(), 0), (1, 1)], ids=["alive", "died"]
)
def test_a_runtime_whose_shim_has_died_already_does_nothing(shim, status):
    """Between fork(2) and PR_SET_PDEATHSIG; [runtime] is given the pid of [shim]."""
    command = [sys.executable, "-c", FIND_US + ORPHANED, str(shim)]
    assert subprocess.run(command).returncode == status


def test_options_that_are_no_words_leave_nothing_open(tmp_path):
    options = Options("a\0b", runtime="runc", root="r", directory=str(tmp_path))
    before = descriptors()
    with pytest.raises(ValueError, match="null byte"):
        launch(options)
    assert descriptors() == before
