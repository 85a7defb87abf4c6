"""The seam of the course: what every way of running a container can do.

`Naive`, `Shim` and `Conmon` are launchers.  Pitfalls, conformance and exercises receive
one and never ask which, so the same experiment runs on all of them, the learner's own
included:

    create --------> start --------> (the container ends) --------> delete
           Launched: pid, keeper, output, kill, wait

A launcher is a frozen dataclass: it holds what to run and where, never a running thing,
so that it can be handed to another process.
"""

from pathlib import Path
from typing import Protocol

from .linux import Exit
from .stream import Stream


class Launched(Protocol):
    """A container that a launcher has created."""

    @property
    def id(self) -> str:
        """Its name, the runtime's and ours."""

    @property
    def pid(self) -> int:
        """Its first process: `runc init` until it is started, then its command."""

    @property
    def keeper(self) -> int | None:
        """The process that stays with it; None: nobody does."""

    @property
    def log(self) -> Path | None:
        """Where its output is recorded; None: nowhere."""

    @property
    def attach_socket(self) -> Path | None:
        """Where to connect to watch it, SOCK_SEQPACKET; None: nowhere."""

    def start(self) -> None:
        """Let its command begin.  RuntimeFailed."""

    def output(self, stream: Stream) -> bytes:
        """All that it has written so far, or all there ever was."""

    def kill(self, signum: int) -> None:
        """Send a signal to its first process, through the runtime.  RuntimeFailed."""

    def wait(self, timeout: float) -> Exit:
        """How it ended.  TimeoutError: not within `timeout` seconds.  ExitLost."""

    def delete(self) -> None:
        """End it, whatever it does, and leave nothing of it behind."""


class Launcher(Protocol):
    """A way of running containers."""

    @property
    def name(self) -> str:
        """How a table calls it."""

    @property
    def home(self) -> Path:
        """The directory under which it keeps all that it writes."""

    def create(self, id: str, bundle: Path) -> Launched:
        """Create a container from a directory with a config.json.  LaunchFailed."""
