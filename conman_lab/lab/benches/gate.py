r"""Lets a container's command begin when we say so, and not some time after `start`.

`runc start` takes 9 ms, most of them its own, and what comes after should be measured
without.  So the container first waits for a line from a fifo, fifo(7):

    us     create, start    open          write "\n"
    sh                      open, read ......... do what the script says
"""

import errno
import os
from pathlib import Path

from conman_lab.lab.facts import until
from conman_lab.names import make_private
from conman_lab.oci import Bundle

INSIDE = "/gate"  # where the container finds our directory
WAIT = f'read -r _ < {INSIDE}/fifo; eval "$1"'


class Gate:
    """A fifo in `directory`, which the container sees as /gate."""

    def __init__(self, directory: Path) -> None:
        self.directory = make_private(directory)
        self._fifo, self._fd = directory / "fifo", -1
        os.mkfifo(self._fifo, 0o600)

    def bundle(self, bundle: Bundle, script: str) -> Path:
        """Make a bundle that runs `script` once the gate is opened."""
        waiting = bundle.with_args("sh", "-c", WAIT, "sh", script)
        gated = waiting.with_mount(self.directory, INSIDE, "ro")
        return gated.save(self.directory / "bundle").directory

    def wait(self) -> None:
        """Wait until the container stands before it.  TimeoutError."""
        until(self._awaited)

    def open(self) -> None:
        """Let it through."""
        os.write(self._fd, b"\n")
        os.close(self._fd)

    def _awaited(self) -> bool:
        try:
            self._fd = os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:  # nobody has opened it for reading
                raise
            return False
        return True
