"""`clean` removes what a killed kernel has left, and nothing else on the machine."""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from eventually import eventually

from conman_lab import linux, places
from conman_lab.errors import NotPossible
from conman_lab.identity import Identity
from conman_lab.lab import Lab, bundles, cli
from conman_lab.lab.clean import clean
from conman_lab.lab.registry import Registry, registries
from conman_lab.naive import Naive
from conman_lab.oci import cgroups

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_runc]

KILLED_KERNEL = """
import os, signal
from pathlib import Path
from conman_lab import linux
from conman_lab.lab import Lab
lab = Lab("left")
sleeper = lab.bundle("sleeper").directory
for id in ("web", "paused"):
    lab.naive.create(id, sleeper).start()
lab.runtime.pause("paused")
lab.naive.create("created", sleeper)
lab.start("sleep", "1000")
lab.start("sh", "-c", "setsid sleep 1000 &").wait()
linux.mount("/usr", str(lab.directory("mounted")), "", linux.MS_BIND)
linux.mount("tmpfs", str(lab.directory("mounted")), "tmpfs")
os.kill(os.getpid(), signal.SIGKILL)
"""

TAKER = """
from contextlib import suppress
from conman_lab import places
from conman_lab.lab.lock import LabTaken, Lock
for _ in range(2000):
    with suppress(LabTaken):
        Lock.take(places.home("wanted")).let_go()
"""


@pytest.fixture
def root(monkeypatch):
    """A root of its own, for `clean` cleans all labs of one."""
    directory = tempfile.mkdtemp(prefix="conman-lab-", dir=places.root().parent)
    monkeypatch.setenv("CONMAN_LAB_ROOT", directory)
    yield Path(directory)
    cli.main(["clean", "--force"])
    assert [*registries()] == []
    assert not (cgroups.tree("pids") / places.cgroup_parent()).exists()
    with suppress(FileNotFoundError):
        (Path(directory) / "labs").rmdir()
    Path(directory).rmdir()


@pytest.fixture
def left(root):
    """What a kernel leaves that was killed in the middle of a notebook."""
    kernel = subprocess.run([sys.executable, "-c", KILLED_KERNEL])
    assert kernel.returncode == -signal.SIGKILL
    registry = Registry.of("left")
    eventually(lambda: names(registry).count("sleep") >= 3)  # two of ours, web's
    eventually(lambda: "setsid" not in names(registry))
    found = registry.left()
    assert len(found.containers) == 3
    assert len(found.mounts) == 2
    assert len(found.processes) >= 5
    return registry


def names(registry):
    return [thing.partition("(")[2][:-1] for thing in registry.left().processes]


@pytest.fixture
def control():
    """A process that no lab has started."""
    process = subprocess.Popen(["sleep", "1000"])
    yield process
    process.kill()
    process.wait()


def lines(capsys, *args):
    """What the command says, and its exit status."""
    status = cli.main(["clean", *args])
    return capsys.readouterr().out.splitlines(), status


def test_all_that_was_left_goes(left, capsys):
    processes = left.processes()
    said, status = lines(capsys)
    assert status == 0
    assert not [process for process in processes if process.alive]
    assert not left.left().things()
    assert not left.home.exists()
    for id in ("created", "paused", "web"):
        assert f"removed container {id} of lab left" in said
    assert said[-1] == f"{len(said) - 1} things removed"


def test_a_dry_run_says_the_same_and_does_nothing(left, capsys):
    before = left.left().things()
    would, status = lines(capsys, "--dry-run")
    assert status == 0
    assert left.left().things() == before
    did, _ = lines(capsys)
    assert [line.replace("would remove", "removed") for line in would[:-1]] == did[:-1]


def test_the_second_time_there_is_nothing(left, capsys):
    lines(capsys)
    assert lines(capsys) == (["nothing to remove"], 0)


def test_what_is_not_the_labs_lives(home, runtime, control, left, capsys):
    """A process, a container in another root, a file system that was bound into it."""
    assert not home.is_relative_to(places.root())
    container = Naive(runtime).create("web", bundles.ready("sleeper", home).directory)
    container.start()
    lines(capsys)
    assert control.poll() is None
    assert runtime.status("web") == "running"
    assert Path("/usr/bin").is_dir()
    container.delete()


def test_a_note_of_another_process_with_that_pid_is_not_believed(root, control):
    """Its start time differs: pids are used again."""
    lab = Lab("stale")
    now = Identity.of(control.pid)
    stale = Identity(now.pid, now.started_at - 1, now.boot)
    note(lab.home, stale)
    lab.end()
    assert control.poll() is None


def test_after_a_reboot_nobody_is_signalled(root, control):
    now = Identity.of(control.pid)
    before = Identity(now.pid, now.started_at, "of-another-boot")
    lab = Lab("rebooted")
    note(lab.home, before)
    (lab.home / "lock").write_text(str(before))
    assert lab.registry.rebooted
    lab.end()
    assert control.poll() is None
    assert not lab.registry.home.exists()


def note(home, process):
    (home / "processes").mkdir(exist_ok=True)
    (home / "processes" / str(process.pid)).write_text(str(process))


def test_the_lab_of_a_living_kernel_is_left_alone(root, capsys):
    lab = Lab("open")
    process = lab.start("sleep", "1000")
    said, status = lines(capsys)
    assert said[0].startswith(f"left alone: lab open is open in process {os.getpid()}")
    assert (said[1:], status) == (["nothing to remove"], 0)
    assert process.poll() is None
    assert lines(capsys, "--dry-run")[0] == said
    lab.end()


def test_force_takes_it_from_a_living_kernel(root, capsys):
    lab = Lab("open")
    process = lab.start("sleep", "1000")
    said, _ = lines(capsys, "--force")
    assert f"removed process {process.pid} (sleep)" in said
    assert process.wait(5) == -signal.SIGKILL
    next_one = subprocess.run(
        [sys.executable, "-c", "from conman_lab.lab import Lab; Lab('open').close()"],
        capture_output=True,
        text=True,
    )
    assert next_one.stdout.startswith("left: 0 processes")
    lab.end()


def test_ending_a_lab_that_was_taken_away_spares_the_next_ones(root, capsys):
    lab = Lab("open")
    lines(capsys, "--force")
    program = (
        "from conman_lab.lab import Lab\nlab = Lab('open')\n"
        "print(lab.start('sleep', '1000').pid, flush=True)\ninput()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    theirs = Identity.of(int(other.stdout.readline()))
    lab.end()
    assert theirs.alive
    other.communicate(b"\n")


def test_a_cgroup_without_a_home_is_ours_all_the_same(root, capsys):
    """Somebody has removed the home by hand."""
    group = cgroups.tree("pids") / places.cgroup_parent() / "lost"
    group.mkdir(parents=True)
    sleeper = subprocess.Popen(["sleep", "1000"])
    (group / "cgroup.procs").write_text(str(sleeper.pid))
    said, _ = lines(capsys)
    assert f"removed process {sleeper.pid} (sleep)" in said
    assert sleeper.wait(5) == -signal.SIGKILL
    assert not group.exists()


def test_processes_that_go_on_forking_end_too(root):
    lab = Lab("forking")
    lab.start("sh", "-c", "while :; do setsid sh -c 'sleep 0.02' & sleep 0.01; done")
    eventually(lambda: len(lab.pids) > 3)
    lab.end()
    assert not lab.registry.left().things()


def test_a_container_whose_state_is_broken_goes_all_the_same(home, runtime, capsys):
    """Its runtime cannot delete it; its processes are in our cgroup."""
    pid = runtime.create("broken", bundles.ready("sleeper", home))
    (home / "runc" / "broken" / "state.json").write_text("{")
    process = Identity.of(pid)
    removed = clean(Registry.of(home.name))
    assert "container broken of lab " + home.name in removed
    assert not process.alive


def test_a_home_that_is_a_link_is_not_followed(root, tmp_path, capsys):
    (tmp_path / "thesis.tex").touch()
    (root / "labs").mkdir()
    (root / "labs" / "link").symlink_to(tmp_path)
    assert lines(capsys) == (["nothing to remove"], 0)
    assert (tmp_path / "thesis.tex").exists()
    (root / "labs" / "link").unlink()


def test_a_lab_in_a_home_that_is_a_link_is_refused(root, tmp_path):
    """What is in its home it would remove."""
    (tmp_path / "thesis.tex").touch()
    (root / "labs").mkdir()
    (root / "labs" / "link").symlink_to(tmp_path)
    with pytest.raises(NotPossible, match=r"link is a link, .* take the link away"):
        Lab("link")
    assert (tmp_path / "thesis.tex").exists()
    (root / "labs" / "link").unlink()


def test_what_no_lab_can_be_called_is_somebody_else_s(root, capsys):
    lab = Lab("odd")
    (root / "labs" / "my notes").mkdir()
    (root / "labs" / "notes.txt").touch()
    said, status = lines(capsys, "--force")
    assert (said[-2:], status) == (
        [f"removed directory {lab.registry.home}", "1 thing removed"],
        0,
    )
    assert [*(root / "labs" / "my notes").iterdir()] == []
    (root / "labs" / "my notes").rmdir()
    (root / "labs" / "notes.txt").unlink()
    lab.end()


def test_a_root_is_the_same_however_it_is_spelled(root, tmp_path, monkeypatch, capsys):
    """Its cgroup is named after it: else who comes by a link leaves the processes."""
    lab = Lab("same")
    lab.start("sh", "-c", "setsid sleep 1000 & exit 0").wait(5)
    (orphan,) = eventually(lab.registry.processes)
    (tmp_path / "link").symlink_to(root)
    for other in (tmp_path / "link", f"/{root}", f"{root}/../{root.name}/"):
        monkeypatch.setenv("CONMAN_LAB_ROOT", str(other))
        assert places.root() == root
    lines(capsys, "--force")
    assert not orphan.alive


@pytest.mark.parametrize(
    ("called", "said"),
    [
        (b"\xff", r"\udcff"),
        (b"fourteen bytes\xc3\xa9", r"fourteen bytes\udcc3"),  # a name has fifteen
        (b"two\nlines", r"two\nlines"),
        (b"\x1b[31mred", r"\x1b[31mred"),
    ],
)
def test_a_process_may_have_any_name(root, capsys, called, said):
    """The kernel cuts it in the middle of a letter, and prctl(2) takes any bytes."""
    lab = Lab("odd")
    program = os.path.join(os.fsencode(lab.directory("odd")), called)
    os.symlink("/bin/sleep", program)
    process = lab.start(os.fsdecode(program), "1000")
    assert lines(capsys, "--force")[0][0] == f"removed process {process.pid} ({said})"
    assert process.wait(5) == -signal.SIGKILL


@pytest.mark.parametrize("name", [b"\xff", "\u2028".encode(), b"\v", b"a b\nc"])
def test_a_mount_may_be_at_any_path(root, capsys, name):
    lab = Lab("odd")
    place = os.path.join(os.fsencode(lab.directory("mounts")), name)
    os.mkdir(place)
    linux.mount("tmpfs", os.fsdecode(place), "tmpfs")
    assert lab.registry.mounts() == [Path(os.fsdecode(place))]
    said, status = lines(capsys, "--force")
    assert (said[0].split()[:2], status) == (["removed", "mount"], 0)
    assert not lab.registry.home.exists()


def test_force_does_not_delete_behind_a_mount_that_stays(root, tmp_path):
    """One that came from outside of a user namespace stays in it: EINVAL."""
    (tmp_path / "thesis.tex").touch()
    lab = Lab("mounted")
    linux.mount(str(tmp_path), str(lab.directory("here")), "", linux.MS_BIND)
    done = subprocess.run(
        [
            "unshare",
            "-Urm",
            sys.executable,
            "-m",
            "conman_lab.lab.cli",
            "clean",
            "--force",
        ],
        capture_output=True,
        text=True,
    )
    assert (tmp_path / "thesis.tex").exists()
    assert "could not remove mount" in done.stdout
    assert done.returncode == 1


def test_many_who_want_one_lab_get_it_one_after_the_other(root):
    """Its last holder removes the home, just as the next one makes it."""
    takers = [
        subprocess.Popen([sys.executable, "-c", TAKER], stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [taker.communicate()[1] for taker in takers] == [b""] * 3


def test_a_file_behind_a_mount_is_not_deleted(root, tmp_path):
    (tmp_path / "thesis.tex").touch()
    lab = Lab("mounted")
    linux.mount(str(tmp_path), str(lab.directory("here")), "", linux.MS_BIND)
    lab.end()
    assert (tmp_path / "thesis.tex").exists()
