"""A time axis on which quiet times are folded.

A run takes 40 ms and a learner thinks for a minute: to scale, one of the two would be all
that there is to be seen.  So where nothing happens for longer than all the rest takes,
time is folded, and what is drawn says so.

    0      50     100  | 800 ms |  950    1000  ms
"""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

SHORTEST_FOLD = 0.02  # seconds

Interval = tuple[float, float]


def folds(times: Iterable[float]) -> list[Interval]:
    """The intervals that are longer than all that are shorter, taken together.

    >>> folds([0, 0.01, 0.03, 2.03, 2.05])
    [(0.03, 2.03)]
    """
    points = sorted(time for time in times if time >= 0)
    gaps = pairwise(points)
    busy, found = 0.0, []
    for began, ended in sorted(gaps, key=lambda gap: gap[1] - gap[0]):
        length = ended - began
        if busy and length > max(busy, SHORTEST_FOLD):
            found.append((began, ended))
        else:
            busy += length
    return sorted(found)


class Scale:
    """From seconds to places between 0 and `width`, of which each fold takes `fold`.

    >>> scale = Scale(2.05, [(0.03, 2.03)], width=60, fold=10)
    >>> [round(scale.place(time)) for time in (0, 0.03, 1, 2.03, 2.05)]
    [0, 30, 35, 40, 60]
    """

    def __init__(
        self, end: float, folds: Sequence[Interval], width: float, fold: float
    ) -> None:
        self.end, self._folds, self._fold = end, folds, fold
        quiet = sum(until - since for since, until in folds)
        self._slope = (width - fold * len(folds)) / max(end - quiet, 1e-6)

    def place(self, at: float) -> float:
        """How far from the left `at` is."""
        place, busy_until = 0.0, 0.0
        for since, until in self._folds:
            if at <= since:
                break
            place += (since - busy_until) * self._slope
            place += (min(at, until) - since) / (until - since) * self._fold
            busy_until = until
        return place + max(0.0, at - busy_until) * self._slope

    def ticks(self, most: int) -> list[float]:
        """Round times, `most` or fewer of them, and none in a fold."""
        quiet = sum(until - since for since, until in self._folds)
        step = _round_up(max(self.end - quiet, self.end / 100, 1e-6) / most)
        times = (number * step for number in range(math.floor(self.end / step) + 1))
        return [
            time
            for time in times
            if not any(since < time < until for since, until in self._folds)
        ]


def _round_up(least: float) -> float:
    """1, 2 or 5 times a power of ten.

    >>> [_round_up(value) for value in (0.0012, 0.04, 0.7)]
    [0.002, 0.05, 1.0]
    """
    power = 10 ** math.floor(math.log10(least))
    steps = (float(f"{factor * power:.3g}") for factor in (1, 2, 5, 10))
    return next(step for step in steps if step >= least * 0.999)
