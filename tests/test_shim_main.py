"""The shim, started as people start it: what it is, and what it holds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from eventually import eventually
from facts import cpu_time, state_of
from shims import children, opened, out, shim_log, stat_of

from conman_lab import places
from conman_lab.errors import LaunchFailed
from conman_lab.identity import Identity
from conman_lab.linux import Exit
from conman_lab.shim.launch import OUR_SHIM
from conman_lab.shim.protocol import SYNC_PIPE

MODULE = "conman_lab.shim"
INSTALLED = Path(sys.executable).with_name("conman-shim")
WAYS = {
    "as our launcher does": OUR_SHIM,
    "conman-shim": (str(INSTALLED),),
    "python -I -m": (sys.executable, "-I", "-m", MODULE),
    # -I forgets PYTHONPATH, and -S what is installed: of those -m needs one
    "python -S -m": (
        *("/usr/bin/env", f"PYTHONPATH={places.COURSE}"),
        *(sys.executable, "-S", "-m", MODULE),
    ),
}


# --- how it is started


@pytest.mark.parametrize("way", WAYS)
def test_it_can_be_started(shims, way):
    if way == "conman-shim" and not INSTALLED.exists():
        pytest.skip("conman_lab is not installed here: ./lab setup does that")
    container = shims.create("hello", program=WAYS[way])
    assert (
        Path(f"/proc/{container.keeper}/comm").read_text() == f"shim:{container.id}\n"
    )
    container.start()
    assert container.wait(10) == Exit(code=0)
    assert out(container) == b"Hello from a container\n"
    assert shim_log(container) == ""


def test_what_is_isolated_and_without_site_has_to_be_told_where_we_are():
    """So the launcher says it: `-I -S -c BOOT COURSE`."""
    command = [sys.executable, "-I", "-S", "-m", MODULE]
    done = subprocess.run(command, capture_output=True, text=True, cwd=places.COURSE)
    assert done.stderr.endswith("(ModuleNotFoundError: No module named 'conman_lab')\n")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("words", [[], ["--help"], ["--id=web"]])
def test_without_a_manager_it_says_what_it_is(way, words):
    done = subprocess.run([*WAYS[way], *words], capture_output=True, text=True)
    first, second = done.stderr.splitlines()
    assert first == (
        "a shim is started by a manager, which sets _OCI_SYNCPIPE; see launch.py"
    )
    assert second.startswith("flags: --id=STR --runtime=STR ")
    assert second.endswith(" [--debug]")
    assert (done.returncode, done.stdout) == (1, "")


def test_a_flag_that_it_does_not_know_is_the_manager_s_to_hear(shims):
    with pytest.raises(LaunchFailed, match="--coffee: a shim knows --id, "):
        shims.create("hello", program=(*OUR_SHIM, "--coffee"))


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (("/no/such/shim",), "cannot start the shim: .*/no/such/shim"),
        (("/bin/true",), "the shim died before it could report$"),
        (("/bin/sh", "-c", "kill -KILL $$"), "the shim died before it could report$"),
        (
            (sys.executable, "-c", "import not_there"),
            "report: ModuleNotFoundError: No mod",
        ),
        (
            ("/bin/sh", "-c", f"echo fine >/proc/self/fd/${SYNC_PIPE}"),
            "the shim's report is none: fine$",
        ),
        (
            (
                "/bin/sh",
                "-c",
                f"head -c 30000000 /dev/zero >/proc/self/fd/${SYNC_PIPE} &",
            ),
            r"the shim's report is none: (\x00){200}…$",
        ),
    ],
)
def test_a_shim_that_is_none_is_heard_of(shims, program, words):
    with pytest.raises(LaunchFailed, match=words):
        shims.create("hello", program=program)


# --- what it is


def test_it_is_a_daemon(shims):
    """A session of its own, no terminal, no directory, and nobody waits for it."""
    container = shims.create("sleeper")
    facts = stat_of(container.keeper)
    assert facts["session"] == facts["group"] == container.keeper
    assert facts["tty"] == 0
    assert facts["ppid"] != os.getpid()
    assert os.readlink(f"/proc/{container.keeper}/cwd") == "/"


def test_it_holds_what_it_needs(shims):
    """Its own shim.log as stderr; nothing of its manager's, the sync pipe least of all.

    Other managers may give it other things than we do for its stdin and stdout.
    """
    mine, theirs = os.pipe()
    os.set_inheritable(theirs, True)
    generous = 'exec "$@" </dev/zero >/dev/full'
    program = ("/bin/sh", "-c", generous, "sh", *OUR_SHIM)
    container = shims.create("sleeper", program=program)
    os.close(theirs)
    # It has closed the sync pipe, a moment after we have read its line.
    eventually(lambda: len(opened(container.keeper)) == 14)
    fds = opened(container.keeper)
    assert fds[0] == fds[1] == "/dev/null"
    assert fds[2] == str(container.directory / "shim.log")
    assert os.read(mine, 1) == b""  # end of file: nobody else has it
    os.close(mine)
    kinds = sorted(
        name.split(":")[0].removeprefix(f"{container.directory}/")
        for fd, name in fds.items()
        if fd > 2
    )
    assert [kind for kind in kinds if not kind.startswith("/sys/fs/cgroup")] == [
        *("/dev/null", "anon_inode", "ctl", "exit.unfinished", "log"),
        *("pipe",) * 4,  # stdout, stderr, both ends of the one that signals wake it by
        "socket",
    ]


def test_a_container_holds_nothing_of_its_shim(shims):
    container, _ = shims.run("hello", "sh", "-c", "ls -l /proc/self/fd | grep -c .")
    assert int(out(container)) == 5  # 0 1 2, the directory itself, and the total


def test_ps_shows_whose_it_is(shims):
    container = shims.create("sleeper", id="a-web-server-with-a-name")
    ps = ["ps", "-o", "comm=", "-o", "args=", "-p", str(container.keeper)]
    done = subprocess.run(ps, capture_output=True, text=True)
    assert done.stdout.split() == ["shim:a-web-serv", f"shim:{container.id}"]


def test_the_container_is_its_child(shims):
    container = shims.start("sleeper")
    assert children(container.keeper) == [container.pid]
    assert stat_of(container.pid)["ppid"] == container.keeper


def test_its_pid_is_written_down_as_a_process_of_this_boot(shims):
    container = shims.create("sleeper")
    assert Identity.read(container.directory / "shim.pid") == Identity.of(
        container.keeper
    )


def test_nothing_is_said_when_nothing_was_wrong(shims):
    container, how = shims.run("hello")
    assert how == Exit(code=0)
    assert shim_log(container) == ""
    left = {path.name for path in container.directory.iterdir()}
    assert left == {
        "bundle",
        "ctl",
        "exit",
        "log",
        "pid",
        "runtime.log",
        "shim.log",
        "shim.pid",
    }


def test_what_it_writes_is_for_us_alone(shims):
    container, _ = shims.run("hello")
    names = ("ctl", "exit", "log", "shim.log", "shim.pid")
    modes = [(container.directory / name).stat().st_mode & 0o777 for name in names]
    assert modes == [0o600] * len(names)


def test_an_idle_shim_sleeps(shims):
    """Also with a container that has closed both its outputs: no one calls, for ever."""
    container = shims.start("hello", "sh", "-c", "exec >&- 2>&-; exec sleep 60")
    eventually(
        lambda: sum("pipe" in name for name in opened(container.keeper).values()) == 2
    )
    before = cpu_time(container.keeper)
    with pytest.raises(TimeoutError):
        container.wait(0.3)
    assert cpu_time(container.keeper) - before <= 1  # a hundredth of a second
    assert state_of(container.keeper) == "S"
