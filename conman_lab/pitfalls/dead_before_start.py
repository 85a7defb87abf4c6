"""Dead before its start: between `create` and `start` there is a process, and it can die.

After `create` the container is `runc init`, which waits at a fifo for `start`.  It may
wait for long, for podman and the kubelet do much in between; and it may be killed, by
the kernel if memory is short.  runc finds out at `start`, and does not know why.

For a shim this death is like any other.  It may even come before the shim knows the pid
of its container: that is why its reaper keeps the deaths that nobody has asked about.
shimmy keeps none, and gives up on a container that was faster.
"""

import os
import signal

from conman_lab.checks import Check, Evidence
from conman_lab.launcher import Launcher

from .stage import Stage


def experiment(launcher: Launcher, evidence: Evidence) -> None:
    """A container is created, and killed before it has been started."""
    with Stage(launcher, evidence, "dead-before-start") as stage:
        container = stage.create("echo never")
        stage.look(container)

        os.kill(container.pid, signal.SIGKILL)
        seen = stage.told(container.wait, 5.0)
        evidence.note(stage.told(container.start))
        evidence.expect(seen == "killed by SIGKILL", "killed by SIGKILL", seen)


CHECK = Check("dead-before-start", "a death is told, even before the start", experiment)
