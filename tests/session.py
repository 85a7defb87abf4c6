"""A session of tests has a root of its own, and leaves nothing behind.

What the tests start, and whatever that starts, is in one of two cgroups, because a
cgroup is inherited and cannot be left by forking twice:

    PARENT        the containers, and what a Lab has started
    tests-PID     pytest and all the rest: kernels, browsers, shims, other sessions

Under xdist each worker has a root of its own, and so a PARENT.  Its processes are in
the cgroup of the session that has started it, which looks for what is left when all the
workers have ended: one that was killed cannot look any more.

We could have become a subreaper to see orphans; then the containers would be our
children and not init's, and half of the course would be wrong in the tests.
"""

import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from conman_lab.identity import Identity
from conman_lab.lab.clean import clean
from conman_lab.lab.registry import Registry
from conman_lab.oci import cgroups

from . import roots
from .eventually import eventually
from .notebook_cells import failed_notebooks, is_cell
from .workers import is_worker

STRICT = os.environ.get("CONMAN_LAB_STRICT") == "1"
LEFT = pytest.StashKey[list[str]]()
ROOTS = pytest.StashKey[list[str]]()  # ours, and one for each worker
CGROUP = pytest.StashKey[Path]()  # ours; the one we came from is above it
NEEDS = {
    "needs_root": (lambda: os.geteuid() == 0, "needs root"),
    "needs_runc": (lambda: shutil.which("runc", path=_path()), "needs runc"),
}


def pytest_configure(config):
    for name, (_, reason) in NEEDS.items():
        config.addinivalue_line("markers", f"{name}: {reason}, or is skipped")
    only_on = "only_on(*modes): for machines with cgroups of these modes alone"
    config.addinivalue_line("markers", only_on)


def pytest_collection_modifyitems(config, items):
    """A test for another kind of machine is left out, not skipped: nothing is missing."""
    marked = [(item, item.get_closest_marker("only_on")) for item in items]
    others = [item for item, mark in marked if mark and cgroups.mode() not in mark.args]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session):
    _hear_signals()
    # Hundreds of programs of ours are started: let each not compile all that it imports.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if is_worker(session.config):
        os.environ["CONMAN_LAB_ROOT"] = session.config.workerinput["root"]
        return
    session.config.stash[ROOTS] = []
    os.environ["CONMAN_LAB_ROOT"] = _new_root(session.config)
    session.config.stash[CGROUP] = _cgroup()
    _join(session.config.stash[CGROUP])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """A worker is about to be started."""
    node.workerinput["root"] = _new_root(node.config)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    for name, (is_met, reason) in NEEDS.items():
        if item.get_closest_marker(name) and not is_met():
            pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """CONMAN_LAB_STRICT=1: where all is to be there, a skipped test has failed."""
    report = yield
    expected = hasattr(report, "wasxfail") or is_cell(item)  # by a tag, after a failure
    if STRICT and report.skipped and not expected:
        report.outcome = "failed"
        report.longrepr = f"skipped, and CONMAN_LAB_STRICT=1: {report.longrepr[2]}"
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    for name in failed_notebooks(session.items):  # it has failed; that is said already
        clean(Registry.of(name))
    if not is_worker(session.config):
        _look_back(session)


def pytest_terminal_summary(terminalreporter, config):
    if left := config.stash.get(LEFT, []):
        terminalreporter.section("left behind by the tests", red=True)
        for thing in left:
            terminalreporter.line(thing)


def _hear_signals() -> None:
    """What a CI's shell starts in the background ignores these, and so would ours."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for signum in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_DFL)


def _new_root(config) -> str:
    config.stash[ROOTS].append(root := roots.new())
    return root


def _look_back(session) -> None:
    """What is left fails the session; it is told, and removed."""
    ours, known = session.config.stash[CGROUP], session.config.stash[ROOTS]
    made = [*roots.made_below(session.config._tmp_path_factory.getbasetemp())]
    with suppress(AssertionError):  # kernels and browsers need a moment to end
        eventually(lambda: not _left(ours, known), timeout=3)
    session.config.stash[LEFT] = left = [*_left(ours, known), *_parents(made)]
    _remove_all(ours, known, made)
    remaining = [*_left(ours, known), *_parents([*known, *made])]
    left += (f"{thing} (and it resists)" for thing in remaining)
    if left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    _join(ours.parent)
    cgroups.remove(_group(ours))
    if not remaining:
        for root in known:
            shutil.rmtree(root)


def _parents(of: list[str]) -> list[str]:
    there = filter(roots.exists, map(roots.parent_of, of))
    return [f"cgroup {parent}" for parent in there]


def _left(ours: Path, known: list[str]) -> list[str]:
    things = [thing for lab in _labs(known) for thing in lab.left().things()]
    named = [f"process {it.pid} ({_comm(it.pid)})" for it in _of_the_tests(ours)]
    return [*things, *named]


def _labs(known: list[str]) -> list[Registry]:
    return [lab for root in known for lab in roots.labs_of(root)]


def _of_the_tests(ours: Path) -> list[Identity]:
    found = []
    for pid in cgroups.processes(_group(ours)) - {os.getpid()}:
        with suppress(ProcessLookupError):
            found.append(Identity.of(pid))
    return [process for process in found if process.alive]


def _remove_all(ours: Path, known: list[str], made: list[str]) -> None:
    for lab in _labs(known):
        clean(lab)
    for process in _of_the_tests(ours):
        process.signal()
    with suppress(AssertionError):
        eventually(lambda: not _of_the_tests(ours))
    for root in [*known, *made]:
        cgroups.remove(roots.parent_of(root))


def _cgroup() -> Path:
    return cgroups.of_process(os.getpid(), "pids") / f"tests-{os.getpid()}"


def _group(directory: Path) -> str:
    return str(directory.relative_to(cgroups.tree("pids")))


def _join(cgroup: Path) -> None:
    with suppress(OSError):  # without root we cannot, and look at the containers alone
        cgroup.mkdir(exist_ok=True)
        (cgroup / "cgroup.procs").write_text(str(os.getpid()))


def _comm(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return "gone"


def _path() -> str:
    return f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"
