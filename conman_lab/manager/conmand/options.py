"""conmand's flags, which are conman's, and the places that they name.

    --lib-root         containers/ID: all that must outlive us; one daemon has it
    --run-root         conmand.pid: who we are
    --runtime-root     the OCI runtime's own state
    --container-logs   ID.log: a link to the log of each container; see links.py

A lib-root of its own has a cgroup of its own.  One that is a lab's home belongs to that
lab, and `./lab clean` finds what it left; any other is its user's, and nobody else's to
clean.
"""

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conman_lab import places
from conman_lab.errors import RuntimeMissing
from conman_lab.oci import Runtime

from .address import Address

LIB_ROOT = Path("/var/lib/conman")
RUNTIME_PATH = Path("/usr/bin/runc")  # conman's; Debian has it in /usr/sbin


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    listen: Path
    lib_root: Path
    run_root: Path
    container_logs: Path
    streaming_addr: Address
    shimmy_path: Path | None
    runtime_path: Path
    runtime_root: Path
    log: Path | None

    @classmethod
    def from_argv(cls, argv: Sequence[str] | None = None) -> "Options":
        """Read flags; paths become absolute.  SystemExit: a wrong one, or --help."""
        given = vars(_parser().parse_args(argv))
        paths: dict[str, Any] = {
            name: value.absolute() if isinstance(value, Path) else value
            for name, value in given.items()
        }
        return cls(**paths)

    @property
    def cgroup_parent(self) -> str:
        """The cgroup of all its containers."""
        labs = places.root() / "labs"
        if self.lib_root.parent == labs:
            return f"{places.cgroup_parent()}/{self.lib_root.name}"
        if self.lib_root == LIB_ROOT:
            return "conman"
        return "conman-" + hashlib.sha256(bytes(self.lib_root)).hexdigest()[:8]

    @property
    def is_a_labs(self) -> bool:
        """Its lib-root is the home of a lab."""
        return self.lib_root.parent == places.root() / "labs"

    def runtime(self) -> Runtime:
        """The OCI runtime, with its state where it was told.  RuntimeMissing."""
        program = self.runtime_path
        if not program.exists():
            if program != RUNTIME_PATH:
                raise RuntimeMissing(f"there is no {program}: --runtime-path names one")
            program = Runtime.find("runc").program
        return Runtime(
            program, self.lib_root, self.cgroup_parent, states=self.runtime_root
        )


def _address(words: str) -> Address:
    try:
        return Address.parse(words)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="conmand",
        description="Keep containers, and serve gRPC on a unix socket, until SIGTERM.",
    )
    for short, long, default, words in (
        ("-l", "--listen", "/var/run/conmand.sock", "the socket"),
        ("-b", "--lib-root", str(LIB_ROOT), "what must outlive a restart"),
        ("-n", "--run-root", "/var/run/conman", "what need not outlive a boot"),
        ("-L", "--container-logs", "/var/log/conman/containers", "links to the logs"),
        ("-r", "--runtime-path", str(RUNTIME_PATH), "runc or crun"),
        ("-t", "--runtime-root", "/var/run/conman-runc", "the runtime's own state"),
    ):
        parser.add_argument(
            *(short, long),
            type=Path,
            default=default,
            metavar="PATH",
            help=f"{words} ({default})",
        )
    parser.add_argument(
        *("-S", "--streaming-addr"),
        type=_address,
        default="127.0.0.1:8881",
        metavar="HOST:PORT",
        help="where the addresses lead that Attach answers; port 0: a free one "
        "(127.0.0.1:8881)",
    )
    parser.add_argument(
        *("-s", "--shimmy-path"),
        type=Path,
        metavar="PATH",
        help="taken and not used: the shim is our own",
    )
    parser.add_argument(
        "--log", type=Path, metavar="PATH", help="a file for our log (stderr)"
    )
    return parser
