"""Who takes part: the launchers that this machine has, and how much is asked of them."""

from dataclasses import dataclass
from pathlib import Path

from conman_lab.conformance.conmon import Conmon
from conman_lab.lab.workspace import Lab
from conman_lab.launcher import Launcher
from conman_lab.shim.launcher import Shim


@dataclass(frozen=True)
class Sizes:
    """How much is to be measured."""

    runs: int = 0  # 0: as many as each benchmark thinks right
    containers: int = 20  # that sleep at a time
    megabytes: int = 64  # that a container writes
    churn: int = 200  # containers that live and go
    idle: int = 500  # containers that one manager keeps


def contestants(lab: Lab, durable: bool = True) -> tuple[Launcher, ...]:
    """Conmon, if it is installed, and our shim; `durable`: the log is on the disk."""
    conmon = Conmon(lab.runtime, durable=durable)
    ours = Shim(lab.runtime, durable=durable)
    return (conmon, ours) if conmon.installed else (ours,)


def exit_file(launcher: Launcher, id: str) -> Path:
    """Where the exit of container `id` is told."""
    return launcher.home / "containers" / id / "exit"
