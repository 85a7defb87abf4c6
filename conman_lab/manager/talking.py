"""What a manager does with those that run: attach, and exec.

Neither takes a container's lock: to look at one whose `stop` is slow is a good idea.
"""

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from conman_lab.errors import Deadline, InvalidArgument, LaunchFailed, WrongState
from conman_lab.oci import Completed
from conman_lab.shim.exec import prepare
from conman_lab.shim.launch import launch, launch_watched
from conman_lab.shim.logs import written_in
from conman_lab.shim.protocol import Options
from conman_lab.shim.viewer import Viewer
from conman_lab.spans import span
from conman_lab.stream import Stream

from .commands import KEEP, discard
from .container import Container
from .facts import identity
from .house import House
from .recipe import check_window
from .sessions import LOGGED, ViewerSession, awaited
from .steps import passed

T = TypeVar("T")

UNLOGGED = "let it write to a file, or exec it with log=True"
MOST = 16 * 1024 * 1024  # bytes a stream: what `run_in` gives, and CRI's ExecSync


class Talking:
    """The part of a manager that talks with containers."""

    _house: House

    def attach(self, ref: str, stdin: bool = False) -> ViewerSession:
        """See what it writes from now on, and type.  WrongState: it has ended."""
        container = self.attachable(ref, stdin)
        entry = self._house.register.find(container.id)
        try:
            viewer = Viewer.connect(self._house.store.directory(entry.id))
        except (FileNotFoundError, ConnectionRefusedError) as error:
            self._house.refresh(entry).may("attach to")
            raise WrongState(
                f"cannot attach to {container.name}: its shim has died"
            ) from error
        return ViewerSession(entry.id, container.name, viewer, entry.end)

    def attachable(self, ref: str, stdin: bool) -> Container:
        """Return it, if it can be attached to.  InvalidArgument, NotFound, WrongState."""
        entry = self._house.register.find(ref)
        container = self._house.refresh(entry).may("attach to")
        if stdin and not (container.stdin or container.terminal):
            raise InvalidArgument(
                f"{container.name} reads nothing: create it with stdin=True"
            )
        return container

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
    ) -> ViewerSession:
        """Run one command more in it; `log`: keep what that writes and how it ended."""
        wishes = {"env": env, "cwd": cwd, "terminal": terminal, "stdin": stdin}
        size = {"rows": rows, "columns": columns}
        check_window(rows, columns)
        container, options = self._prepared(ref, command, **wishes, **size)
        if log:
            (Path(options.directory) / KEEP).touch()
        _, viewer = self._launched(container, options, command, launch_watched)
        it = self._house.commands.keep(Path(options.directory))
        name = f"{command[0]} in {container.name}"
        return ViewerSession(
            it.directory.name, name, viewer, it.end, LOGGED if log else UNLOGGED
        )

    def run_in(
        self,
        ref: str,
        *command: str,
        env: Mapping[str, str] = {},
        cwd: str | None = None,
        timeout: float | None = None,
    ) -> Completed:
        """The same, and wait for it; Deadline: it was ended after `timeout` seconds.

        What it wrote is read from its log, the first 16 MiB of each stream: we may be
        busy, and a viewer that does not keep up is dropped.
        """
        container, options = self._prepared(ref, command, env=env, cwd=cwd)
        pid = self._launched(container, options, command, launch)
        process = identity(pid)
        it = self._house.commands.keep(Path(options.directory), unread=True)
        try:
            with (it.directory / "log").open("rb") as log:  # its container may go first
                how = awaited(it.end, command[0], timeout)
                written = written_in(log, MOST)
        except Deadline as error:
            process.signal()
            raise Deadline(f"{error}, and so it was ended") from None
        finally:
            self._house.commands.let_go(it)
        return Completed(how.status, *(written[stream] for stream in Stream))

    def _prepared(
        self, ref: str, command: tuple[str, ...], **wishes: Any
    ) -> tuple[Container, Options]:
        """Who is to run it, and all that its shim will be told."""
        house, entry = self._house, self._house.register.find(ref)
        container = house.refresh(entry).may("exec in")
        if container.paused:
            raise WrongState(
                f"cannot exec in {container.name}, it is paused: resume it first"
            )
        if not command:
            raise InvalidArgument(f"exec in {container.name}: which command?")
        place = (entry.id, secrets.token_hex(6))
        wishes["name"] = container.name
        return container, prepare(house.runtime, *place, *command, **wishes)

    def _launched(
        self,
        container: Container,
        options: Options,
        command: tuple[str, ...],
        how: Callable[..., T],
    ) -> T:
        """What `launch` or `launch_watched` gives; if that fails there is no command."""
        passed("exec: prepared")
        directory = Path(options.directory)
        try:
            with span("manager exec", id=container.id):
                launched = how(options, zygote=self._house.zygote)
        except LaunchFailed as error:
            discard(directory)
            raise LaunchFailed(f"cannot exec in {container.name}: {error}") from error
        except BaseException:  # EMFILE, or somebody has lost patience
            discard(directory)
            raise
        passed("exec: shim launched")
        words = {"exec": directory.name, "command": " ".join(command)}
        self._house.tell("exec", container, **words)
        return launched
