"""The reference of logs.py: a pipe, `cat >file`, and nothing else.

It frames nothing, keeps stderr apart by dropping it, and knows no exit.  Nobody can be
faster who has to read a pipe and write a file.
"""

import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from conman_lab.errors import ExitLost, LabError, LaunchFailed
from conman_lab.identity import Identity
from conman_lab.linux import Exit
from conman_lab.oci import Bundle, Runtime
from conman_lab.oci.program import NULL
from conman_lab.stream import Stream


@dataclass(frozen=True)
class Cat:
    """Runs containers, each with a cat of its own that copies stdout."""

    runtime: Runtime
    name: str = "cat"

    @property
    def home(self) -> Path:
        """The runtime's home is ours."""
        return self.runtime.home

    def create(self, id: str, bundle: Path) -> "CatContainer":
        """Create a container whose stdout goes to cat.  LaunchFailed."""
        ours, theirs = os.pipe()
        try:
            stdio = replace(NULL, stdout=theirs)
            pid = self.runtime.create(id, Bundle.load(bundle), stdio)
            log = self.home / "containers" / id / "log"
            with log.open("wb") as file:
                cat = subprocess.Popen(["cat"], stdin=ours, stdout=file)
        except LabError as error:
            raise LaunchFailed(str(error)) from error
        finally:
            os.close(ours)
            os.close(theirs)
        return CatContainer(self.runtime, id, pid, log, cat)


class CatContainer:
    """A container that is copied."""

    attach_socket = None

    def __init__(
        self,
        runtime: Runtime,
        id: str,
        pid: int,
        log: Path,
        cat: "subprocess.Popen[bytes]",
    ) -> None:
        self._runtime, self.id, self.pid, self.log = runtime, id, pid, log
        self._cat = cat

    @property
    def keeper(self) -> int | None:
        """Cat, until the pipe has come to its end."""
        return self._cat.pid if self._cat.poll() is None else None

    def start(self) -> None:
        """Let its command begin."""
        self._runtime.start(self.id)

    def output(self, stream: Stream) -> bytes:
        """The file; stderr went nowhere."""
        return self.log.read_bytes() if stream is Stream.STDOUT else b""

    def kill(self, signum: int) -> None:
        """Send a signal to its first process."""
        self._runtime.kill(self.id, signum)

    def wait(self, timeout: float) -> Exit:
        """Wait for the end of the pipe; there is nobody who knows the exit."""
        # Not Popen.wait: with a timeout that sleeps, and looks, up to 50 ms too late.
        if self.keeper and not Identity.of(self._cat.pid).wait(timeout):
            raise TimeoutError(f"{self.id} did not end in {timeout:g} s")
        raise ExitLost(f"{self.id} has ended, and cat does not know how")

    def delete(self) -> None:
        """Remove it; with its end the pipe ends, and so does cat."""
        with suppress(LabError):
            self._runtime.delete(self.id, force=True)
        self._cat.wait()
