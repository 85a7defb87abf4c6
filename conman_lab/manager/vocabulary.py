"""What may be asked of a manager, in one vocabulary, wherever it is.

`Manager(root)` is in this process, `Client(socket)` speaks to one in another; both have
the methods of `Containers`, and a notebook swaps one for the other.

`ref` is an id, the beginning of one if there is no other like it, or a name.  NotFound
where there is none, WrongState where it is not in a state for that.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, Self

from conman_lab.linux import Exit
from conman_lab.oci import Bundle, Completed
from conman_lab.stream import Stream

from .answers import Event, Record, Stats, Version
from .container import NEVER, UNLIMITED, Container, Limits, Restart, Status

Source = Bundle | Path | str
List = list[Container]  # `list` is one of the verbs
Names = list[str]
Facts = dict[str, Any]


class Session(Protocol):
    """A look at a container, or at a command in it; iterating gives (Stream, bytes)."""

    @property
    def id(self) -> str:
        """The container's, or the command's own."""

    def fileno(self) -> int:
        """What is readable when there is something to read, for select(2)."""

    def read(self, timeout: float | None = None) -> tuple[Stream, bytes] | None:
        """What came next; None: the end.  TimeoutError: nothing in `timeout` s.

        FellBehind: it was written faster than it was read, and that was all we see.
        """

    def send(self, data: bytes) -> None:
        """Type; blocks while the container does not read."""

    def end_input(self) -> None:
        """No more will be typed."""

    def resize(self, rows: int, columns: int) -> None:
        """The window has another size."""

    def wait(self, timeout: float | None = None) -> Exit:
        """How the container, or the command, has ended.  Deadline, ExitLost."""

    def close(self) -> None:
        """Look no more; what was looked at goes on."""

    def __iter__(self) -> Iterator[tuple[Stream, bytes]]: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


class Containers(Protocol):
    """All that can be done to containers, in the order of a life."""

    def version(self) -> Version:
        """Who answers."""

    def create(
        self,
        name: str,
        source: Source,
        *command: str,
        env: Mapping[str, str] = {},
        readonly: bool | None = None,
        labels: Mapping[str, str] = {},
        limits: Limits = UNLIMITED,
        restart: Restart = NEVER,
        auto_remove: bool = False,
        terminal: bool = False,
        stdin: bool = False,
        stdin_once: bool = True,
        rows: int = 0,
        columns: int = 0,
    ) -> Container:
        """Make a container of a bundle, or of a directory with a root file system.

        `command` replaces the bundle's.  `readonly` None: as the bundle says, and a bare
        root file system is.  `auto_remove`: when it has ended, whoever is there then; not
        with a restart policy.  BadName, BadBundle, NameTaken, LaunchFailed, NotPossible.
        """

    def start(self, ref: str) -> Container:
        """Let its command begin; that it has ended by now is no error."""

    def stop(self, ref: str, timeout: float = 10.0) -> Container:
        """SIGTERM, `timeout` seconds, SIGKILL; one that has ended stays so.  Deadline."""

    def kill(self, ref: str, signum: int = 15) -> None:
        """Send a signal to its first process."""

    def wait(self, ref: str, timeout: float | None = None) -> Exit:
        """How it ended.  Deadline: not within `timeout` seconds.  ExitLost."""

    def pause(self, ref: str) -> Container:
        """Freeze every process of it."""

    def resume(self, ref: str) -> Container:
        """Thaw them."""

    def remove(self, ref: str, force: bool = False) -> None:
        """Leave nothing of it; `force`: even if it runs."""

    def list(
        self, status: Status | None = None, labels: Mapping[str, str] = {}
    ) -> List:
        """All of them, or those of a status and with these labels, the oldest first."""

    def status(self, ref: str) -> Container:
        """One of them."""

    def inspect(self, ref: str) -> Facts:
        """All that is known of it, as JSON has it."""

    def logs(
        self,
        ref: str,
        since: float | None = None,
        tail: int | None = None,
        follow: bool = False,
    ) -> Iterator[Record]:
        """What it has written, the last `tail` records; `follow`: and will, to its end."""

    def attach(self, ref: str, stdin: bool = False) -> Session:
        """See what it writes from now on, and type."""

    def exec(
        self,
        ref: str,
        *command: str,
        env: Mapping[str, str] = {},
        cwd: str | None = None,
        terminal: bool = False,
        stdin: bool = False,
        rows: int = 0,
        columns: int = 0,
        log: bool = False,
    ) -> Session:
        """Run one command more in it; `log`: keep what that writes and how it ended."""

    def run_in(
        self,
        ref: str,
        *command: str,
        env: Mapping[str, str] = {},
        cwd: str | None = None,
        timeout: float | None = None,
    ) -> Completed:
        """The same, and wait for it; Deadline: it was ended after `timeout` seconds.

        Of what it writes, the first 16 MiB of each stream.
        """

    def stats(self, ref: str) -> Stats:
        """What it uses by now."""

    def events(self, since: float | None = None) -> Iterator[Event]:
        """What happens from now on, or has happened `since`; ends when it is closed."""

    def prune(self) -> Names:
        """Remove all that have ended; their ids."""

    def close(self) -> None:
        """Let go: containers go on."""
