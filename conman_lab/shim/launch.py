"""The manager's side: start a shim, hear its report; and `Shim`, a launcher.

A fresh interpreter, not a fork of ours: a notebook's kernel has threads, and after
fork(2) a threaded program may only exec.  `-I -S` keeps it small: no site, no user's
directories, no environment variables of Python's.
"""

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from conman_lab import linux
from conman_lab.errors import ExitLost, LabError, LaunchFailed
from conman_lab.identity import Identity
from conman_lab.linux import Exit
from conman_lab.oci import Bundle, Runtime, cgroups
from conman_lab.places import COURSE
from conman_lab.stream import Stream

from .exitfile import read_exit_file
from .logs import read_log
from .protocol import SYNC_PIPE, Options, Report

BOOT = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from conman_lab.shim.__main__ import main; main()"
)
OUR_SHIM = (sys.executable, "-I", "-S", "-c", BOOT, str(COURSE))


def launch(options: Options, program: tuple[str, ...] = OUR_SHIM) -> int:
    """Create the container under a new shim; return its pid, for `start` to wake.

    LaunchFailed in the runtime's words, or that the shim has died.
    """
    ours, theirs = os.pipe()
    with open(options.file("shim.log"), "ab") as shim_log:
        try:
            subprocess.run(
                [*program, *options.to_argv()],
                env={**os.environ, SYNC_PIPE: str(theirs)},
                pass_fds=[theirs],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=shim_log,
            )
        except OSError as error:  # ENOENT, EACCES: a learner's own program
            os.close(ours)
            raise LaunchFailed(f"cannot start the shim: {error}") from error
        finally:
            os.close(theirs)  # or we would wait for our own end of file
    report = Report.receive(ours)
    if report.pid is None:
        raise LaunchFailed(report.error)
    return report.pid


@dataclass(frozen=True)
class Shim:
    """Runs containers, each under a shim of its own."""

    runtime: Runtime
    program: tuple[str, ...] = OUR_SHIM  # or a learner's own
    log_size: int = 0
    deadline: float = 30.0
    durable: bool = True  # the log is on the disk before the exit is told
    name: str = "Shim"

    @property
    def home(self) -> Path:
        """The runtime's home is ours."""
        return self.runtime.home

    def create(self, id: str, bundle: Path) -> "ShimContainer":
        """Create a container under a shim.  LaunchFailed leaves nothing behind."""
        try:
            own = self.runtime.place(id, Bundle.load(bundle))
        except LabError as error:
            raise LaunchFailed(str(error)) from error
        container = ShimContainer(self.runtime, id)
        try:
            launch(self._options(own, id), self.program)
        except LaunchFailed:
            container.delete()
            raise
        return container

    def _options(self, own: Bundle, id: str) -> Options:
        return Options(
            id=id,
            runtime=str(self.runtime.program),
            root=str(self.runtime.root),
            directory=str(own.directory.parent),
            terminal=own.terminal,
            log_size=self.log_size,
            deadline=self.deadline,
            durable=self.durable,
            debug=self.runtime.debug,
        )


class ShimContainer:
    """A container, and the files in which its shim tells of it.

    It holds nothing open: another process can make the same object tomorrow.
    """

    def __init__(self, runtime: Runtime, id: str) -> None:
        self._runtime, self.id = runtime, id
        self.directory = runtime.home / "containers" / id
        self.log = self.directory / "log"
        self.attach_socket = self.directory / "attach"

    @property
    def pid(self) -> int:
        """The container's first process; the runtime has written it down."""
        return int((self.directory / "pid").read_text())

    @property
    def shim(self) -> Identity | None:
        """The shim, living or dead; None if it has never come so far."""
        return Identity.read(self.directory / "shim.pid")

    @property
    def keeper(self) -> int | None:
        """The shim's pid, as long as it lives."""
        return self.shim.pid if self.shim and self.shim.alive else None

    def start(self) -> None:
        """Let its command begin."""
        self._runtime.start(self.id)

    def output(self, stream: Stream) -> bytes:
        """Read the log: nobody has to be waited for."""
        return read_log(self.log)[stream]

    def kill(self, signum: int) -> None:
        """Send a signal to its first process."""
        self._runtime.kill(self.id, signum)

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

    def delete(self) -> None:
        """End it, wait for its shim, and leave nothing of both behind."""
        group = f"{self._runtime.cgroup_parent}/{self.id}"
        cgroups.thaw(group)
        with suppress(LabError, OSError):  # ENOENT: the runtime itself has gone
            self._runtime.kill(self.id, signal.SIGKILL)
        if self.shim and not self.shim.wait(timeout=5):
            self.shim.signal(signal.SIGKILL)
        with suppress(LabError, OSError):
            self._runtime.delete(self.id, force=True)
        cgroups.end(group)
        rmtree(self.directory, ignore_errors=True)


def wait_for_end(directory: Path, shim: Identity | None, timeout: float) -> bool:
    """Wait for an exit file in `directory`, or for the shim's death without one."""
    exit_file = directory / "exit"
    with ExitStack() as stack:
        news = linux.watch_directory(str(directory))
        stack.callback(os.close, news)
        if exit_file.exists() or shim is None or not shim.alive:
            return True
        death = os.pidfd_open(shim.pid)
        stack.callback(os.close, death)
        ends_at = time.monotonic() + timeout
        while not exit_file.exists() and shim.alive:
            left = ends_at - time.monotonic()
            if left <= 0:
                return False
            select.select([news, death], [], [], left)
            with suppress(BlockingIOError):
                os.read(news, 4096)
    return True
