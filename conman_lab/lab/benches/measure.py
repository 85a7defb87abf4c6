"""A discipline, its runs, and what came of them.

- Contestants take turns, and begin in another order each time: whatever else the
  machine does meets all of them.
- The first round warms up (page cache, cgroups, the runtime's own pages) and is
  forgotten.
- Medians, because one interrupted run says nothing about the others.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from conman_lab.launcher import Launcher

Sample = Mapping[str, float]  # by unit: {"MB/s": 70.1, "CPU s/GB": 10.4}
Step = Callable[[], object]


@dataclass(frozen=True)
class Discipline:
    """One thing to be measured: `run` it on each contestant."""

    bench: str
    name: str
    contestants: tuple[Launcher, ...]
    run: Callable[[Launcher], Sample]
    rounds: int
    warm_up: bool = True

    @property
    def turns(self) -> int:
        """How many times `run` will be called."""
        return (self.rounds + self.warm_up) * len(self.contestants)


@dataclass(frozen=True)
class Figure:
    """What one contestant did in one discipline, run by run."""

    bench: str
    discipline: str
    unit: str
    contestant: str
    runs: tuple[float, ...]

    @property
    def key(self) -> tuple[str, str, str, str]:
        """All but the runs."""
        return self.bench, self.discipline, self.unit, self.contestant

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.runs)


def measure(discipline: Discipline, step: Step) -> list[Figure]:
    """Run all rounds; `step` is called after each turn."""
    samples: dict[str, list[Sample]] = {it.name: [] for it in discipline.contestants}
    for number in range(discipline.rounds + discipline.warm_up):
        for launcher in _turned(discipline.contestants, number):
            sample = discipline.run(launcher)
            if number or not discipline.warm_up:
                samples[launcher.name].append(sample)
            step()
    return [*_figures(discipline, samples)]


def _turned(launchers: tuple[Launcher, ...], by: int) -> tuple[Launcher, ...]:
    first = by % len(launchers)
    return launchers[first:] + launchers[:first]


def _figures(
    discipline: Discipline, samples: Mapping[str, list[Sample]]
) -> Iterator[Figure]:
    for contestant, taken in samples.items():
        for unit in taken[0]:
            runs = tuple(sample[unit] for sample in taken)
            yield Figure(discipline.bench, discipline.name, unit, contestant, runs)
