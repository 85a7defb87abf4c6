"""Other people's engines, by their own command lines: a whole life is one `run --rm`.

A program that is started for each container is not their best, but it is how they are
used.  Those that are not installed, or do not answer, are named and left out.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from conman_lab.errors import RuntimeFailed
from conman_lab.lab.workspace import Lab
from conman_lab.linux import Exit
from conman_lab.oci import Bundle
from conman_lab.stream import Stream

CONTAINERD = Path("/run/containerd/containerd.sock")


@dataclass(frozen=True)
class Peer:
    """An engine that runs a container with `run`, and the words behind that."""

    name: str
    run: tuple[str, ...]
    home: Path

    def create(self, id: str, bundle: Path) -> "PeerContainer":
        """Remember what is to be run."""
        return PeerContainer(self, id, Bundle.load(bundle))


class PeerContainer:
    """A container that lives as long as `start` takes."""

    keeper = log = attach_socket = None
    pid = 0

    def __init__(self, peer: Peer, id: str, bundle: Bundle) -> None:
        self._peer, self.id, self._bundle = peer, id, bundle

    def start(self) -> None:
        """Create it, start it, wait for its end, remove it.  RuntimeFailed."""
        words = {"{id}": self.id, "{rootfs}": str(self._bundle.rootfs)}
        command = [words.get(word, word) for word in self._peer.run]
        command += self._bundle.args
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeFailed("run", command, done.returncode, done.stderr)

    def output(self, stream: Stream) -> bytes:
        """Its engine has it."""
        return b""

    def kill(self, signum: int) -> None:
        """It has ended by itself."""

    def wait(self, timeout: float) -> Exit:
        """It has ended well, or `start` would have failed."""
        return Exit(code=0)

    def delete(self) -> None:
        """Its engine has done that."""


def peers(lab: Lab) -> list[Peer]:
    """Those that are here; of the others it is said."""
    able = []
    if shutil.which("podman"):
        able.append(Peer("podman run", _podman(lab), lab.home))
    if shutil.which("ctr") and os.access(CONTAINERD, os.W_OK):
        run = ("ctr", "run", "--rm", "--env=PATH=/bin", "--rootfs", "{rootfs}", "{id}")
        able.append(Peer("ctr run", run, lab.home))
    absent = {"podman run", "ctr run"} - {peer.name for peer in able}
    if absent:
        print(f"not here, or not answering: {', '.join(sorted(absent))}")
    return able


def _podman(lab: Lab) -> tuple[str, ...]:
    """With all that it writes below the lab's home."""
    where = (f"--root={lab.home}/podman", f"--runroot={lab.home}/podman-run")
    how = ("--cgroup-manager=cgroupfs", "--events-backend=none")
    runtime = f"--runtime={lab.runtime.program}"
    few = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")  # as we may
    plain = ("--network=none", *few)
    run = ("run", "--rm", *plain, "--rootfs", "{rootfs}")
    return ("podman", *where, *how, runtime, *run)
