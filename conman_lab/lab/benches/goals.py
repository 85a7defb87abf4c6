"""What we want our figures to be, and what they are.

Runs are compared with the other contestant's of the same round, and the median is taken
of that: what was slow for both then says nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from .measure import Figure

OURS, PEER = "Shim", "Conmon"


class Measure(StrEnum):
    """How a limit is meant."""

    AT_MOST = "at most {limit:g} {unit}"
    AT_MOST_OVER = "at most {limit:g} {unit} over {peer}"
    AT_LEAST_TIMES = "at least {limit:g} x {peer}"
    AT_MOST_TIMES = "at most {limit:g} x {peer}"


@dataclass(frozen=True)
class Goal:
    """A limit for one of our figures."""

    bench: str
    discipline: str
    unit: str
    measure: Measure
    limit: float
    ours: str = OURS
    peer: str = PEER

    def __str__(self) -> str:
        return self.measure.format(limit=self.limit, unit=self.unit, peer=self.peer)

    def seen(self, figures: Sequence[Figure]) -> float | None:
        """What is to be compared with the limit; None if it was not measured."""
        ours, theirs = self._of(figures, self.ours), self._of(figures, self.peer)
        if ours is None:
            return None
        if self.measure is Measure.AT_MOST:
            return ours.median
        if theirs is None:
            return None
        pairs = [*zip(ours.runs, theirs.runs, strict=True)]
        if self.measure is Measure.AT_MOST_OVER:
            return median(our - their for our, their in pairs)
        return median(our / their for our, their in pairs)

    def kept(self, seen: float) -> bool:
        """Whether `seen` is within it."""
        if self.measure is Measure.AT_LEAST_TIMES:
            return seen >= self.limit
        return seen <= self.limit

    def _of(self, figures: Sequence[Figure], contestant: str) -> Figure | None:
        wanted = (self.bench, self.discipline, self.unit, contestant)
        return next((it for it in figures if it.key == wanted), None)


GOALS = (
    Goal("launch", "create", "ms", Measure.AT_MOST_OVER, 30),
    Goal("notice", "log on disk", "ms", Measure.AT_MOST, 0.9),
    Goal("notice", "log in cache", "ms", Measure.AT_MOST, 0.3),
    Goal("log", "16 B", "MB/s", Measure.AT_LEAST_TIMES, 3),
    Goal("log", "100 B", "MB/s", Measure.AT_LEAST_TIMES, 1),
    Goal("log", "4 KiB", "MB/s", Measure.AT_LEAST_TIMES, 1),
    Goal("log", "16 B, a write each", "MB/s", Measure.AT_LEAST_TIMES, 1),
    Goal("trace", "a life", "ms", Measure.AT_MOST_TIMES, 1.05, "traced", "alone"),
    Goal("manager", "a life", "ms", Measure.AT_MOST_TIMES, 1.25, "Manager", "runc csd"),
    Goal("manager", "a life", "ms", Measure.AT_MOST_TIMES, 1.35, "conmand", "runc csd"),
    Goal("scale", "500 idle", "last/first", Measure.AT_MOST, 1.1, "Manager"),
    Goal("scale", "500 idle", "last/first", Measure.AT_MOST, 1.1, "conmand"),
    Goal("scale", "500 idle, kept", "list, ms", Measure.AT_MOST, 5, "Manager"),
    Goal("scale", "500 idle, kept", "list, ms", Measure.AT_MOST, 15, "conmand"),
    Goal("scale", "500 idle, kept", "restore, ms", Measure.AT_MOST, 500, "Manager"),
    Goal("memory", "one of 20", "MiB PSS", Measure.AT_MOST, 4.5),
)
