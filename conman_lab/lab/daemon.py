"""The manager as a process of its own, so that a notebook can kill it.

daemon = Daemon.begin(lab)      conmand, in this lab, answering
manager = daemon.client         what `lab.manager` has, from afar
daemon.kill()                   SIGKILL: no goodbye, nothing is put in order
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from conman_lab.errors import Unreachable
from conman_lab.manager.client import Client

from .facts import until
from .started import Started

PATIENCE = 20.0  # seconds from its start to its first answer


class HasHome(Protocol):
    """A lab."""

    @property
    def home(self) -> Path:
        """All of it."""

    def start(self, *command: str) -> Started:
        """Start a process that ends with the lab."""


@dataclass(frozen=True)
class Daemon:
    """`conmand`, and who speaks to it."""

    process: Started
    client: Client

    @classmethod
    def begin(cls, lab: HasHome) -> "Daemon":
        """Start one that keeps the containers of this lab, and wait for its answer."""
        process = lab.start(
            sys.executable, "-m", "conman_lab.manager.conmand", *flags(lab.home)
        )
        daemon = cls(process, Client(lab.home / "conmand.sock"))
        until(daemon.answers, PATIENCE)
        return daemon

    def answers(self) -> bool:
        """Somebody is there; RuntimeError: it has ended instead, and says why in its log."""
        if self.process.poll() is not None:
            raise RuntimeError(
                "conmand has ended: conmand.log in the lab's home says why"
            )
        try:
            self.client.version()
        except Unreachable:
            return False
        return True

    def kill(self) -> None:
        """SIGKILL, as the kernel does it when memory is short."""
        self.process.kill()
        self.process.wait()

    def __repr__(self) -> str:
        return "conmand: " + ("ended" if self.process.poll() is not None else "answers")


def flags(home: Path) -> list[str]:
    """Conmand's flags for a lab: all that it writes is below its home."""
    return [
        f"--listen={home}/conmand.sock",
        f"--lib-root={home}",
        f"--run-root={home}/run",
        f"--container-logs={home}/logs",
        f"--runtime-root={home}/runc",
        "--streaming-addr=127.0.0.1:0",  # there may be many labs
        f"--log={home}/conmand.log",
    ]
