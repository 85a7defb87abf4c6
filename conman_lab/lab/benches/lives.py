"""Whole lives: create, start, wait, delete; by the bare runtime, and by our manager.

`runc csd` is the reference: the least that must be done, by somebody who keeps nothing.
It learns of the end from a pidfd, so what it takes is the runtime's own time.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from conman_lab.errors import ExitLost, LabError
from conman_lab.identity import Identity
from conman_lab.linux import Exit
from conman_lab.manager.vocabulary import Containers
from conman_lab.oci import Bundle, Runtime
from conman_lab.shim.kept import Kept
from conman_lab.stream import Stream

from .beside import BenchLab


@dataclass(frozen=True)
class Bare:
    """The runtime, and nobody else."""

    runtime: Runtime
    name: str = "runc csd"

    @property
    def home(self) -> Path:
        """The runtime's home is ours."""
        return self.runtime.home

    def create(self, id: str, bundle: Path) -> "BareContainer":
        """Create a container that writes to nobody."""
        pid = self.runtime.create(id, Bundle.load(bundle))
        return BareContainer(self.runtime, id, pid)


class BareContainer:
    """A container that nobody stays with."""

    keeper = log = attach_socket = None

    def __init__(self, runtime: Runtime, id: str, pid: int) -> None:
        self._runtime, self.id, self.pid = runtime, id, pid
        self._process = Identity.of(pid)

    def start(self) -> None:
        """Let its command begin."""
        self._runtime.start(self.id)

    def output(self, stream: Stream) -> bytes:
        """It went nowhere."""
        return b""

    def kill(self, signum: int) -> None:
        """Send a signal to its first process."""
        self._runtime.kill(self.id, signum)

    def wait(self, timeout: float) -> Exit:
        """Wait for its end, and not know how."""
        if not self._process.wait(timeout):
            raise TimeoutError(f"{self.id} did not end in {timeout:g} s")
        raise ExitLost(f"{self.id} has ended, and how is init's to know")

    def delete(self) -> None:
        """Remove it."""
        self._runtime.delete(self.id, force=self._process.alive)


@dataclass(frozen=True)
class Managed:
    """Our manager, in this process or behind a socket, as a launcher."""

    manager: Containers
    home: Path
    name: str = "Manager"

    def create(self, id: str, bundle: Path) -> "ManagedContainer":
        """Create a container that is called `id`."""
        created = self.manager.create(id, bundle)
        return ManagedContainer(self.manager, id, Path(created.log_path).parent)


class ManagedContainer(Kept):
    """A container of a manager's."""

    def __init__(self, manager: Containers, name: str, directory: Path) -> None:
        super().__init__(name, directory)
        self._manager = manager

    def start(self) -> None:
        """Let its command begin."""
        self._manager.start(self.id)

    def kill(self, signum: int) -> None:
        """Send a signal to its first process."""
        self._manager.kill(self.id, signum)

    def wait(self, timeout: float) -> Exit:
        """How it ended."""
        return self._manager.wait(self.id, timeout)

    def delete(self) -> None:
        """Leave nothing of it."""
        with suppress(LabError):  # it has gone
            self._manager.remove(self.id, force=True)


def managed(lab: BenchLab) -> tuple[Managed, Managed]:
    """Ours: in process, and through the daemon."""
    client = lab.daemon.client
    return (
        Managed(lab.manager, lab.home),
        Managed(client, client.socket.parent, "conmand"),
    )


def unique() -> str:
    """A name that no container has had."""
    return f"b{os.urandom(6).hex()}"
