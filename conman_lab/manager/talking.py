"""What a manager does with those that run: attach, and exec.

Neither takes a container's lock: to look at one whose `stop` is slow is a good idea.
"""

import math
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conman_lab.errors import Deadline, InvalidArgument, LaunchFailed, WrongState
from conman_lab.identity import Identity
from conman_lab.oci import Completed
from conman_lab.shim.exec import prepare
from conman_lab.shim.launch import launch_watched
from conman_lab.shim.viewer import Viewer
from conman_lab.spans import span
from conman_lab.stream import Stream

from .commands import KEEP, discard
from .container import Container
from .facts import identity
from .house import House
from .sessions import ViewerSession
from .steps import passed

MOST = (
    16 * 1024 * 1024
)  # bytes of each stream that `run_in` collects, as CRI's ExecSync


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
        return self._exec(ref, command, log, **wishes, **size)[0]

    def run_in(
        self,
        ref: str,
        *command: str,
        env: Mapping[str, str] = {},
        cwd: str | None = None,
        timeout: float | None = None,
    ) -> Completed:
        """The same, and wait for it; Deadline: it was ended after `timeout` seconds.

        The first 16 MiB of each stream are kept, and the rest is read for nothing.
        """
        ends_at = math.inf if timeout is None else time.monotonic() + timeout
        written = {stream: bytearray() for stream in Stream}
        session, process = self._exec(ref, command, log=False, env=env, cwd=cwd)
        with session:
            try:
                while news := session.read(_left(ends_at)):
                    room = MOST - len(written[news[0]])
                    written[news[0]] += news[1][:room]
                how = session.wait(_left(ends_at))
            except TimeoutError:
                process.signal()
                raise Deadline(
                    f"{command[0]} did not end in {timeout:g} s, and so it was ended"
                ) from None
        return Completed(how.status, *(bytes(written[stream]) for stream in Stream))

    def _exec(
        self, ref: str, command: tuple[str, ...], log: bool, **wishes: Any
    ) -> tuple[ViewerSession, Identity]:
        """A session, and the command's process, which may have ended by now."""
        house, entry = self._house, self._house.register.find(ref)
        container = house.refresh(entry).may("exec in")
        if container.paused:
            raise WrongState(
                f"cannot exec in {container.name}, it is paused: resume it first"
            )
        if not command:
            raise InvalidArgument(f"exec in {container.name}: which command?")
        place = (entry.id, secrets.token_hex(6))
        options = prepare(
            house.runtime, *place, *command, name=container.name, **wishes
        )
        directory = Path(options.directory)
        if log:
            (directory / KEEP).touch()
        passed("exec: prepared")
        try:
            with span("manager exec", id=entry.id):
                pid, viewer = launch_watched(options, zygote=house.zygote)
        except LaunchFailed as error:
            discard(directory)
            raise LaunchFailed(f"cannot exec in {container.name}: {error}") from error
        passed("exec: shim launched")
        house.tell("exec", container, exec=directory.name, command=" ".join(command))
        end = house.commands.keep(directory).end
        name = f"{command[0]} in {container.name}"
        return ViewerSession(directory.name, name, viewer, end), identity(pid)


def _left(ends_at: float) -> float | None:
    """Seconds until then; None: for ever."""
    return None if ends_at == math.inf else max(ends_at - time.monotonic(), 0.0)
