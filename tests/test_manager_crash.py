"""Every step can be the last: the table of manager/steps.py, walked with real SIGKILL.

A manager in a process of its own is killed at the step.  The next one must find nothing
half made, nothing leaked and nothing lost.
"""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from eventually import eventually
from manager_home import left, managing

from conman_lab import places
from conman_lab.linux import Exit
from conman_lab.manager.steps import STEPS

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_runc]

VICTIM = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conman_lab.manager import steps
from conman_lab.manager.container import Policy, Restart
from conman_lab.manager.manager import Manager
from conman_lab.oci import Runtime
home, group, bundle, step, verb = sys.argv[2:]
runtime = replace(Runtime.find(home=Path(home)), cgroup_parent=group)
manager = Manager(home, runtime)

def prepare(*names):
    for name in names:
        manager.create(name, bundle, readonly=False)
        manager.start(name)
        next(manager.logs(name, follow=True))  # its trap is set

made = ("create", "start", "restart", "auto remove")  # by themselves
prepare("bystander", *([] if verb in made else ["it"]))
if verb == "start":
    manager.create("it", bundle, readonly=False)
if verb == "restart":
    wish = Restart(Policy.ALWAYS)
    manager.create("it", bundle, readonly=False, restart=wish)
    manager.start("it")
if verb == "auto remove":
    manager.create("it", bundle, readonly=False, auto_remove=True)
    manager.start("it")
steps.fatal = step
if verb == "create":
    manager.create("it", bundle, readonly=False)
elif verb == "start":
    manager.start("it")
elif verb == "stop":
    manager.stop("it")
elif verb == "pause":
    manager.pause("it")
elif verb == "exec":
    manager.exec("it", "sleep", "1000")
elif verb == "remove":
    manager.remove("it", force=True)
elif verb in ("restart", "auto remove"):
    manager.kill("it", 9)
    next(event for event in manager.events() if event.kind == "never")
"""


def killed_at(step, runtime, bundle, verb=""):
    """Run a manager until that step is its last; a `verb` may have those of another."""
    arguments = [places.COURSE, runtime.home, runtime.cgroup_parent, bundle.directory]
    words = [*map(str, arguments), step, verb or step.split(":")[0]]
    command = [sys.executable, "-c", VICTIM, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("step", STEPS)
def test_whatever_step_was_the_last_the_next_manager_goes_on(step, runtime, bundle):
    killed_at(step, runtime, bundle("sleeper"))
    with managing(runtime) as manager:
        assert manager.status("bystander").status == "RUNNING"
        AFTER[step.split(":")[0]](manager, step, bundle("sleeper"))
        manager.remove("bystander", force=True)
        assert left(runtime) == []


@pytest.mark.parametrize("step", [it for it in STEPS if it.startswith("remove:")])
def test_a_removal_that_nobody_asks_for_is_finished_likewise(step, runtime, bundle):
    killed_at(step, runtime, bundle("sleeper"), "auto remove")
    with managing(runtime) as manager:
        swept(manager, step, bundle("sleeper"))
        manager.remove("bystander", force=True)
        assert left(runtime) == []


def found(manager, name="it"):
    """The container of that name, if there is one."""
    return next((it for it in manager.list() if it.name == name), None)


def created(manager, step, bundle):
    """All or nothing: and in both cases the name can be had."""
    it = found(manager)
    assert bool(it) == (step == "create: state saved")
    if not it:
        it = manager.create("it", bundle)
    assert it.status == "CREATED"
    started(manager, step, bundle)


def started(manager, step, bundle):
    """It waits still, or it runs."""
    if found(manager).status == "CREATED":
        assert step != "start: begun"
        manager.start("it")
    assert found(manager).status == "RUNNING"
    assert found(manager).started_at
    assert ended(manager)
    manager.remove("it")


def ended(manager):
    """It has been asked to end, after its trap was set, and did."""
    next(manager.logs("it", follow=True))
    return manager.stop("it").exit == Exit(code=0)


def stopped(manager, step, bundle):
    it = found(manager)
    if step == "stop: asked for":
        assert it.status == "RUNNING"
        manager.stop("it")
    assert manager.wait("it", 10) == Exit(code=0)
    manager.remove("it")


def paused(manager, step, bundle):
    assert found(manager).paused
    assert not manager.resume("it").paused
    manager.remove("it", force=True)


def executed(manager, step, bundle):
    """What runs goes on, and of what does not nothing is left."""
    it = found(manager)
    execs = [*Path(manager.inspect("it")["directory"], "execs").glob("*")]
    assert len(execs) == (step == "exec: shim launched")
    assert manager.run_in("it", "echo", "still here").stdout == b"still here\n"
    manager.kill("it", signal.SIGKILL)
    assert manager.wait("it", 10) == Exit(signal=9)
    manager.remove(it.id)


def removed(manager, step, bundle):
    """It is one that has ended, or it is none."""
    if step == "remove: ended":
        assert found(manager).exit == Exit(signal=9)
        manager.remove("it")
    assert found(manager) is None
    manager.create("it", bundle)
    manager.remove("it")


def restarted(manager, step, bundle):
    """It runs again, once, and the exit before is known."""
    eventually(lambda: found(manager).status == "RUNNING")
    assert found(manager).restarts == 1
    assert manager.inspect("it")["exit_before"] == "killed by SIGKILL"
    assert ended(manager)
    manager.remove("it")


def swept(manager, step, bundle):
    """It has gone; if it was still a container, its end was told before."""
    still = step.startswith("auto remove:") or step == "remove: ended"
    expected = ["exit", "remove"] if still else []
    eventually(lambda: [event.kind for event in manager.happened()] == expected)
    assert found(manager) is None
    manager.create("it", bundle)
    manager.remove("it")


AFTER = {
    "create": created,
    "start": started,
    "stop": stopped,
    "pause": paused,
    "exec": executed,
    "remove": removed,
    "restart": restarted,
    "auto remove": swept,
}


def test_every_step_is_said_somewhere_and_no_other():
    """The table is complete: a step that the code does not pass could not kill."""
    room = Path(places.COURSE, "conman_lab", "manager")
    source = "\n".join(path.read_text() for path in room.glob("*.py"))
    said = [step for step in STEPS if f'passed("{step}")' in source]
    assert said == list(STEPS)
    assert source.count("    passed(") == len(STEPS)
