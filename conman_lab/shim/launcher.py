"""`Shim`, a launcher: each of its containers has a shim that stays with it.

It is to `Naive` what this course is about: the same verbs, conman_lab/launcher.py, and
none of the pitfalls.
"""

import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from conman_lab.errors import LabError, LaunchFailed
from conman_lab.oci import Bundle, Runtime, cgroups

from .exec import prepare
from .kept import Kept
from .launch import OUR_SHIM, launch
from .protocol import Options


@dataclass(frozen=True)
class Shim:
    """Runs containers, each under a shim of its own."""

    runtime: Runtime
    program: tuple[str, ...] = OUR_SHIM  # or a learner's own
    log_size: int = 0
    deadline: float = 30.0
    durable: bool = True  # the log is on the disk before the exit is told
    stdin: bool = False  # a pipe that viewers type into, not /dev/null
    stdin_once: bool = False  # and at its end when the first who typed has finished
    rows: int = 0  # the first size of a terminal's window; 0: as it is
    columns: int = 0
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
        container = ShimContainer(self.runtime, id, self.program)
        try:
            launch(self._options(own, id), self.program)
        except LaunchFailed:
            container.delete()
            raise
        except BaseException:  # somebody has lost patience, and a shim goes on with it
            if container.shim:
                container.shim.signal()  # and its runtime ends with it
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
            rows=self.rows,
            columns=self.columns,
            stdin=self.stdin,
            stdin_once=self.stdin_once,
            log_size=self.log_size,
            deadline=self.deadline,
            durable=self.durable,
            debug=self.runtime.debug,
        )


class ShimContainer(Kept):
    """A container under a shim."""

    def __init__(
        self, runtime: Runtime, id: str, program: tuple[str, ...] = OUR_SHIM
    ) -> None:
        super().__init__(id, runtime.home / "containers" / id)
        self._runtime, self._program = runtime, program

    def start(self) -> None:
        """Let its command begin."""
        self._runtime.start(self.id)

    def kill(self, signum: int) -> None:
        """Send a signal to its first process."""
        self._runtime.kill(self.id, signum)

    def exec(self, id: str, *args: str, terminal: bool = False) -> Kept:
        """Run one command more in it, under a shim of its own.

        LaunchFailed leaves nothing behind.
        """
        options = prepare(self._runtime, self.id, id, *args, terminal=terminal)
        command = Kept(id, Path(options.directory))
        try:
            launch(options, self._program)
        except LaunchFailed:
            command.wait_for_shim(timeout=5)
            rmtree(command.directory, ignore_errors=True)
            raise
        return command

    def delete(self) -> None:
        """End it, wait for its shim, and leave nothing of both behind.

        With it end the commands that were exec'd in it, and their shims.
        """
        group = f"{self._runtime.cgroup_parent}/{self.id}"
        cgroups.thaw(group)
        with suppress(LabError, OSError):  # ENOENT: the runtime itself has gone
            self._runtime.kill(self.id, signal.SIGKILL)
        self.wait_for_shim(timeout=5)
        with suppress(LabError, OSError):
            self._runtime.delete(self.id, force=True)
        cgroups.end(group)
        for place in self.directory.glob("execs/*"):
            Kept(place.name, place).wait_for_shim(timeout=5)
        rmtree(self.directory, ignore_errors=True)
