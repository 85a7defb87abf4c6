"""The full pipe: 64 KiB and silence.

A pipe holds 65536 bytes, pipe(7), and write(2) to a full one waits until somebody has
read.  So a container whose output nobody reads works perfectly, for an hour or a month,
and then stops in the middle of a line, without an error and without using any CPU.

A shim reads all the time, and so is never the one that is waited for: what does not get
into the log, because the disk is full, is lost and counted, and the container goes on.
"""

import os
from array import array
from fcntl import ioctl
from termios import FIONREAD

from conman_lab.checks import Check, Evidence
from conman_lab.launcher import Launcher

from .stage import Stage


def experiment(launcher: Launcher, evidence: Evidence) -> None:
    """A container writes a megabyte, and its manager has other things to do."""
    with Stage(launcher, evidence, "full-pipe") as stage:
        megabyte = "yes | head -c 1000000; echo done >/stage/word"
        container = stage.create(f"{megabyte}; read cue </stage/cue")
        stage.start(container)

        seen = stage.told(stage.word, 1.0)
        stage.look(container)
        if seen != "done":
            seen = f"nothing, and {unread(container.pid)} bytes waiting in its stdout"
        evidence.expect(seen == "done", "a word from it, that it is done", seen)


def unread(pid: int) -> int:
    """How much there is in the pipe that is the stdout of `pid`.  FIONREAD, pipe(7)."""
    pipe = os.open(f"/proc/{pid}/fd/1", os.O_RDONLY | os.O_NONBLOCK)
    try:
        count = array("i", [0])
        ioctl(pipe, FIONREAD, count)
        return count[0]
    finally:
        os.close(pipe)


CHECK = Check(
    "full-pipe", "a container gets on with its work, even if nobody reads", experiment
)
