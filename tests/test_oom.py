"""Was it the kernel's out-of-memory killer?  What it counts, and where.

That it counts for real is seen in test_shim_life.py; here are the two layouts of its
file, of which a machine has one.
"""

import os

import pytest
from facts import ends

from conman_lab.shim.oom import OomCounter, memory_file

V1 = "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"
V2 = "low 0\nhigh 0\nmax 31\noom 1\noom_kill {}\noom_group_kill 0\n"


@pytest.fixture
def nobody():
    """A pid that was somebody's."""
    pid = os.posix_spawn("/bin/true", ["true"], {})
    assert ends(pid)
    os.waitpid(pid, 0)
    return pid


@pytest.fixture
def counter(nobody, tmp_path):
    """One that reads a file of ours."""
    counter = OomCounter(nobody)
    (tmp_path / "events").touch()
    counter._fd = os.open(tmp_path / "events", os.O_RDONLY)
    yield counter
    os.close(counter._fd)


@pytest.mark.parametrize("layout", [V1, V2], ids=["v1", "v2"])
def test_a_kill_is_counted(counter, tmp_path, layout):
    (tmp_path / "events").write_text(layout.format(0))
    assert not counter.killed()
    (tmp_path / "events").write_text(layout.format(1))
    assert counter.killed()


def test_older_kernels_do_not_count(counter, tmp_path):
    text = "oom_kill_disable 0\nunder_oom 0\n"  # v1, before 4.13
    (tmp_path / "events").write_text(text)
    assert not counter.killed()


def test_a_container_that_has_died_already_was_not_killed_for_memory(nobody):
    """It is reaped, so there is no /proc/PID any more, and that is no error."""
    assert not OomCounter(nobody).killed()


@pytest.mark.parametrize(
    ("cgroups", "file"),
    [
        ("0::/lab/web", "/sys/fs/cgroup/lab/web/memory.events"),
        ("3:cpu,cpuacct:/a\n2:memory:/b:c\n0::/d", "memory/b:c/memory.oom_control"),
        ("3:cpu:/a\n0::/d", "/sys/fs/cgroup/d/memory.events"),  # no memory controller
    ],
)
def test_it_knows_where_to_look(cgroups, file):
    assert memory_file(cgroups).endswith(file)
