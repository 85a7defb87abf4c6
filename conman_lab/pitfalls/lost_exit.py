"""The lost exit: the container ends, and how is told to init.

Only a parent can ask how a process has ended, waitpid(2), and only once.  The parent of
a container is `runc create`, which ends before the container is even started; the
kernel then gives it to the nearest subreaper among its ancestors, or to init.  Init
asks, as it does for every orphan, and tells nobody.

A shim is that subreaper: PR_SET_CHILD_SUBREAPER(2const), one call, and the container
comes to it instead.  It hears the exit, and leaves it in a file for whoever asks later.
"""

from conman_lab.checks import Check, Evidence
from conman_lab.launcher import Launcher

from .stage import Stage


def experiment(launcher: Launcher, evidence: Evidence) -> None:
    """A container returns 7, and its manager asks how it ended."""
    with Stage(launcher, evidence, "lost-exit") as stage:
        container = stage.create("read cue </stage/cue; exit 7")
        stage.start(container)
        stage.look(container)

        stage.cue()
        seen = stage.told(container.wait, 5.0)
        evidence.expect(seen == "exit code 7", "exit code 7", seen)


CHECK = Check("lost-exit", "how a container has ended can be asked for", experiment)
