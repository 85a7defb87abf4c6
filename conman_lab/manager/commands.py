"""Commands that run in containers beside the first one: `exec`.

Each has a directory, containers/ID/execs/EXEC, with the files of a shim in it, so its
exit survives us.  The directory goes when its shim has ended, unless somebody wants to
keep the log.
"""

import shutil
from concurrent.futures import InvalidStateError
from contextlib import suppress
from pathlib import Path

from .facts import exit_of, shim_of
from .outcome import Outcome
from .store import set_aside
from .watcher import Watcher

KEEP = "keep"  # a note in a directory that stays


class Command:
    """One of them, and its end; None: nobody knows how."""

    def __init__(self, directory: Path, unread: bool) -> None:
        self.directory = directory
        self.unread = unread  # somebody will come for its log
        self.end = Outcome()

    @property
    def key(self) -> str:
        """CONTAINER/EXEC: what the watcher calls it."""
        return f"{self.directory.parents[1].name}/{self.directory.name}"


class Commands:
    """Those that run now."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._running: dict[str, Command] = {}

    def keep(self, directory: Path, unread: bool = False) -> Command:
        """Hear of its end.  One that is `unread` stays until it is `let_go`."""
        command = Command(directory, unread)
        self._running[command.key] = command
        self._watcher.watch(command.key, directory)
        if shim := shim_of(directory):
            self._watcher.follow(command.key, shim)
        self.look(command.key)
        return command

    def restore(self, container: Path) -> None:
        """Those that run go on; what is left of others goes."""
        for directory in container.glob("execs/*"):
            shim = shim_of(directory)
            if shim and shim.alive:
                self.keep(directory)
            else:
                discard(directory)

    def hear(self, container: Path) -> None:
        """How those in it have ended, before their directories go with it."""
        for directory in container.glob("execs/*"):
            self.look(f"{container.name}/{directory.name}")

    def look(self, key: str) -> None:
        """Something of it has ended: the command, or its shim after it."""
        if (command := self._running.get(key)) is None:
            return
        shim = shim_of(command.directory)
        lives = shim is not None and shim.alive
        how = exit_of(command.directory)
        if how or not lives:
            with suppress(InvalidStateError):  # that was told before
                command.end.set_result(how)
        if not lives and not command.unread:
            self._running.pop(key, None)
            discard(command.directory)

    def let_go(self, command: Command) -> None:
        """Its log has been read: it may go, now or when its shim has ended."""
        command.unread = False
        self.look(command.key)

    def close(self) -> None:
        """Wait for none of them any more."""
        for command in [*self._running.values()]:
            command.end.cancel()


def discard(directory: Path) -> None:
    """Remove it, if nobody wants to keep it.

    It is renamed first: the shim of one that was launched just now gives up then.
    """
    if (directory / KEEP).exists() and (directory / "exit").exists():
        return
    shutil.rmtree(set_aside(directory), ignore_errors=True)
