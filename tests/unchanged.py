"""A test leaves our process as it was, or it fails: by its name, and not the next one.

Looked at are what the next test would inherit and nobody would think of:

    signals             who hears one, and the descriptor that is told of it
    environ, directory  with which every program of ours is started
    cgroups             of a root for labs that the test has asked for by itself

Hooks, and no fixture: it is before the first fixture and after the last, and looks at
notebooks' cells too.  What was changed is put back, so that one test fails for it.
"""

import os
import signal
from dataclasses import dataclass

import pytest

from conman_lab import places
from conman_lab.oci import cgroups

from .roots import exists

BEFORE = pytest.StashKey["Process"]()
SIGNALS = sorted(signal.valid_signals())
ROOT = "CONMAN_LAB_ROOT"
OF_PYTEST = "PYTEST_CURRENT_TEST"  # changes in the middle of each test


@dataclass(frozen=True)
class Process:
    """What there is one of in a process."""

    handlers: dict[int, object]
    wakeup_fd: int
    environ: dict[str, str]
    directory: str

    @classmethod
    def now(cls) -> "Process":
        """As we are."""
        return cls(
            {signum: signal.getsignal(signum) for signum in SIGNALS},
            _wakeup_fd(),
            {name: word for name, word in os.environ.items() if name != OF_PYTEST},
            os.getcwd(),
        )

    def restore(self) -> None:
        """Be so again."""
        for signum, handler in self.handlers.items():
            if signal.getsignal(signum) != handler:
                signal.signal(signum, handler)
        signal.set_wakeup_fd(self.wakeup_fd)
        for name in os.environ.keys() - self.environ.keys() - {OF_PYTEST}:
            del os.environ[name]
        os.environ.update(self.environ)
        os.chdir(self.directory)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item):
    item.stash[BEFORE] = Process.now()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item):
    before, root = item.stash[BEFORE], os.environ.get(ROOT)
    parent = places.cgroup_parent()
    result = yield
    if (after := Process.now()) != before:
        before.restore()
        pytest.fail(f"this test has left changed: {_difference(before, after)}", False)
    if root not in {None, os.environ[ROOT]} and exists(parent):  # None is everybody's
        cgroups.remove(parent)
        pytest.fail(f"this test has left the cgroup {parent}", False)
    return result


def _wakeup_fd() -> int:
    """Python tells it only to whoever sets another one."""
    fd = signal.set_wakeup_fd(-1)
    if fd != -1:
        signal.set_wakeup_fd(fd)
    return fd


def _difference(before: Process, after: Process) -> str:
    changed = [
        f"{name}: {old!r}, now {new!r}"
        for name, old, new in (
            *_changes("", before.environ, after.environ),
            *_changes("signal ", before.handlers, after.handlers),
            ("the wakeup descriptor", before.wakeup_fd, after.wakeup_fd),
            ("the working directory", before.directory, after.directory),
        )
        if old != new
    ]
    return "; ".join(changed)


def _changes(kind: str, before: dict, after: dict) -> list[tuple[str, object, object]]:
    names = sorted(before.keys() | after.keys())
    return [(f"{kind}{name}", before.get(name), after.get(name)) for name in names]
