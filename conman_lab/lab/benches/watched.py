"""What it costs to be watched: a container's life, with and without a trace of it.

The same launcher is its own reference.  Beginning and ending a trace takes the same few
milliseconds however long it was, so both are told: the life alone, and with them.
"""

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from conman_lab.lab.workspace import Lab
from conman_lab.launcher import Launched, Launcher
from conman_lab.shim.launcher import Shim

from .contestants import Sizes
from .measure import Discipline, Sample

ALONE, TRACED = "alone", "traced"
PATIENCE = 10.0
_numbers = count(1)


@dataclass(frozen=True)
class Watched:
    """A launcher whose containers are traced, or are not."""

    launcher: Launcher
    lab: Lab
    name: str

    @property
    def home(self) -> Path:
        """The launcher's."""
        return self.launcher.home

    def create(self, id: str, bundle: Path) -> Launched:
        """The launcher's."""
        return self.launcher.create(id, bundle)

    def watching(self) -> AbstractContextManager[object]:
        """What is to be done around a life."""
        return self.lab.trace() if self.name == TRACED else nullcontext()


def disciplines(lab: Lab, sizes: Sizes) -> list[Discipline]:
    """One: a container that says hello and ends."""
    bundle = lab.bundle("hello").directory
    both = tuple(Watched(Shim(lab.runtime), lab, name) for name in (ALONE, TRACED))
    run = partial(live, bundle)
    return [Discipline("trace", "a life", both, run, sizes.runs or 40)]


def live(bundle: Path, launcher: Launcher) -> Sample:
    """Create, start, wait, delete: how long it takes."""
    assert isinstance(launcher, Watched)
    at_first = time.perf_counter()
    with launcher.watching():
        began_at = time.perf_counter()
        container = launcher.create(f"trace-{next(_numbers)}", bundle)
        container.start()
        container.wait(PATIENCE)
        container.delete()
        ended_at = time.perf_counter()
    at_last = time.perf_counter()
    return {
        "ms": (ended_at - began_at) * 1000,
        "ms with begin and end": (at_last - at_first) * 1000,
    }
