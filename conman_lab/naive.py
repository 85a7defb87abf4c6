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

from .errors import ExitLost, LabError, LaunchFailed, RuntimeFailed
from .linux import Exit
from .oci import Bundle, Runtime
from .oci.program import NULL, Stdio, last_words
from .stream import Stream

ITS_STDERR = Path("/dev/stderr")  # where a runtime talks that nobody has told otherwise


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
        """Create a container whose output comes to us through two pipes.

        The runtime has them first, so its own words are in the second one, too.
        """
        pipes = {stream: os.pipe() for stream in Stream}
        theirs = [write_end for _, write_end in pipes.values()]
        try:
            stdio = Stdio(NULL.stdin, *theirs)
            pid = self.runtime.create(id, Bundle.load(bundle), stdio, log=ITS_STDERR)
        except LabError as error:
            why = self._why(error, pipes[Stream.STDERR][0])
            for read_end, _ in pipes.values():
                os.close(read_end)
            raise LaunchFailed(why) from error
        finally:
            for write_end in theirs:
                os.close(write_end)  # or there would never be an end of file
        ours = {stream: read_end for stream, (read_end, _) in pipes.items()}
        return NaiveContainer(self.runtime, id, pid, ours)

    def _why(self, error: LabError, stderr: int) -> str:
        """A failed runtime has told it to the pipe."""
        if not isinstance(error, RuntimeFailed):
            return str(error)
        said = b""
        os.set_blocking(stderr, False)
        with suppress(BlockingIOError):  # EAGAIN: it has said nothing
            said = os.read(stderr, 65536)
        words = f"{last_words(said.decode(errors='replace'))}\n{error.words}"
        verb = f"{self.runtime} create"
        return str(RuntimeFailed(verb, error.command, error.status, words))


class NaiveContainer:
    """A container, as far as somebody knows it who did not stay."""

    keeper = None
    log = None
    attach_socket = None

    def __init__(
        self, runtime: Runtime, id: str, pid: int, pipes: dict[Stream, int]
    ) -> None:
        self._runtime, self.id, self.pid, self._pipes = runtime, id, pid, pipes

    def __getstate__(self) -> dict[str, object]:
        """What can be handed to another process: all but the pipes."""
        return self.__dict__ | {"_pipes": {}}

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
