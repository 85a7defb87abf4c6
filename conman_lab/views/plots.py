"""Plots of measurements: one panel for each thing measured, one bar for each contestant.

A bar is the median and the dots on it are the runs, because a bar alone hides whether
they agree.  Without pyplot: that keeps figures alive behind our back, and a notebook
shows what a cell returns.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Panels = Mapping[str, Mapping[str, Sequence[float]]]  # title, contestant, runs

COLOURS = {"Shim": "#c44e52"}  # ours is red, all others are grey
GREY = "#b0b0b0"
ACROSS = 4  # panels


def bars(panels: Panels) -> "Figure":
    """A figure to show or to save: `bars(panels).savefig("bench.png")`."""
    from matplotlib.figure import Figure  # noqa: PLC0415  # takes half a second

    rows = math.ceil(len(panels) / ACROSS)
    columns = min(len(panels), ACROSS)
    figure = Figure(figsize=(3 * columns, 2.6 * rows), layout="constrained")
    places = [*figure.subplots(rows, columns, squeeze=False).flat]
    for axes, (title, contestants) in zip(places, panels.items(), strict=False):
        _panel(axes, title, contestants)
    for axes in places[len(panels) :]:
        axes.remove()
    return figure


def _panel(
    axes: "Axes", title: str, contestants: Mapping[str, Sequence[float]]
) -> None:
    names = list(contestants)
    heights = [median(runs) for runs in contestants.values()]
    axes.bar(names, heights, color=[COLOURS.get(name, GREY) for name in names])
    for name, runs in contestants.items():
        axes.plot([name] * len(runs), runs, ".", color="black", alpha=0.3)
    labels = [f"{name}\n{it:.3g}" for name, it in zip(names, heights, strict=True)]
    axes.set_xticks(range(len(names)), labels)
    axes.set_title(title, fontsize="medium")
    axes.set_ylim(bottom=0, top=max(heights) * 1.5)  # a run far out is cut off
    axes.spines[["top", "right"]].set_visible(False)
