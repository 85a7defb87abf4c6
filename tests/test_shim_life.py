"""What a shim does for its container: stays, forwards, adopts, and tells its end."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from apart import FIND_US
from eventually import eventually
from facts import ends, reads, state_of
from shims import at_a_time, children, delete, err, out, stat_of

from conman_lab.conformance import inside
from conman_lab.errors import ExitLost
from conman_lab.linux import Exit, watch_directory
from conman_lab.shim.exitfile import read_exit_file
from conman_lab.shim.logs import read_log
from conman_lab.stream import Stream

# --- its manager

MANAGER = """
import signal
from dataclasses import replace
from pathlib import Path
from conman_lab.oci import Runtime
from conman_lab.shim.launcher import Shim
runtime = Runtime.find(home=Path(sys.argv[1]))
runtime = replace(runtime, cgroup_parent=sys.argv[2])
container = Shim(runtime).create("survivor", Path(sys.argv[3]))
container.start()
print("started", flush=True)
signal.pause()
"""


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGHUP, signal.SIGINT])
def test_it_survives_its_manager(shims, bundle, signum):
    """The whole process group dies, as with a terminal that is closed."""
    ready = bundle("ticker")
    command = [sys.executable, "-c", FIND_US + MANAGER]
    arguments = [shims.runtime.home, shims.runtime.cgroup_parent, ready.directory]
    manager = subprocess.Popen(
        [*command, *map(str, arguments)], stdout=subprocess.PIPE, process_group=0
    )
    reads(manager.stdout.fileno(), b"started")
    container = shims.found("survivor")
    keeper = container.shim
    os.killpg(manager.pid, signum)
    manager.wait(5)
    manager.stdout.close()
    seen = len(out(container))
    eventually(lambda: len(out(container)) > seen)  # it ticks on, and into the log
    assert keeper.alive
    os.kill(keeper.pid, signal.SIGTERM)
    assert container.wait(5) == Exit(code=0)


@pytest.mark.parametrize("name", ["TERM", "INT", "QUIT", "HUP"])
def test_what_is_sent_to_it_is_meant_for_its_container(shims, name):
    script = f"trap 'echo {name}; exit 3' {name}; echo ready; sleep 60 & wait; wait"
    container = shims.start("hello", "sh", "-c", script)
    eventually(lambda: out(container) == b"ready\n")
    os.kill(container.keeper, signal.Signals[f"SIG{name}"])
    assert container.wait(5) == Exit(code=3)
    assert out(container) == f"ready\n{name}\n".encode()


def test_a_container_that_hears_no_signal_keeps_its_shim(shims):
    container = shims.start("stubborn")
    eventually(lambda: out(container) == b"try me\n")
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(container.keeper, signum)
    with pytest.raises(TimeoutError):
        container.wait(0.1)
    container.kill(signal.SIGKILL)
    assert container.wait(5) == Exit(signal=signal.SIGKILL)


# --- its orphans


def test_until_the_container_ends_it_is_the_orphans_parent(shims, bundle):
    script = "(sleep 60 & echo $!); sleep 60 & echo $!; wait"
    ready = bundle("orphans").with_args("sh", "-c", script)
    container = shims.start("orphans", ready=shims.saved(ready))
    eventually(lambda: out(container).count(b"\n") == 2)
    orphan, child = map(int, out(container).split())
    assert stat_of(child)["ppid"] == container.pid
    eventually(lambda: stat_of(orphan)["ppid"] == container.keeper)
    os.kill(orphan, signal.SIGKILL)
    assert ends(orphan)
    eventually(lambda: state_of(orphan) == "")  # reaped: not even a zombie
    assert children(container.keeper) == [container.pid]
    container.kill(signal.SIGKILL)
    assert container.wait(5) == Exit(signal=signal.SIGKILL)


def test_a_thousand_orphans_do_not_hide_the_container_s_own_end(shims, bundle):
    script = "i=0; while [ $((i += 1)) -le 1100 ]; do (: &); done; exit 9"
    ready = bundle("orphans").with_args("sh", "-c", script)
    _, how = shims.run("orphans", ready=shims.saved(ready))
    assert how == Exit(code=9)


# --- its log


def test_both_streams_are_in_the_log_while_it_runs(shims):
    container = shims.start(
        "hello", "sh", "-c", "echo out; echo err >&2; exec sleep 60"
    )
    eventually(lambda: (out(container), err(container)) == (b"out\n", b"err\n"))


def test_what_is_not_ended_is_in_the_log_while_it_runs(shims):
    container = shims.start("hello", "sh", "-c", "printf 'ready> '; exec sleep 60")
    eventually(lambda: out(container) == b"ready> ")


def test_a_log_is_reopened_when_someone_has_moved_it(shims):
    container = shims.start("ticker")
    eventually(lambda: out(container))
    moved = container.directory / "log.moved"
    container.log.rename(moved)
    os.kill(container.keeper, signal.SIGUSR1)
    eventually(lambda: container.log.exists() and out(container))
    container.kill(signal.SIGTERM)
    assert container.wait(5) == Exit(code=0)
    ticks = (read_log(moved)[Stream.STDOUT] + out(container)).split()[1::2]
    assert ticks == [b"%d" % number for number in range(1, len(ticks) + 1)]


def test_a_log_keeps_to_its_limit(shims):
    script = "i=0; while [ $((i += 1)) -le 5000 ]; do echo line $i; done"
    container, how = shims.run("hello", "sh", "-c", script, log_size=64 * 1024)
    assert how == Exit(code=0)
    files = [container.directory / name for name in ("log.1", "log")]
    assert [file.stat().st_size <= 64 * 1024 for file in files] == [True, True]
    kept = b"".join(read_log(file)[Stream.STDOUT] for file in files)
    everything = b"".join(b"line %d\n" % number for number in range(1, 5001))
    assert everything.endswith(kept)
    assert len(kept) > 10_000


@pytest.mark.parametrize("durable", [True, False])
def test_what_was_written_is_in_the_log_before_the_exit_file_appears(shims, durable):
    """At the very moment: inotify(7) wakes us as the name appears, and we read at once."""
    text = "x" * 200 + "\n"
    script = (
        f"i=0; while [ $((i += 1)) -le 2000 ]; do echo {text.strip()}; done; "
        "echo broken off >&2; printf end"
    )
    for _ in range(10):
        container = shims.create("hello", "sh", "-c", script, durable=durable)
        with os.fdopen(watch_directory(str(container.directory)), "rb", 0) as news:
            container.start()
            while not (container.directory / "exit").exists():
                assert select.select([news], [], [], 10)[0]
                news.read(4096)
        written = read_log(container.log)
        assert written[Stream.STDOUT] == text.encode() * 2000 + b"end"
        assert written[Stream.STDERR] == b"broken off\n"


# --- its end


def test_what_was_written_to_a_terminal_is_in_the_log_before_the_exit_file_appears(
    shims,
):
    """A read of it gives a few kilobytes at most, and then it seems to be empty."""
    script = "i=0; while [ $((i += 1)) -le 2000 ]; do echo line $i; done; printf end"
    for _ in range(5):
        container, how = shims.run("shell", "sh", "-c", script)
        assert how == Exit(code=0)
        expected = b"".join(b"line %d\r\n" % number for number in range(1, 2001))
        assert out(container) == expected + b"end"


def test_every_exit_code_is_told(shims):
    """All 256, a container each."""
    seen = at_a_time(4, partial(code_of, shims), range(256))
    assert seen == list(range(256))


def code_of(shims, code):
    container, how = shims.run("hello", "sh", "-c", f"exit {code}")
    delete(container)
    return how.code


NEVER_FATAL = {  # by default they stop a process or do nothing, signal(7)
    *(signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH),
    *(signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU),
}
FATAL = sorted(set(range(1, signal.NSIG)) - NEVER_FATAL - {32, 33})  # nptl(7)'s own


def test_every_fatal_signal_is_told(shims, bundle):
    """Without a pid namespace: in one, no signal but SIGKILL ends the first process."""
    ready = bundle("hello").with_args("sleep", "60").without_namespaces("pid")
    seen = at_a_time(4, partial(signal_of, shims, shims.saved(ready)), FATAL)
    assert seen == FATAL
    assert len(FATAL) > 50


def signal_of(shims, ready, signum):
    container = shims.start("hello", ready=ready)
    comm = Path(f"/proc/{container.pid}/comm")
    eventually(lambda: comm.read_text() == "sleep\n")
    os.kill(container.pid, signum)
    how = container.wait(5)
    delete(container)
    return how.signal


def test_no_signal_is_ignored_or_blocked_because_its_shim_does(shims):
    """Python ignores SIGPIPE and SIGXFSZ, and execve(2) keeps that."""
    container, _ = shims.run("hello", "grep", "-E", "Sig(Blk|Ign)", "/proc/self/status")
    both = [int(mask, 16) & ~inside.LIBCS for mask in out(container).split()[1::2]]
    assert both == [0, 0]


def test_a_real_crash_is_told(shims):
    _, how = shims.run("crasher")
    assert how == Exit(signal=signal.SIGSEGV)
    assert not how.oom


def test_the_time_of_the_end_is_told(shims):
    before = time.time()
    container, how = shims.run("hello")
    assert before < how.at < time.time()
    assert json.loads((container.directory / "exit").read_text()) == {
        "code": 0,
        "signal": None,
        "at": how.at,
        "oom": False,
    }


def test_it_is_told_if_the_kernel_ended_it_to_have_memory(shims):
    container, how = shims.run("eater")
    assert (how.signal, how.oom) == (signal.SIGKILL, True)
    assert str(how) == "killed by SIGKILL: out of memory"
    assert out(container).startswith(b"1\n2\n4\n")


def test_a_kill_is_not_taken_for_the_kernel_s(shims, bundle):
    """With a memory limit, and far below it."""
    limited = shims.saved(bundle("sleeper").with_limits(memory=32 * 1024 * 1024))
    container = shims.start("sleeper", ready=limited)
    container.kill(signal.SIGKILL)
    how = container.wait(5)
    assert (how.signal, how.oom) == (signal.SIGKILL, False)


def test_a_death_between_create_and_start_is_told(shims):
    container = shims.create("hello")
    os.kill(container.pid, signal.SIGKILL)
    assert container.wait(5) == Exit(signal=signal.SIGKILL)


def test_the_end_is_told_though_a_process_holds_the_pipe(shims, bundle):
    """Its grandchild lives on with the container's stdout: nobody waits for that."""
    ready = bundle("orphans").with_args("sh", "-c", "sleep 60 & printf left; exit 4")
    container, how = shims.run("orphans", ready=shims.saved(ready))
    assert how == Exit(code=4)
    assert out(container) == b"left"


def test_the_end_is_told_though_a_process_fills_the_pipe_for_ever(shims, bundle):
    ready = bundle("orphans").with_args("sh", "-c", "yes & exit 4")
    _, how = shims.run("orphans", ready=shims.saved(ready))
    assert how == Exit(code=4)


# --- the exit file

TELL = """
import os
from conman_lab.linux import Exit
from conman_lab.shim.exitfile import ExitFile
print("ready", flush=True)
for number in range(100_000):
    ExitFile(f"{sys.argv[1]}/exit.{number}.").write(Exit(code=number % 256, at=number / 3))
"""


def test_an_exit_file_is_whole_or_absent_whenever_its_writer_dies(tmp_path):
    """It tells ends in a circle, and SIGKILL comes in the middle of one."""
    whole = 0
    for turn in range(20):
        directory = tmp_path / str(turn)
        directory.mkdir()
        command = [sys.executable, "-S", "-c", FIND_US + TELL, directory]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE)
        reads(writer.stdout.fileno(), b"ready")
        eventually(lambda d=directory, t=turn: len(os.listdir(d)) > t)
        writer.kill()
        writer.wait()
        writer.stdout.close()
        for file in directory.glob("exit.*."):
            number = int(file.name.split(".")[1])
            how = read_exit_file(file)
            assert (how.code, how.at) == (number % 256, number / 3)
            whole += 1
    assert whole > 200


def test_an_exit_is_whole_or_absent_whenever_the_shim_dies(shims):
    """At its busiest: the container has just ended, and SIGKILL comes a little later."""
    seen = []
    for number in range(30):
        container = shims.create("hello")
        keeper, died = container.shim, os.pidfd_open(container.pid)
        container.start()
        assert select.select([died], [], [], 5)[0]
        os.close(died)
        for _ in range(number * 20):  # microseconds, from 0 to 1000
            os.getppid()
        keeper.signal(signal.SIGKILL)
        assert keeper.wait(5)
        try:
            seen.append(container.wait(5))
        except ExitLost:
            seen.append(None)
        delete(container)
    assert set(seen) <= {None, Exit(code=0)}
