"""The session's own promises, kept by a session inside this one."""

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

from conman_lab.identity import Identity
from conman_lab.oci import cgroups

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.needs_root

WORKERS = ("-n2", "--dist", "loadfile", "--no-loadscope-reorder")  # as ./lab test says
LEAKS = """
import subprocess
import sys

def test_leaks_an_orphan():
    script = "setsid sleep 1000 >/dev/null 2>&1 & echo $! >orphan"
    subprocess.run(["sh", "-c", script])

def test_leaves_a_container(runtime, bundle):
    global kept
    kept = runtime.create("kept", bundle("sleeper"))

def test_leaves_the_cgroup_of_a_root_that_its_program_had(tmp_path):
    script = (
        "from conman_lab import places; from conman_lab.oci import cgroups;"
        "(cgroups.tree('pids') / places.cgroup_parent()).mkdir();"
        "(places.root() / 'labs').mkdir(); print(places.cgroup_parent())"
    )
    command = ["env", f"CONMAN_LAB_ROOT={tmp_path}", sys.executable, "-c", script]
    with open("parent", "w") as told:
        subprocess.run(command, stdout=told, check=True)
"""
DIES = """
import os
from pathlib import Path
from conman_lab.lab import Lab

def test_dies():
    lab = Lab("left")
    pid = lab.naive.create("kept", lab.bundle("sleeper").directory).pid
    Path("kept").write_text(f"{pid} {os.environ['CONMAN_LAB_ROOT']}")
    os.kill(os.getpid(), 9)
"""
ALONE = """
import os
from pathlib import Path

def test_alone(worker_id):
    Path(f"root-{worker_id}").write_text(os.environ["CONMAN_LAB_ROOT"])
"""
CHANGES = """
import os, signal, socket
import pytest
from pathlib import Path

OURS = os.getcwd(), os.environ["CONMAN_LAB_ROOT"]

def test_hears_a_signal():
    signal.signal(signal.SIGUSR1, lambda *_: None)

def test_is_woken():
    kept.extend(socket.socketpair())
    kept[0].setblocking(False)
    signal.set_wakeup_fd(kept[0].fileno())

def test_goes_elsewhere():
    os.chdir("/")

def test_says_more():
    os.environ["MORE"] = "more"

def test_says_less():
    del os.environ["CONMAN_LAB_ROOT"]

def test_has_a_root_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("CONMAN_LAB_ROOT", str(tmp_path))
    from conman_lab import places
    from conman_lab.oci import cgroups
    (cgroups.tree("pids") / places.cgroup_parent() / "below").mkdir(parents=True)

def test_hears_of_none_of_it():
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
    assert signal.set_wakeup_fd(-1) == -1
    assert (os.getcwd(), os.environ.get("CONMAN_LAB_ROOT")) == OURS
    assert "MORE" not in os.environ

kept = []
"""
TIDY = """
import os
import pytest

def test_passes(runtime, bundle, home):
    assert runtime.run("once", bundle("exiter", "sh", "-c", "exit 7")).status == 7
    assert not any((home / "containers").iterdir())

def test_only_a_kernel_is_frozen():
    assert "CONMAN_LAB_FREEZE" not in os.environ

def test_is_skipped():
    pytest.skip("there is no such machine")

@pytest.mark.only_on("no cgroups of this world")
def test_is_for_another_machine():
    raise AssertionError

@pytest.mark.xfail
def test_is_expected_to_fail():
    raise AssertionError
"""


@pytest.fixture
def project(tmp_path):
    """A checkout with tests and notebooks of its own, and the plugins of this one."""
    shutil.copy(ROOT / "conftest.py", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tests").mkdir()
    for path in (ROOT / "tests").iterdir():
        if path.is_file() and not path.name.startswith("test_"):
            (tmp_path / "tests" / path.name).symlink_to(path)
    return tmp_path


def run(project, *args, **env):
    """A session in `project`: its exit status, and what it says."""
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *args]
    env = {key: os.environ[key] for key in ("PATH",)} | env
    done = subprocess.run(
        command, cwd=project, env=env, capture_output=True, text=True, timeout=180
    )
    return done.returncode, done.stdout + done.stderr


def is_alive(pid):
    with suppress(ProcessLookupError):
        return Identity.of(pid).alive
    return False


@pytest.mark.needs_runc
@pytest.mark.parametrize("workers", [0, 2])
def test_what_a_test_leaves_fails_the_session_and_is_ended(project, workers):
    """A test's home is cleaned after it; a process outside of it is the session's."""
    (project / "tests" / "test_leaks.py").write_text(LEAKS)
    status, said = run(project, f"-n{workers}")
    orphan = int((project / "orphan").read_text())
    assert status == 1
    assert "3 passed" in said
    _, _, left = said.partition("left behind by the tests")
    assert f"process {orphan} (sleep)" in left
    assert "kept" not in left
    assert not is_alive(orphan)
    parent = (project / "parent").read_text().strip()
    assert f"cgroup {parent}" in left
    assert not (cgroups.tree("pids") / parent).exists()


@pytest.mark.needs_runc
def test_what_a_worker_leaves_that_was_killed_is_found_as_well(project):
    """Its cgroup is its own, by its root; nobody else would have looked there."""
    (project / "tests" / "test_dies.py").write_text(DIES)
    status, said = run(project, "-n2", "--max-worker-restart=0")
    assert status == 1
    assert "worker 'gw" in said
    _, _, left = said.partition("left behind by the tests")
    for thing in ("container kept of lab left", "cgroup conman-lab-"):
        assert thing in left
    assert "resists" not in left
    pid, root = (project / "kept").read_text().split()
    assert not is_alive(int(pid))
    assert not Path(root).exists()


def test_each_worker_has_a_root_of_its_own(project):
    (project / "tests" / "test_alone.py").write_text(ALONE)
    status, said = run(project, "-n2", "--dist=each")
    assert status == 0, said
    roots = {path.read_text() for path in project.glob("root-*")}
    assert len(roots) == 2
    assert not any(Path(root).exists() for root in roots)
    assert os.environ["CONMAN_LAB_ROOT"] not in roots


def test_who_changes_our_process_fails_and_the_next_one_hears_nothing_of_it(project):
    (project / "tests" / "test_changes.py").write_text(CHANGES)
    status, said = run(project)
    assert status == 1
    assert "7 passed, 6 errors" in said
    _, *told = said.split("ERROR at teardown of test_")
    words = {name: " ".join(text.split()) for name, text in map(name_and_text, told)}
    assert "changed: signal 10: <Handlers.SIG_DFL" in words["hears_a_signal"]
    assert "changed: the wakeup descriptor: -1, now" in words["is_woken"]
    assert "changed: the working directory: '/" in words["goes_elsewhere"]
    assert "changed: MORE: None, now 'more'" in words["says_more"]
    assert "changed: CONMAN_LAB_ROOT: '/" in words["says_less"]
    assert "has left the cgroup conman-lab-" in words["has_a_root_of_its_own"]


def name_and_text(said):
    name, _, text = said.partition(" ")
    return name, text


@pytest.mark.needs_runc
@pytest.mark.parametrize(("strict", "workers"), [("0", 0), ("1", 0), ("1", 2)])
def test_a_skip_is_a_failure_only_when_strict(project, strict, workers):
    (project / "tests" / "test_tidy.py").write_text(TIDY)
    status, said = run(project, f"-n{workers}", CONMAN_LAB_STRICT=strict)
    assert status == int(strict)
    assert ("CONMAN_LAB_STRICT=1: Skipped: there is no" in said) == (strict == "1")
    assert ("2 passed, 1 skipped, 1 deselected, 1 xfailed" in said) == (strict == "0")
    assert "left behind" not in said


@pytest.mark.needs_runc
@pytest.mark.parametrize(("last", "is_told"), [("1 / 0", False), ("'open'", True)])
def test_a_lab_left_open_is_told_unless_its_notebook_failed(project, last, is_told):
    """A cell that failed is said once; its lab is ended, and not complained of."""
    notebook = v4.new_notebook()
    opens = (
        'from conman_lab.lab import Lab; pid = Lab("00-open").start("sleep", "9").pid'
    )
    for number, source in enumerate([opens, last]):
        cell = v4.new_code_cell(source, id=f"c{number}", execution_count=number + 1)
        notebook.cells.append(cell)
    data = {"text/plain": last}
    notebook.cells[-1].outputs = [v4.new_output("execute_result", data)]
    nbformat.write(notebook, project / "00-open.ipynb")
    status, said = run(project, "--nbval", "00-open.ipynb")
    assert status == 1
    assert ("left behind by the tests" in said) == is_told
    assert "resists" not in said, said
    assert ("cgroup" in said.partition("left behind")[2]) == is_told


def test_cells_have_names_and_keep_their_order(project):
    """Under a seed that shuffles; and after a failure the rest is not tried."""
    notebook = v4.new_notebook()
    frozen = "import os\nassert os.environ['CONMAN_LAB_FREEZE'] == '1'"
    for number, source in enumerate([frozen, "a = 1", "a += 1", "assert a != 2", "a"]):
        cell = v4.new_code_cell(source, id=f"c{number}", execution_count=number + 1)
        notebook.cells.append(cell)
    (project / "notebooks").mkdir()
    nbformat.write(notebook, project / "notebooks" / "00-order.ipynb")
    status, said = run(project, "--nbval", "-p", "randomly", "--randomly-seed=3")
    assert status == 1
    lines = [line for line in said.splitlines() if line[-2:] == "%]"]
    cells = [line.partition("::")[2].split() for line in lines]
    assert [cell[0] for cell in cells] == ["1", "2", "3", "4", "5"]
    assert cells[0][1:4] == ["c0:", "import", "os"]
    words = ["PASSED", "PASSED", "PASSED", "FAILED", "SKIPPED"]
    assert [word in line for word, line in zip(words, lines, strict=True)] == [True] * 5


def test_a_notebook_is_one_workers(project):
    """Its cells need each other; with two workers, each would have half of them."""
    assert " ".join(WORKERS[1:]) in (ROOT / "lab").read_text()
    notebook = v4.new_notebook()
    for number, source in enumerate(
        ["a = [1]", *["a += [1]"] * 6, "assert len(a) == 7"]
    ):
        cell = v4.new_code_cell(source, id=f"c{number}", execution_count=number + 1)
        notebook.cells.append(cell)
    (project / "notebooks").mkdir()
    for name in ("00-one.ipynb", "01-two.ipynb"):
        nbformat.write(notebook, project / "notebooks" / name)
    status, said = run(project, "--nbval", *WORKERS)
    assert status == 0, said
    assert "16 passed" in said
    for name in ("00-one", "01-two"):
        rows = [
            line.split()[0]
            for line in said.splitlines()
            if f"PASSED notebooks/{name}" in line
        ]
        assert len({*rows}) == 1
        assert len(rows) == 8


def test_there_are_as_many_workers_as_processors_for_us():
    one = min(os.sched_getaffinity(0))
    count = "from tests.workers import pytest_xdist_auto_num_workers as n; print(n())"
    command = ["taskset", "-c", str(one), sys.executable, "-c", count]
    assert subprocess.check_output(command, cwd=ROOT) == b"1\n"
