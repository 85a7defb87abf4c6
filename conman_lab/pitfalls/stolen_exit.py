"""The stolen exit: `waitpid(-1)` beside `Popen`.

A manager that wants to hear how its containers end becomes a subreaper and collects all
its dead, by waitpid(-1).  But the exit of a process can be collected once, wait(2), and
`runc create` is its child, too: there is a race between the reaper and whoever waits
for runc.  The loser gets ECHILD, and Python's `subprocess` makes of that: status 0.
A container that was never created is taken for one that was.

A manager of shims has no children, so there is nothing to steal: all that it is told
comes over a pipe.  And in the shim only one place calls waitpid(2), `reaper.py`, which
keeps a death until somebody asks for it.
"""

import os
import time
from pathlib import Path
from threading import Thread

from conman_lab.checks import Check, Evidence
from conman_lab.launcher import Launcher

from .asking import told
from .stage import Stage

TRIES = 16  # each is a race that the reaper wins about every second time
ENOUGH = 4.0  # seconds: an emulated machine has fewer tries, and is not called broken


def experiment(launcher: Launcher, evidence: Evidence) -> None:
    """A manager reaps its children, and tries to create what cannot be created."""
    with Stage(launcher, evidence, "stolen-exit") as stage:
        bundle = stage.bundle("").with_args("/no-such-program").save()
        manager = stage.manager()

        seen = manager.call(create_beside_reaper, launcher, stage.id, bundle.directory)
        stage.look()
        kept = seen == "no such program"
        evidence.expect(kept, "that there is no such program", stage.steady(seen))


def create_beside_reaper(launcher: Launcher, id: str, bundle: Path) -> str:
    """[manager] What it is told, until that is something else than the truth."""
    Thread(target=reap_all, daemon=True).start()
    ends_at = time.monotonic() + ENOUGH
    for _ in range(TRIES):
        seen = told(launcher.create, id, bundle)
        if "no-such-program" not in seen:
            return f"not a word of it, but {seen}"
        if time.monotonic() > ends_at:
            break
    return "no such program"


def reap_all() -> None:
    """[manager] Collect everybody who ends."""
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:  # ECHILD: no children just now
            time.sleep(0.001)


CHECK = Check(
    "stolen-exit", "who reaps all its children still hears of a failure", experiment
)
