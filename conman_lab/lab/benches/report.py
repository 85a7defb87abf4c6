"""What came of it: a table with the goals, JSON, and the panels of a plot."""

import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby

from .goals import GOALS
from .measure import Figure

Figures = Sequence[Figure]
WIDTH = 12  # of a column


def table(figures: Figures) -> str:
    """Medians, a paragraph for each discipline, and whether its goals are kept."""
    disciplines = groupby(figures, lambda figure: (figure.bench, figure.discipline))
    return "\n\n".join(
        "\n".join(_paragraph(bench, discipline, [*group]))
        for (bench, discipline), group in disciplines
    )


def to_json(figures: Figures) -> str:
    """All runs, and the machine that they were made on."""
    machine = {
        "kernel": platform.release(),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0],
    }
    rows = [asdict(figure) | {"median": figure.median} for figure in figures]
    return json.dumps({"machine": machine, "figures": rows}, indent=2) + "\n"


def load() -> str:
    """How busy the machine was in the last minute, with us: over 2 or so, try again."""
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


def panels(figures: Figures) -> dict[str, dict[str, tuple[float, ...]]]:
    """By title and contestant, as views.plots takes it."""
    found: dict[str, dict[str, tuple[float, ...]]] = {}
    for it in figures:
        title = f"{it.bench}: {it.discipline}, {it.unit}"
        found.setdefault(title, {})[it.contestant] = it.runs
    return found


def _paragraph(bench: str, discipline: str, figures: list[Figure]) -> Iterator[str]:
    units = [*dict.fromkeys(it.unit for it in figures)]
    title = f"{bench}: {discipline}"
    yield f"{title:28}" + "".join(f"{unit:>{WIDTH}}" for unit in units)
    for contestant in dict.fromkeys(it.contestant for it in figures):
        own = [it for it in figures if it.contestant == contestant]
        cells = "".join(f"{_number(it.median):>{WIDTH}}" for it in own)
        yield f"  {contestant:26}{cells}"
    yield from _goals(figures)


def _goals(figures: Figures) -> Iterator[str]:
    for goal in GOALS:
        seen = goal.seen(figures)
        if seen is not None:
            word = "kept" if goal.kept(seen) else "MISSED"
            yield f"  goal: {goal}: {_number(seen)}, {word}"


def _number(value: float) -> str:
    """Three digits are more than the machine's noise leaves.

    >>> [_number(value) for value in (0.1234, 12.34, 1234.5)]
    ['0.123', '12.3', '1234']
    """
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
