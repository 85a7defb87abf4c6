"""The deaf parent: it waits for the end of a pipe, and the container holds it open.

A pipe ends when the last copy of its write end is closed, pipe(7).  `runc create` hands
its own stdout on to the container, so that `runc` ends in 30 ms and its pipe does not:
`subprocess.run(..., capture_output=True)`, Go's `cmd.Output()` and `$(...)` in a shell
all return when the container ends, which may be in a year.

A shim reads what comes when it comes, in a loop over all that can happen, and writes it
down; for the end of `runc` it waits by waitpid(2), and never by the end of its output.
"""

from conman_lab.checks import Check, Evidence
from conman_lab.launcher import Launcher
from conman_lab.stream import Stream

from .asking import within, written
from .stage import Stage


def experiment(launcher: Launcher, evidence: Evidence) -> None:
    """A container writes a line, and goes on living."""
    with Stage(launcher, evidence, "deaf-parent") as stage:
        container = stage.create("echo one; read cue </stage/cue")
        stage.start(container)
        stage.look(container)

        seen = stage.told(within, 1.0, written, container, Stream.STDOUT, "one\n")
        evidence.expect(seen == "one\n", "'one', while it runs", seen.strip())


CHECK = Check(
    "deaf-parent", "what a container has written can be read while it runs", experiment
)
