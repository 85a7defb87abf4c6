"""What a doctor says of one thing: how it is, what was seen, and what to do.

It believes what it has tried.  So there is a program to run, whose end is the answer;
and a lab to try things in, which takes them with it.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from .clean import remove_parent
from .workspace import Lab

NOBODY = 65534
NO_CONTAINER = "this seems to be a container: take a VM, or start it with --privileged"
PATIENCE = 10.0  # seconds for a program that is only to say yes or no


class Level(StrEnum):
    """How it is."""

    OK = "ok"  # as the course wants it
    WARNING = "warning"  # some chapter shows less, or something goes another way
    MISSING = "missing"  # it does not go without


@dataclass(frozen=True)
class Fact:
    """What was `seen`, and the `advice`; that is empty if there is nothing to do."""

    level: Level
    seen: str
    advice: str = ""


def ok(seen: str) -> Fact:
    """Nothing to do."""
    return Fact(Level.OK, seen)


def warning(seen: str, advice: str) -> Fact:
    """It goes without."""
    return Fact(Level.WARNING, seen, advice)


def missing(seen: str, advice: str) -> Fact:
    """It does not."""
    return Fact(Level.MISSING, seen, advice)


def takes_root() -> Fact:
    """What only root can try."""
    return warning("only root can look", "see root, above")


def succeeds(*command: str, as_nobody: bool = False) -> bool:
    """Run it, if it is there, and hear whether it returned 0."""
    who = NOBODY if as_nobody else None
    groups: list[int] | None = [] if as_nobody else None
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            user=who,
            group=who,
            extra_groups=groups,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def version(program: Path) -> str:
    """What it says of itself: the last word of its first line."""
    unknown = "a version that it does not tell"
    command = [str(program), "--version"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return unknown
    first = done.stdout.decode(errors="replace").partition("\n")[0]
    return first.rpartition(" ")[2] or unknown


def sysctl(name: str) -> str:
    """Its value; empty where the kernel does not know it."""
    path = Path("/proc/sys", *name.split("."))
    return path.read_text().strip() if path.exists() else ""


@contextmanager
def trial() -> Iterator[Lab]:
    """A lab to try things in.  LabTaken if another doctor is here.

    Who only asks how the machine is does not want a cgroup of ours on it.
    """
    lab = Lab("check")
    try:
        yield lab
    finally:
        lab.end()
        remove_parent()
