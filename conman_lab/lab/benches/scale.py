"""Many idle containers, and whether the last one costs more than the first.

Nothing that a manager does for one container may grow with the number of the others.
The exceptions are a list and a restore; those are measured, too.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median

from conman_lab.lab.workspace import Lab
from conman_lab.launcher import Launcher

from .contestants import Sizes
from .lives import Bare, Managed, unique
from .measure import Discipline, Sample

EDGE = 20  # containers at both ends that are compared


def disciplines(lab: Lab, sizes: Sizes) -> list[Discipline]:
    """One round, of each alone; and what our manager does with that many."""
    name, bundle = f"{sizes.idle} idle", lab.bundle("sleeper").directory
    ours = Managed(lab.manager)
    growing = partial(grow, bundle, sizes.idle)
    keeping = partial(keep, lab, bundle, sizes.idle)
    return [
        Discipline("scale", name, (Bare(lab.runtime), ours), growing, 1, warm_up=False),
        Discipline("scale", f"{name}, kept", (ours,), keeping, 1, warm_up=False),
    ]


def grow(bundle: Path, count: int, launcher: Launcher) -> Sample:
    """Create them, one after another: the first and the last, in the median."""
    took = []
    with ExitStack() as stack:
        for _ in range(count):
            began_at = time.perf_counter()
            container = launcher.create(unique(), bundle)
            took.append((time.perf_counter() - began_at) * 1000)
            stack.callback(container.delete)
    first, last = median(took[:EDGE]), median(took[-EDGE:])
    return {"first, ms": first, "last, ms": last, "last/first": last / first}


def keep(lab: Lab, bundle: Path, count: int, launcher: Launcher) -> Sample:
    """List them, let go of them, and find them again."""
    for _ in range(count):
        launcher.create(unique(), bundle)
    listed = min(_ms(lab.manager.list) for _ in range(5))
    lab.manager.close()
    restored = _ms(lambda: lab.manager)  # another one, which finds them
    for container in lab.manager.list():
        lab.manager.remove(container.id, force=True)
    return {"list, ms": listed, "restore, ms": restored}


def _ms(deed: Callable[[], object]) -> float:
    began_at = time.perf_counter()
    deed()
    return (time.perf_counter() - began_at) * 1000
