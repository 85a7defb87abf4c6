"""SIGKILL of the shim, of the runtime, of the container, at each step of a creation.

The steps are places where somebody waits until he is let go on, not moments: a fifo
where the shim wants to open a file, a runtime that is a script around the real one, a
hook of the container.  At each the table says what the manager hears.  It is never
nothing; and then `delete` leaves nothing.
"""

import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from eventually import eventually
from facts import ends
from shims import Shims, children, delete, left_of, out
from stops import Stop

from conman_lab.errors import ExitLost, LaunchFailed
from conman_lab.linux import Exit
from conman_lab.observe import procfs
from conman_lab.observe.procfs import ZOMBIE
from conman_lab.shim.launch import OUR_SHIM

SHIM_DIED = "^the shim died before it could report$"
RUNTIME_DIED = "^the runtime ended, killed by SIGKILL"  # and perhaps its child's words
RUNC_SAYS = "runc create failed: "
KILLED = Exit(signal=signal.SIGKILL)

TABLE = {
    # The shim has not even forked, and so it is still its manager's child.
    ("the shim, before all", "shim"): SHIM_DIED,
    # It stops where it opens a file that is a fifo with nobody at its other end.
    ("the shim, at its pid file", "shim"): SHIM_DIED,
    ("the shim, at its exit file", "shim"): SHIM_DIED,
    ("the shim, at its log", "shim"): SHIM_DIED,
    # The runtime is a script, and has not yet become runc.
    ("the runtime, before all", "shim"): SHIM_DIED,
    ("the runtime, before all", "runtime"): RUNTIME_DIED,
    # runc has made namespaces and cgroup, and runs a hook of the container outside of it,
    ("the hook createRuntime", "shim"): SHIM_DIED,
    ("the hook createRuntime", "runtime"): RUNTIME_DIED,
    ("the hook createRuntime", "container"): RUNC_SAYS,
    # and then one inside, before pivot_root(2).
    ("the hook createContainer", "shim"): SHIM_DIED,
    ("the hook createContainer", "runtime"): RUNTIME_DIED,
    ("the hook createContainer", "container"): RUNC_SAYS,
    # runc has done its part, and the script around it has not.
    ("the runtime, after all", "shim"): SHIM_DIED,
    ("the runtime, after all", "runtime"): RUNTIME_DIED,
    ("the runtime, after all", "container"): KILLED,
    # The manager has heard that it is there.
    ("created", "shim"): ExitLost,
    ("created", "container"): KILLED,
    # It is started, and runs a hook before its command.
    ("the hook startContainer", "shim"): ExitLost,
    ("the hook startContainer", "container"): KILLED,
    ("running", "shim"): ExitLost,
    ("running", "container"): KILLED,
}
_numbers = count(1)

FIFO = """
for word; do case $word in --directory=*) mkfifo "${word#*=}/$0";; esac; done; exec "$@"
"""
INSIDE = "/tmp/stop"  # where the container has the stop's directory


class Case:
    """A creation under way: its parts, and where it stops."""

    def __init__(self, shims, bundle, stop):
        self.id = f"victim{next(_numbers)}"  # its zombie may stay, so each has another
        self.shims, self.stop, self.bundle = shims, stop, bundle
        self.runtime, self.program = shims.runtime, OUR_SHIM
        self.manager = ThreadPoolExecutor(2)
        self.creating = None  # the future of the container

    def create(self):
        """As a manager does, which hears nothing until it hears all."""
        return self.shims.create(
            "sleeper",
            ready=self.shims.saved(self.bundle),
            id=self.id,
            runtime=self.runtime,
            program=self.program,
        )

    def pid_of(self, victim):
        """One of the three."""
        parts = {"shim": self.shim, "runtime": self.runc, "container": self.container}
        return parts[victim]()

    def shim(self):
        """By its name; before it has one, by its command line."""
        everybody = [it for it in procfs.snapshot().values() if it.state != ZOMBIE]
        named = [it.pid for it in everybody if it.comm == f"shim:{self.id}"]
        called = [it.pid for it in everybody if f"--id={self.id}" in it.command]
        return (named or called)[0]

    def runtimes(self):
        """The shim's child: runc, or the script of that name; none before and after."""
        found = procfs.snapshot(children(self.shim())).values()
        return [it.pid for it in found if it.comm == "runc"]

    def runc(self):
        """While there is one."""
        (pid,) = self.runtimes()
        return pid

    def container(self):
        """Before there is a pid file: the child of runc that waits."""
        pid_file = self.shims.runtime.home / "containers" / self.id / "pid"
        if pid_file.exists():
            return int(pid_file.read_text())
        everybody, runc = procfs.snapshot().values(), self.runc()
        ours = [it for it in everybody if it.ppid == runc]
        (pid,) = [it.pid for it in ours if it.comm.startswith("runc:[2")]
        return pid


# --- how each step is prepared


def before_the_shim(case):
    script = f'. {case.stop.program}; exec "$@"'  # a child would hold the sync pipe
    case.program = ("/bin/sh", "-c", script, "sh", *OUR_SHIM)


def at_the_file(name):
    def prepare(case):
        case.program = ("/bin/sh", "-c", FIFO, name, *OUR_SHIM)

    return prepare


def before_runc(case):
    case.runtime = case.shims.creating_by(f'{case.stop.program}; exec "$RUNC" "$@"')


def after_runc(case):
    case.runtime = case.shims.creating_by(f'"$RUNC" "$@"; {case.stop.program}; :')


def in_the_hook(name):
    def prepare(case):
        """By the time of startContainer the root is another."""
        inside = name == "startContainer"
        path = case.stop.inside(INSIDE) if inside else str(case.stop.program)
        config = case.bundle.config | {"hooks": {name: [{"path": path}]}}
        case.bundle = replace(case.bundle, config=config)

    return prepare


# --- and how we know that it is there


def told(case):
    case.stop.wait()


def waiting_in_open(case):
    """The kernel says in which of its functions it sleeps: proc_pid_wchan(5)."""

    def is_there():
        with suppress(IndexError, FileNotFoundError, ProcessLookupError):
            wchan = Path(f"/proc/{case.shim()}/wchan").read_text()
            return wchan == "wait_for_partner"
        return False

    eventually(is_there)


def created(case):
    case.creating.result(10)


def started(case):
    case.creating.result(10).start()


def starting(case):
    """`runc start` waits for the hook, and perhaps for ever."""
    case.manager.submit(case.creating.result(10).start)


STEPS = {
    "the shim, before all": ([before_the_shim], [told]),
    "the shim, at its pid file": (
        [at_the_file("shim.pid.unfinished")],
        [waiting_in_open],
    ),
    "the shim, at its exit file": (
        [at_the_file("exit.unfinished"), after_runc],
        [told, waiting_in_open],
    ),
    "the shim, at its log": (
        [at_the_file("log"), after_runc],
        [told, waiting_in_open],
    ),
    "the runtime, before all": ([before_runc], [told]),
    "the hook createRuntime": ([in_the_hook("createRuntime")], [told]),
    "the hook createContainer": ([in_the_hook("createContainer")], [told]),
    "the runtime, after all": ([after_runc], [told]),
    "created": ([], [created]),
    "the hook startContainer": ([in_the_hook("startContainer")], [starting, told]),
    "running": ([], [started]),
}


# --- the table, tried


@pytest.fixture
def case(runtime, bundle, home):
    stop = Stop(home / "stop")
    mounted = bundle("sleeper").with_mount(stop.directory, INSIDE)
    with Shims(runtime, bundle) as shims:
        yield Case(shims, mounted, stop)
    stop.close()


@contextmanager
def creating(case):
    """While it is created, or waits to be; whatever happens, nobody stays there."""
    case.creating = case.manager.submit(case.create)
    try:
        yield
    finally:
        case.stop.let_go()
        case.manager.shutdown()


@pytest.mark.parametrize(("step", "victim"), TABLE)
def test_whoever_is_killed_the_manager_hears_and_nothing_is_left(case, step, victim):
    preparations, arrivals = STEPS[step]
    for prepare in preparations:
        prepare(case)
    with creating(case):
        for arrive in arrivals:
            arrive(case)
        pid, runtimes = case.pid_of(victim), case.runtimes()
        os.kill(pid, signal.SIGKILL)
        if victim == "container":
            case.stop.let_go()  # runc, or the script around it, is to see that
        heard = what_is_heard(case)
        assert is_as_told(heard, TABLE[step, victim]), heard
        assert [each for each in runtimes if not ends(each)] == []
        container = case.shims.created[0]
        if isinstance(heard, LaunchFailed):
            assert left_of(container) == []  # even before it is deleted
        delete(container)
        assert ends(pid)
    eventually(lambda: whoever_is_at(case.stop) == [])


def what_is_heard(case):
    try:
        return case.creating.result(10).wait(10)
    except (LaunchFailed, ExitLost) as error:
        return error


def is_as_told(heard, row):
    if isinstance(row, str):
        return isinstance(heard, LaunchFailed) and re.search(row, str(heard))
    return heard == row or type(heard) is row


def whoever_is_at(stop):
    """The processes that have something of it on their command line."""
    everybody = procfs.snapshot().values()
    return [it for it in everybody if str(stop.directory) in " ".join(it.command)]


def test_every_step_is_in_the_table():
    assert {step for step, _ in TABLE} == set(STEPS)


@pytest.mark.parametrize(
    "step", [step for step in STEPS if not step.startswith("the shim, at")]
)
def test_whoever_is_not_killed_goes_on_from_each_step(case, step):
    """The steps are places on the way: let go, all of them lead to a container."""
    preparations, arrivals = STEPS[step]
    for prepare in preparations:
        prepare(case)
    with creating(case):
        for arrive in arrivals:
            arrive(case)
        case.stop.let_go()
        container = case.creating.result(10)
        if not {started, starting} & set(arrivals):
            container.start()
        eventually(lambda: out(container) == b"asleep\n")
        container.kill(signal.SIGTERM)
        assert container.wait(10) == Exit(code=0)
