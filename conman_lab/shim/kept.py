"""What has a shim: a container, or a command that was exec'd in one.

Both have a directory with the same files, in which the shim tells of it.
"""

import os
import select
import signal
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from conman_lab import linux
from conman_lab.errors import ExitLost
from conman_lab.identity import Identity
from conman_lab.linux import Exit
from conman_lab.stream import Stream

from .exitfile import read_exit_file
from .logs import read_log
from .viewer import Viewer


class Kept:
    """Holds nothing open: another process can make the same object tomorrow."""

    def __init__(self, id: str, directory: Path) -> None:
        self.id, self.directory = id, directory
        self.log = directory / "log"
        self.attach_socket = directory / "attach"

    @property
    def pid(self) -> int:
        """Its first process; the runtime has written it down."""
        return int((self.directory / "pid").read_text())

    @property
    def shim(self) -> Identity | None:
        """The shim, living or dead; None if it has never come so far."""
        return Identity.read(self.directory / "shim.pid")

    @property
    def keeper(self) -> int | None:
        """The shim's pid, as long as it lives."""
        shim = self.shim
        return shim.pid if shim and shim.alive else None

    def output(self, stream: Stream) -> bytes:
        """Read the log: nobody has to be waited for."""
        return read_log(self.log)[stream]

    def attach(self) -> Viewer:
        """Look at it, and type, from now on; FileNotFoundError: it is over."""
        return Viewer.connect(self.directory, self.attach_socket)

    def wait(self, timeout: float) -> Exit:
        """Wait for the shim to end: the exit file is there then, or never will be.

        A pidfd is readable when its process has ended, pidfd_open(2), so this does not
        poll.  The exit file comes a little earlier, and inotify(7) tells of it.
        """
        if not wait_for_end(self.directory, self.shim, timeout):
            raise TimeoutError(f"{self.id} did not end in {timeout:g} s")
        how = read_exit_file(self.directory / "exit")
        if how is None:
            raise ExitLost(f"the shim of {self.id} died before its container")
        return how

    def wait_for_shim(self, timeout: float) -> None:
        """Wait until it has ended, too; after `timeout` seconds end it."""
        shim = self.shim
        if shim and not shim.wait(timeout):
            shim.signal(signal.SIGKILL)


def wait_for_end(directory: Path, shim: Identity | None, timeout: float) -> bool:
    """Wait for an exit file in `directory`, or for the shim's death without one."""
    exit_file = directory / "exit"
    with ExitStack() as stack:
        news = linux.watch_directory(str(directory))
        stack.callback(os.close, news)
        if exit_file.exists() or shim is None:
            return True
        try:
            death = shim.pidfd()
        except ProcessLookupError:  # it has ended, perhaps a moment ago
            return True
        stack.callback(os.close, death)
        sources = select.poll()  # select(2) knows only descriptors below 1024
        for source in (news, death):
            sources.register(source, select.POLLIN)
        ends_at = time.monotonic() + timeout
        while not exit_file.exists() and shim.alive:
            left = ends_at - time.monotonic()
            if left <= 0:
                return False
            sources.poll(left * 1000)
            with suppress(BlockingIOError):
                os.read(news, 4096)
    return True
