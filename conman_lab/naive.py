"""The shortest way to run a container from code: call the runtime, keep the pipes.

    us ----fork, exec---> runc create ----fork---> the container
     |                        | ends                    | stays, and is now a child
     '---- two pipes ---------------------------------- ' of init, proc(5): not ours

It works, as long as nothing happens.  Each method has a flaw that shows only when
something does: `pitfalls/` has an experiment for each, and `shim/` is the answer.
"""

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .errors import ExitLost, LabError, LaunchFailed
from .linux import Exit
from .oci import Bundle, Runtime
from .oci.runtime import NULL, Stdio
from .stream import Stream


@dataclass(frozen=True)
class Naive:
    """Runs containers and stays with none."""

    runtime: Runtime
    name = "Naive"

    @property
    def home(self) -> Path:
        """The runtime's home is ours."""
        return self.runtime.home

    def create(self, id: str, bundle: Path) -> "NaiveContainer":
        """Create a container whose output comes to us through two pipes."""
        pipes = {stream: os.pipe() for stream in Stream}
        theirs = [write_end for _, write_end in pipes.values()]
        try:
            stdio = Stdio(NULL.stdin, *theirs)
            pid = self.runtime.create(id, Bundle.load(bundle), stdio)
        except LabError as error:
            for read_end, _ in pipes.values():
                os.close(read_end)
            raise LaunchFailed(str(error)) from error
        finally:
            for write_end in theirs:
                os.close(write_end)  # or there would never be an end of file
        ours = {stream: read_end for stream, (read_end, _) in pipes.items()}
        return NaiveContainer(self.runtime, id, pid, ours)


class NaiveContainer:
    """A container, as far as somebody knows it who did not stay."""

    keeper = None
    log = None
    attach_socket = None

    def __init__(
        self, runtime: Runtime, id: str, pid: int, pipes: dict[Stream, int]
    ) -> None:
        self._runtime, self.id, self.pid, self._pipes = runtime, id, pid, pipes

    def start(self) -> None:
        """Let its command begin."""
        self._runtime.start(self.id)

    def output(self, stream: Stream) -> bytes:
        """Read the pipe to its end."""
        if stream not in self._pipes:
            return b""
        with os.fdopen(self._pipes.pop(stream), "rb") as pipe:
            return pipe.read()

    def kill(self, signum: int) -> None:
        """Send a signal to its first process."""
        self._runtime.kill(self.id, signum)

    def wait(self, timeout: float) -> Exit:
        """Ask the runtime, again and again, until the container has stopped."""
        ends_at = time.monotonic() + timeout
        while self._runtime.status(self.id) != "stopped":
            if time.monotonic() > ends_at:
                raise TimeoutError(f"{self.id} did not end in {timeout} s")
            time.sleep(0.02)
        self._close()
        raise ExitLost(
            f"{self.id} has stopped, and how is known only to its parent: init"
        )

    def delete(self) -> None:
        """Remove it."""
        self._close()
        with suppress(LabError):
            self._runtime.delete(self.id, force=True)

    def _close(self) -> None:
        while self._pipes:
            os.close(self._pipes.popitem()[1])
