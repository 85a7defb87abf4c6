"""Named places where a program waits until it is let go on, seen from outside.

A stop is a script with two fifos.  Whoever runs it tells its pid and its parent's, and
waits; it may be a part of a runtime, or a hook of a container.  The test holds both
fifos open at both ends, so opening one never waits, and a write is never refused.
"""

import os
from contextlib import ExitStack

from facts import reads

SCRIPT = """#!/bin/sh
echo $$ $PPID here > {0}/told
read _ < {0}/go
"""


class Stop:
    """One place, in a directory of its own."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir(parents=True)
        self._open = ExitStack()
        self._told, self._go = (self._fifo(name) for name in ("told", "go"))
        self.program = self._script("stop", directory)

    def inside(self, mounted_at):
        """The same program, for a mount namespace in which our directory is there."""
        self._script("stop-inside", mounted_at)
        return f"{mounted_at}/stop-inside"

    def wait(self):
        """Until somebody is there: his pid, and his parent's."""
        pid, parent, _ = reads(self._told, b"here\n").split()
        return int(pid), int(parent)

    def let_go(self):
        """He goes on; if nobody is there, the next one does."""
        os.write(self._go, b"\n")

    def close(self):
        """Nobody is to be waited for any more."""
        self._open.close()

    def _fifo(self, name):
        os.mkfifo(self.directory / name)
        fd = os.open(self.directory / name, os.O_RDWR)
        self._open.callback(os.close, fd)
        return fd

    def _script(self, name, directory):
        program = self.directory / name
        program.write_text(SCRIPT.format(directory))
        program.chmod(0o700)
        return program
