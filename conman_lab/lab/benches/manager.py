"""A whole life, from `create` until it is deleted: one after another, and four at a time.

What the manager takes more than the bare runtime is the price of a log, an exit that
survives everybody, and a memory.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from conman_lab.errors import ExitLost
from conman_lab.lab.workspace import Lab
from conman_lab.launcher import Launcher

from .contestants import Sizes
from .lives import Bare, Managed, unique
from .measure import Discipline, Sample

AT_A_TIME = 4


def disciplines(lab: Lab, sizes: Sizes) -> list[Discipline]:
    """One: a container whose command ends at once."""
    run = partial(one, _bundle(lab))
    return [Discipline("manager", "a life", able(lab), run, sizes.runs or 20)]


def churn(lab: Lab, sizes: Sizes) -> list[Discipline]:
    """One: many of those, four at a time."""
    run = partial(many, _bundle(lab), sizes.churn)
    name = f"{AT_A_TIME} at a time"
    return [Discipline("churn", name, able(lab), run, sizes.runs or 3)]


def able(lab: Lab) -> tuple[Launcher, ...]:
    """The reference, and our manager."""
    return (Bare(lab.runtime), Managed(lab.manager))


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
