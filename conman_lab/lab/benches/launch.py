"""Launch to report: how long `create` takes until it says that the container is there.

`Naive` is the reference: the runtime's own `create`, called in the same way.  What a
shim takes more is the price of whoever stays.
"""

import time
from functools import partial
from itertools import count
from pathlib import Path

from conman_lab.lab.workspace import Lab
from conman_lab.launcher import Launcher

from .contestants import Sizes, contestants
from .measure import Discipline, Sample

_numbers = count(1)


def disciplines(lab: Lab, sizes: Sizes) -> list[Discipline]:
    """One: the container sleeps, and is not even started."""
    run = partial(launch, lab.bundle("sleeper").directory)
    able = (lab.naive, *contestants(lab))
    return [Discipline("launch", "create", able, run, sizes.runs or 20)]


def launch(bundle: Path, launcher: Launcher) -> Sample:
    """Create one container, and delete it when the clock has stopped."""
    began_at = time.perf_counter()
    container = launcher.create(f"launch-{next(_numbers)}", bundle)
    took = time.perf_counter() - began_at
    container.delete()
    return {"ms": took * 1000}
