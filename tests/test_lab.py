"""A lab is one kernel's, begins clean, and ends with nothing left."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from eventually import eventually

from conman_lab import linux, places
from conman_lab.errors import BadName, NotPossible
from conman_lab.identity import Identity
from conman_lab.lab import Lab, lock, workspace
from conman_lab.lab.facts import held_by
from conman_lab.lab.lock import LabTaken, holder
from conman_lab.lab.registry import Registry
from conman_lab.lab.workspace import LabClosed
from conman_lab.oci import cgroups

pytestmark = pytest.mark.needs_root
NOTHING = "0 processes, 0 containers, 0 mounts, 0 cgroups"

OTHER_KERNEL = """
import sys
from conman_lab.lab import Lab
lab = Lab(sys.argv[1])
print("ready", flush=True)
sys.stdin.read()
"""
DIES_AT_THE_GATE = """
import os, signal, sys
from conman_lab.lab import Lab, started
started._open_gate = lambda process: os.kill(os.getpid(), signal.SIGKILL)
Lab(sys.argv[1]).start("touch", sys.argv[2])
"""
RESISTS = """
import os, sys
from conman_lab.lab import Lab, clean
from conman_lab.oci import cgroups
clean.PATIENCE = 0.1
lab = Lab(sys.argv[1])
group = cgroups.tree("pids") / lab.registry.cgroup
group.mkdir(parents=True)
(group / "cgroup.procs").write_text(str(os.getpid()))
lab.close()
"""


@pytest.fixture
def lab():
    lab = Lab("of-a-test")
    yield lab
    lab.end()


@pytest.fixture
def other_kernel():
    """Another process that has the lab `taken`."""
    process = python(OTHER_KERNEL, "taken")
    assert process.stdout.readline() == "ready\n"
    yield process
    process.communicate()


def python(source, *args):
    return subprocess.Popen(
        [sys.executable, "-c", source, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


# --- how it begins


def test_a_lab_says_one_stable_line(lab):
    assert repr(lab) == "lab of-a-test: ready"


def test_its_home_is_private_and_below_the_root(lab):
    assert lab.home == places.root() / "labs" / "of-a-test"
    assert lab.home.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["", "..", "a/b", "-x", "a b"])
def test_a_name_that_is_no_path_is_refused(name):
    with pytest.raises(BadName):
        Lab(name)


def test_a_root_with_other_things_in_it_is_refused(tmp_path, monkeypatch):
    """CONMAN_LAB_ROOT=~ must not make ~/labs ours."""
    (tmp_path / "thesis.tex").touch()
    monkeypatch.setenv("CONMAN_LAB_ROOT", str(tmp_path))
    with pytest.raises(NotPossible, match=r"thesis\.tex"):
        Lab("x")


def test_a_second_kernel_hears_who_has_the_lab(other_kernel):
    with pytest.raises(LabTaken, match=f"process {other_kernel.pid}.*shut .* down"):
        Lab("taken")


def test_a_lab_whose_kernel_was_killed_is_free(other_kernel):
    other_kernel.kill()
    other_kernel.wait()
    Lab("taken").end()


def test_the_same_kernel_may_begin_anew():
    """Run all, twice."""
    first = Lab("twice")
    process = first.start("sleep", "1000")
    second = Lab("twice")
    assert (repr(first), repr(second)) == ("lab twice: closed", "lab twice: ready")
    assert process.returncode == -signal.SIGKILL
    second.end()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Python closes the lock then
def test_an_interrupt_at_any_line_leaves_a_lab_that_can_begin_again():
    """The notebook's button, in the first cell or in the last."""
    for deed in (lambda: Lab("stopped"), lambda: Lab("stopped").end()):
        for number in count(1):
            try:
                interrupted_at(number, deed)
            except KeyboardInterrupt:
                continue
            break
        assert number > 20
    Lab("stopped").end()


def interrupted_at(number, deed):
    """Do it, up to the so-manieth line of what keeps a lab's lock."""
    lines = iter(range(number))

    def look(frame, event, _):
        if frame.f_code.co_filename not in {lock.__file__, workspace.__file__}:
            return None
        if event == "line" and next(lines, None) is None:
            raise KeyboardInterrupt
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        deed()
    finally:
        sys.settrace(before)


def test_it_cleans_up_after_a_kernel_that_was_killed(other_kernel):
    registry = Registry.of("taken")
    (registry.home / "containers" / "web").mkdir(parents=True)
    other_kernel.kill()
    other_kernel.wait()
    lab = Lab("taken")
    assert str(lab.registry.left()) == NOTHING
    lab.end()


# --- what is started in it


def test_a_process_is_the_command_when_start_returns(lab):
    process = lab.start("sleep", "1000")
    assert Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n"
    assert repr(process) == "<Popen: returncode: None args: ['sleep', '1000']>"


def test_a_process_is_noted_with_its_start_time(lab):
    process = lab.start("sleep", "1000")
    note = Identity.read(lab.home / "processes" / str(process.pid))
    assert note == Identity.of(process.pid)


def test_a_process_has_a_session_of_its_own(lab):
    """The interrupt button signals the kernel's whole group."""
    process = lab.start("sleep", "1000")
    assert os.getsid(process.pid) == process.pid


def test_a_short_command_may_have_ended_when_start_returns(lab):
    assert lab.start("true").wait(5) == 0


def test_a_program_that_is_not_there_is_told_at_once(lab):
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        lab.start("no-such-program")
    assert lab.pids == []


def test_a_process_does_not_run_when_its_starter_dies_too_early(tmp_path):
    """The gate: between fork and exec there is a moment when nobody could find it."""
    ran = tmp_path / "ran"
    starter = python(DIES_AT_THE_GATE, "gate", str(ran))
    starter.communicate()
    assert starter.returncode == -signal.SIGKILL
    eventually(lambda: not Registry.of("gate").processes())
    assert not ran.exists()
    Lab("gate").end()


def test_what_a_process_leaves_behind_ends_with_the_lab(lab):
    """Forked twice, in a session of its own: nobody's child, and in our cgroup."""
    lab.start("sh", "-c", "setsid sleep 1000 & exit 0").wait(5)
    (orphan,) = eventually(lambda: [p for p in lab.registry.processes() if is_sleep(p)])
    lab.end()
    assert not orphan.alive


def is_sleep(process):
    with suppress(OSError):
        return Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n"
    return False


# --- how it ends


@pytest.mark.needs_runc
def test_close_ends_everything_and_says_so(lab, capsys):
    container = lab.naive.create("web", lab.bundle("sleeper").directory)
    container.start()
    lab.start("sleep", "1000")
    linux.mount("/usr", str(lab.directory("mounted")), "", linux.MS_BIND)
    left = lab.registry.left()
    assert [len(left.containers), len(left.mounts)] == [1, 1]
    home = lab.home
    lab.close()
    assert capsys.readouterr().out == f"left: {NOTHING}\n"
    assert not home.exists()
    assert not any((tree / lab.registry.cgroup).exists() for tree in cgroups.trees())
    container.delete()  # its pipes


def test_close_may_be_said_twice(lab, capsys):
    lab.close()
    lab.close()
    assert capsys.readouterr().out == f"left: {NOTHING}\n" * 2


def test_a_closed_lab_says_what_to_do(lab):
    lab.close()
    for use in (lambda: lab.home, lambda: lab.naive, lambda: lab.start("true")):
        with pytest.raises(LabClosed, match="run the first cell again"):
            use()


def test_close_tells_the_truth_when_something_resists():
    """A cgroup with a process in it cannot go, and the process is the one who asks."""
    process = python(RESISTS, "resists")
    said, _ = process.communicate()
    cgroup = Registry.of("resists").cgroup
    assert said == (
        f"left: 0 processes, 0 containers, 0 mounts, 1 cgroup\ncgroup {cgroup}\n"
    )
    Lab("resists").end()
    assert str(Registry.of("resists").left()) == NOTHING


def test_the_lock_names_its_holder(lab):
    assert holder(lab.home) == Identity.of(os.getpid())


@pytest.mark.needs_runc
def test_its_trace_is_of_us_and_of_what_is_in_it(lab):
    """A container that was there already is, and ends while we look."""
    container = lab.shim.create("web", lab.bundle("sleeper").directory)
    container.start()
    with lab.trace() as t:
        container.kill(signal.SIGKILL)
        container.wait(5)
    lives = {life.pid: life for life in t.lives()}
    assert lives[os.getpid()].seen
    assert lives[container.shim.pid].titles == ["shim:web"]
    assert lives[container.pid].parent == lives[container.shim.pid].key
    assert str(lives[container.pid].exit) == "killed by SIGKILL"
    assert [span.name for span in t.spans] == ["runc kill"]


def test_what_a_process_holds_may_be_closed_as_we_look():
    """The list is made of numbers that may be gone when they are looked at."""
    busy = "import os\nwhile True: [os.close(fd) for fd in os.pipe()]"
    with subprocess.Popen([sys.executable, "-c", busy], stdin=subprocess.PIPE) as other:
        stdin = os.readlink(f"/proc/self/fd/{other.stdin.fileno()}")
        try:
            seen = [held_by(other.pid) for _ in range(2000)]
        finally:
            other.kill()
    assert all(stdin in held for held in seen)
