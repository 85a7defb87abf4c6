"""Control groups as they are mounted here, and as they may be elsewhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from facts import ends

from conman_lab import places
from conman_lab.errors import BadName
from conman_lab.oci import cgroups
from conman_lab.oci.cgroups import Mode

V2 = """\
proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0
cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate 0 0
"""
V1 = """\
tmpfs /sys/fs/cgroup tmpfs ro,nosuid,nodev,noexec,mode=755 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0
"""
HYBRID = V1 + "cgroup2 /sys/fs/cgroup/unified cgroup2 rw,nsdelegate 0 0\n"
OTHERS = "cgroup2 /run/somebody/cgroup cgroup2 rw 0 0\n"
NONE = "proc /proc proc rw 0 0\ntmpfs /sys/fs/cgroup tmpfs rw 0 0\n"


@pytest.mark.parametrize(
    ("mounts", "mode"),
    [
        (V2, Mode.V2),
        (V1, Mode.V1),
        (HYBRID, Mode.HYBRID),
        (NONE, Mode.NONE),
        ("", Mode.NONE),
        (V1 + OTHERS, Mode.V1),
        (OTHERS, Mode.NONE),
        (V2 + OTHERS, Mode.V2),
    ],
    ids=["v2", "v1", "hybrid", "none", "empty", "v1, others", "others", "v2, others"],
)
def test_the_mount_table_tells_the_mode(mounts, mode):
    assert cgroups.mode(mounts) is mode


def test_the_mode_of_this_machine_is_what_stat_says():
    """stat(1) asks statfs(2), and not the mount table."""
    command = ["stat", "--file-system", "--format=%T", "/sys/fs/cgroup"]
    kind = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    assert (cgroups.mode() is Mode.V2) is (kind == "cgroup2fs")


CHANGES = {
    "v1": "umount -l /sys/fs/cgroup/unified",
    "none": "umount -R -l /sys/fs/cgroup",
    "v2": "umount -R -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup",
}


ONLY_ON_HYBRID = pytest.mark.only_on("hybrid")


@pytest.mark.parametrize(
    "expected", [pytest.param("v1", marks=ONLY_ON_HYBRID), "none", "v2"]
)
def test_the_mode_of_a_machine_that_is_mounted_otherwise(expected):
    script = (
        f"import sys; sys.path.insert(0, {str(places.COURSE)!r})\n"
        "from conman_lab.oci import cgroups; print(cgroups.mode())"
    )
    command = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        f'{CHANGES[expected]} && exec "$@"',
        "sh",
    ]
    done = subprocess.run(
        [*command, sys.executable, "-c", script], capture_output=True, text=True
    )
    assert (done.stdout.strip(), done.stderr) == (expected, "")


def test_each_tree_has_its_root_and_none_comes_twice():
    trees = cgroups.trees()
    assert all((tree / "cgroup.procs").exists() for tree in trees)
    devices = {os.stat(tree).st_dev for tree in trees}
    assert len(devices) == len(trees) > 0


@ONLY_ON_HYBRID
def test_a_directory_in_which_nothing_is_mounted_is_no_tree():
    script = "from conman_lab.oci import cgroups; print(cgroups.tree('unified') in cgroups.trees())"
    away = 'umount /sys/fs/cgroup/unified && exec "$@"'
    command = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        away,
        "sh",
        sys.executable,
        "-c",
        script,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False\n", "")


@pytest.mark.parametrize("controller", ["memory", "pids", "cpu", "freezer"])
def test_a_processs_cgroup_lists_the_process(controller):
    group = cgroups.of_process(os.getpid(), controller)
    assert str(os.getpid()) in (group / "cgroup.procs").read_text().split()


@pytest.mark.only_on("v1", "hybrid")  # v2 has one tree for all
def test_a_controller_that_is_not_there_is_told():
    with pytest.raises(FileNotFoundError, match="in no cgroup for telepathy"):
        cgroups.of_process(os.getpid(), "telepathy")


@pytest.fixture
def group(home):
    """A cgroup with one below it, in every tree; its name."""
    name = f"{places.cgroup_parent()}/cgroups"
    for tree in cgroups.trees():
        (tree / name / "below").mkdir(parents=True)
    yield name
    assert cgroups.remove(name) == []


@pytest.fixture
def member(group):
    """A process in the cgroup below."""
    process = subprocess.Popen(["sleep", "60"])
    procs = cgroups.tree("pids") / group / "below" / "cgroup.procs"
    procs.write_text(str(process.pid))
    yield process
    process.kill()
    process.wait()


def test_processes_below_are_found(group, member):
    assert cgroups.processes(group) == {member.pid}
    assert cgroups.processes(f"/{group}/below") == {member.pid}
    assert cgroups.processes(f"{group}/nobody") == set()


def test_remove_takes_all_that_is_below_in_every_tree(group):
    assert cgroups.remove(group) == []
    assert not any((tree / group).exists() for tree in cgroups.trees())
    assert cgroups.remove(group) == [], "and once more there is nothing to do"


def test_what_is_in_use_is_left_and_told(group, member):
    tree = cgroups.tree("pids")
    assert cgroups.remove(group) == [tree / group / "below", tree / group]
    assert member.poll() is None, "nobody has been ended"
    member.kill()
    assert ends(member.pid)
    member.wait()
    assert cgroups.remove(group) == []


@pytest.mark.parametrize("name", ["", "/", ".", "..", "a/../..", "a//b", "//"])
def test_nobody_removes_the_tree_itself(name):
    """It is everybody's: systemd's, Docker's, the other labs'."""
    with pytest.raises(BadName):
        cgroups.remove(name)
    with pytest.raises(BadName):
        cgroups.processes(name)


def test_pids_of_a_cgroup_that_has_gone_are_none(tmp_path):
    assert cgroups._pids(Path(tmp_path / "cgroup.procs")) == set()
