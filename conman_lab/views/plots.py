"""Plots of measurements: how long, how much, and how it grows.

    waterfall(trace)                        the phases of one run, one below the other
    strips(by_phase(cold=some, warm=more))  each run a dot, in a panel for each phase
    growth({"Shim": {1: runs, 10: runs}})   what becomes of it when there is more

All runs are shown, because a bar alone hides whether they agree; a box holds the middle
half of them, and the line in it, and the number, is the median.  Axes begin at 0.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import median, quantiles
from typing import TYPE_CHECKING

from conman_lab.observe.trace import Trace

from .lanes import TONES
from .paper import INK, PALE, STYLE, WIDTH, Plot, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Runs = Sequence[float]
Panels = Mapping[str, Mapping[str, Runs]]  # title, contestant, runs
Series = Mapping[str, Mapping[float, Runs]]  # contestant, how many, runs

OURS, OTHERS = "#ee8866", "#bbbbbb"  # where we take part, all others are grey
OUR_NAMES = ("Shim", "Manager", "Zygote")
ACROSS = 4  # panels
GOLDEN = 0.618  # spreads dots evenly, however many there are


def waterfall(trace: Trace) -> Plot:
    """The spans of a trace: what our own code was doing, and for how long."""
    from matplotlib import rc_context  # noqa: PLC0415  # takes half a second
    from matplotlib.figure import Figure  # noqa: PLC0415

    spans = sorted(trace.spans, key=lambda span: (span.began_at, -span.ended_at))
    first = min((span.began_at for span in spans), default=0.0)
    with rc_context(STYLE):
        size = (WIDTH, 0.7 + 0.27 * len(spans))
        figure = Figure(figsize=size, layout="constrained")
        axes = plain(figure.subplots(), "left")
        for row, span in enumerate(spans):
            began, ended = (span.began_at - first) * 1e3, (span.ended_at - first) * 1e3
            tone = TONES[row % len(TONES)]
            axes.barh(row, ended - began, 0.7, began, color=tone, ec=INK, lw=0.3)
            axes.annotate(
                f"{ended - began:.2f}", (ended, row), (4, 0), va="center",
                textcoords="offset points", size=8,
            )  # fmt: skip
            axes.axhline(row, color=PALE, alpha=0.2, lw=0.6, zorder=0)
        axes.set_yticks(range(len(spans)), [span.name for span in spans])
        axes.tick_params(axis="y", length=0)
        axes.set(xlim=(0, None), xlabel="ms since the first began")
        axes.margins(x=0.08)
        axes.invert_yaxis()
    return Plot(figure, f"waterfall of {len(spans)} spans")


def by_phase(**contestants: Iterable[Trace]) -> dict[str, dict[str, list[float]]]:
    """What `strips` takes, from traces of several runs: ms, by span and contestant."""
    panels: dict[str, dict[str, list[float]]] = {}
    for contestant, traces in contestants.items():
        for trace in traces:
            for span in trace.spans:
                runs = panels.setdefault(f"{span.name}, ms", {})
                took = (span.ended_at - span.began_at) * 1e3
                runs.setdefault(contestant, []).append(took)
    return panels


def strips(panels: Panels) -> Plot:
    """A panel for each thing measured, a strip of dots and a box for each contestant."""
    from matplotlib import rc_context  # noqa: PLC0415  # takes half a second
    from matplotlib.figure import Figure  # noqa: PLC0415

    columns = max(1, min(len(panels), ACROSS))
    rows = max(1, math.ceil(len(panels) / columns))
    with rc_context(STYLE):
        size = (WIDTH * max(columns, 2) / ACROSS, 2.5 * rows)
        figure = Figure(figsize=size, layout="constrained")
        places = [*figure.subplots(rows, columns, squeeze=False).flat]
        for axes, (title, contestants) in zip(places, panels.items(), strict=False):
            _panel(axes, title, contestants)
        for axes in places[len(panels) :]:
            axes.remove()
    return Plot(figure, f"strips of {len(panels)} measurements")


def growth(series: Series, what: str = "containers", unit: str = "ms") -> Plot:
    """Medians over how many there were; the runs between the extremes are shaded.

    Where the counts spread over more than a hundred times, their axis is logarithmic.
    """
    from matplotlib import rc_context  # noqa: PLC0415  # takes half a second
    from matplotlib.figure import Figure  # noqa: PLC0415

    counts = [count for runs in series.values() for count in runs]
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH * 0.6, 2.8), layout="constrained")
        axes = plain(figure.subplots())
        for number, (name, runs) in enumerate(series.items()):
            _curve(axes, name, runs, _colour(name, number, [*series]))
        if counts and max(counts) > 100 * min(counts) > 0:
            axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_xlabel(what)
        axes.set_ylabel(unit)
        axes.grid(axis="y", color=PALE, alpha=0.25, lw=0.6)
        axes.margins(x=0.15)
        if axes.get_xscale() == "linear":
            axes.set_xlim(left=0)
    return Plot(figure, f"growth of {', '.join(series)} with {what}")


def _panel(axes: "Axes", title: str, contestants: Mapping[str, Runs]) -> None:
    plain(axes)
    for at, (name, runs) in enumerate(contestants.items()):
        colour = _colour(name, at, [*contestants])
        low, middle, high = _quarters(runs)
        axes.bar(at, high - low, 0.5, low, color=colour, alpha=0.55, ec=INK, lw=0.5)
        axes.plot([at - 0.25, at + 0.25], [middle, middle], color=INK, lw=1.6)
        spread = [
            at + (number * GOLDEN % 1 - 0.5) * 0.36 for number in range(len(runs))
        ]
        axes.plot(spread, runs, "o", ms=2.5, color=INK, alpha=0.5, mew=0)
    labels = [f"{name}\n{median(runs):.3g}" for name, runs in contestants.items()]
    axes.set_xticks(range(len(labels)), labels)
    axes.set_title(title)
    highest = max((median(runs) for runs in contestants.values()), default=1)
    seen = max((max(runs) for runs in contestants.values()), default=1)
    axes.set_ylim(0, min(seen * 1.08, highest * 2) or 1)  # a run far out is cut off
    axes.set_xlim(-0.6, len(labels) - 0.4)


def _curve(axes: "Axes", name: str, runs: Mapping[float, Runs], colour: str) -> None:
    counts = sorted(runs)
    medians = [median(runs[count]) for count in counts]
    lowest, highest = zip(
        *((min(runs[it]), max(runs[it])) for it in counts), strict=True
    )
    axes.fill_between(counts, lowest, highest, color=colour, alpha=0.25, lw=0)
    axes.plot(counts, medians, "o-", color=colour, ms=4, mec=INK, mew=0.4)
    axes.annotate(
        f"{name} {medians[-1]:.3g}", (counts[-1], medians[-1]), (6, 0), va="center",
        textcoords="offset points", size=8,
    )  # fmt: skip


def _quarters(runs: Runs) -> list[float]:
    """The box: the middle half of the runs, and their median.

    >>> _quarters([1, 2, 3, 4, 5]), _quarters([7])
    ([2.0, 3.0, 4.0], [7, 7, 7])
    """
    if len(runs) < 2:
        return [*runs] * 3
    return quantiles(runs, n=4, method="inclusive")


def _colour(name: str, number: int, names: Sequence[str]) -> str:
    if any(name in OUR_NAMES for name in names):
        return OURS if name in OUR_NAMES else OTHERS
    return TONES[number % len(TONES)]
