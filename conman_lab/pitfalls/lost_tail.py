"""The lost tail: the pipe is closed before it has been drained.

The end of a process and the end of its output are two events, and come in any order.
What a container has written just before it ended is in a pipe then.  Who takes its death
for a signal to clean up closes that pipe, and the last lines are gone; they are those
that say why it ended.  To wait for the end of file instead is no way out: a process
that was left behind may hold the pipe for ever (the deaf parent).

A shim drains after the death: it reads until read(2) says EAGAIN, that there is nothing
for now.  All that was written before the exit is in the log before the exit is told.
"""

from conman_lab.checks import Check, Evidence
from conman_lab.launcher import Launcher
from conman_lab.stream import Stream

from .stage import Stage


def experiment(launcher: Launcher, evidence: Evidence) -> None:
    """A container counts to 1000 and ends; its manager waits for it, and then reads."""
    with Stage(launcher, evidence, "lost-tail") as stage:
        container = stage.create("read cue </stage/cue; seq 1000")
        stage.start(container)
        stage.look(container)

        stage.cue()
        evidence.note(stage.told(container.wait, 5.0))
        lines = container.output(Stream.STDOUT).splitlines()
        seen = f"{len(lines)} lines"
        evidence.expect(seen == "1000 lines", "1000 lines", seen)


CHECK = Check("lost-tail", "what was written last is there after the end", experiment)
