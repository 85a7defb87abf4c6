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

from conman_lab.launcher import Launcher
from conman_lab.manager.vocabulary import Containers

from .beside import BenchLab
from .contestants import Sizes
from .lives import Bare, Managed, managed, unique
from .measure import Discipline, Sample
from .memory import weigh

EDGE = 20  # containers at both ends that are compared


def disciplines(lab: BenchLab, sizes: Sizes) -> list[Discipline]:
    """One round, of each alone; and what ours do with that many."""
    name, bundle = f"{sizes.idle} idle", lab.bundle("sleeper").directory
    ours = managed(lab)
    growing = partial(grow, bundle, sizes.idle)
    keeping = partial(keep, lab, bundle, sizes.idle)
    return [
        Discipline("scale", name, (Bare(lab.runtime), *ours), growing, 1, False),
        Discipline("scale", f"{name}, kept", ours, keeping, 1, False),
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


def keep(lab: BenchLab, bundle: Path, count: int, launcher: Managed) -> Sample:
    """List them, let go of them, and find them again; what a daemon weighs by then.

    A daemon is killed, and its next one has an interpreter to start before it answers.
    """
    for _ in range(count):
        launcher.create(unique(), bundle)
    listed = min(_ms(launcher.manager.list) for _ in range(5))
    if launcher.manager is lab.daemon.client:
        return _again(lab, listed)
    lab.manager.close()
    restored = _ms(lambda: lab.manager)  # another one, which finds them
    _remove_all(lab.manager)
    return {"list, ms": listed, "restore, ms": restored}


def _again(lab: BenchLab, listed: float) -> Sample:
    weight = weigh(lab.daemon.process.pid)["MiB PSS"]
    restarted = _ms(lab.restart_daemon)
    _remove_all(lab.daemon.client)
    return {"list, ms": listed, "to an answer, ms": restarted, "MiB PSS": weight}


def _remove_all(manager: Containers) -> None:
    for container in manager.list():
        manager.remove(container.id, force=True)


def _ms(deed: Callable[[], object]) -> float:
    began_at = time.perf_counter()
    deed()
    return (time.perf_counter() - began_at) * 1000
