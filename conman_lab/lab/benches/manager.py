"""A whole life, from `create` until it is deleted: one after another, and four at a time.

What the manager takes more than the bare runtime is the price of a log, an exit that
survives everybody, and a memory.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from conman_lab.conformance.conmon import Conmon
from conman_lab.errors import ExitLost
from conman_lab.lab.workspace import Lab
from conman_lab.launcher import Launcher

from .beside import BenchLab
from .contestants import Sizes
from .lives import Bare, managed, unique
from .measure import Discipline, Sample
from .peers import peers

AT_A_TIME = 4


def disciplines(lab: BenchLab, sizes: Sizes) -> list[Discipline]:
    """A container whose command ends at once; and the same by other people's engines."""
    run = partial(one, _bundle(lab))
    found = [Discipline("manager", "a life", able(lab), run, sizes.runs or 20)]
    if others := peers(lab):
        beside: tuple[Launcher, ...] = (Bare(lab.runtime), *managed(lab), *others)
        rounds = min(sizes.runs or 3, 3)  # some of them take their time
        found.append(Discipline("manager", "a life elsewhere", beside, run, rounds))
    return found


def churn(lab: BenchLab, sizes: Sizes) -> list[Discipline]:
    """Many of those, four at a time."""
    run = partial(many, _bundle(lab), sizes.churn)
    name = f"{AT_A_TIME} at a time"
    return [Discipline("churn", name, able(lab), run, sizes.runs or 3)]


def able(lab: BenchLab) -> tuple[Launcher, ...]:
    """The reference, ours, and conmon if it is here."""
    conmon = Conmon(lab.runtime)
    others = [conmon] if conmon.installed else []
    return (Bare(lab.runtime), *managed(lab), *others)


def one(bundle: Path, launcher: Launcher) -> Sample:
    """Live once."""
    began_at = time.perf_counter()
    _live(launcher, bundle)
    return {"ms": (time.perf_counter() - began_at) * 1000}


def many(bundle: Path, count: int, launcher: Launcher) -> Sample:
    """Live `count` times."""
    began_at = time.perf_counter()
    with ThreadPoolExecutor(AT_A_TIME) as threads:
        for life in [threads.submit(_live, launcher, bundle) for _ in range(count)]:
            life.result()
    return {"a second": count / (time.perf_counter() - began_at)}


def _live(launcher: Launcher, bundle: Path) -> None:
    container = launcher.create(unique(), bundle)
    container.start()
    with suppress(ExitLost):
        container.wait(30)
    container.delete()


def _bundle(lab: Lab) -> Path:
    ended = lab.bundle("exiter").with_args("true")
    return ended.save(lab.home / "bundles" / "true").directory
