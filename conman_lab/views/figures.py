"""The swimlane on paper: the same lanes, colours and arrows, and the same times.

Sizes are inches, and places in x are between 0 and 1, because time is folded.
"""

from typing import TYPE_CHECKING, Any

from .lanes import Lane, Picture, failed, short
from .paper import INK, PALE, STYLE, WIDTH, Plot
from .scale import Interval, Scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patheffects import AbstractPathEffect

NAMES, RIGHT = 2.9, 0.55  # left of the lanes, and behind them for an exit
MARGIN = 0.08
HALO = 2.5  # points of white around an exit: a fork may pass behind it
LANE, HEAD, FOOT = 0.235, 0.12, 0.42  # heights
BAR, ABOVE = 0.66, -0.7  # in lanes: how high a bar is, and where init would be
FOLDED = 0.5  # lanes, below them, for how long a fold is
LETTER = 0.0625  # the width of one, at 7.5 points
SHORTEST = 4  # letters; less says nothing
FOLD = 0.04
BEHIND, BEFORE = 0.5, 4  # of the bars
FORK, WRONG, ADOPTION, OURS, MARK = (
    "#777777",
    "#d55e00",
    "#b8589c",
    "#e8e8e8",
    "#1f6fb4",
)
MONO: dict[str, Any] = {
    "family": "DejaVu Sans Mono",
    "size": 7.5,
    "parse_math": False,  # a `$` is a shell's
}
ACROSS = WIDTH - NAMES - RIGHT


def of_picture(drawn: Picture) -> Plot:
    """Draw it."""
    from matplotlib import rc_context  # noqa: PLC0415  # takes half a second
    from matplotlib.figure import Figure  # noqa: PLC0415

    above = drawn.levels + bool(drawn.marks)
    below = FOLDED * bool(drawn.folds)
    lines = len(drawn.lanes) + above + 0.3 + below
    height = lines * LANE + HEAD + FOOT
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height))
        box = (NAMES / WIDTH, FOOT / height, ACROSS / WIDTH, lines * LANE / height)
        axes = figure.add_axes(box)
        axes.set(xlim=(0, 1), ylim=(len(drawn.lanes) - 0.5 + below, -0.8 - above))
        scale = Scale(drawn.now, drawn.folds, width=1, fold=FOLD)
        _Drawing(axes, scale, drawn).draw()
    words = f"swimlane of {len(drawn.lanes)} processes"
    return Plot(figure, words)


class _Drawing:
    """Who draws one picture on its axes."""

    def __init__(self, axes: "Axes", scale: Scale, drawn: Picture) -> None:
        self.axes, self.x, self.scale, self.drawn = axes, scale.place, scale, drawn
        self.rows = {lane.life.key: row for row, lane in enumerate(drawn.lanes)}

    def draw(self) -> None:
        """From back to front."""
        self._axis()
        for number, lane in enumerate(self.drawn.lanes):
            self._name(number, lane)
            self._fork(number, lane)
            self._life(number, lane)
            self._adoptions(number, lane)
        for level, span in self.drawn.spans:
            row = level - self.drawn.levels - 0.3
            self._bar(row, (span.began_at, span.ended_at), OURS, span.name)
        if self.drawn.spans:
            self._left(-self.drawn.levels - 0.3, "our code", PALE)
        for mark in self.drawn.marks:
            self._mark(mark.at, mark.text)

    def _axis(self) -> None:
        axes = self.axes
        axes.spines[["top", "left", "right"]].set_visible(False)
        axes.set_yticks([])
        ticks = self.scale.ticks(9)
        axes.set_xticks([self.x(at) for at in ticks], [f"{at * 1e3:g}" for at in ticks])
        axes.tick_params(length=3, color=PALE, labelsize=8)
        axes.text(
            1 + (RIGHT - MARGIN) / ACROSS,
            -0.012,
            "ms",
            va="top",
            ha="right",
            size=8,
            transform=axes.transAxes,
        )
        for at in ticks:
            axes.axvline(self.x(at), color=PALE, alpha=0.25, lw=0.6, zorder=0)
        free = 0.0  # from where on there is room for another label
        for since, until in self.drawn.folds:
            axes.axvspan(self.x(since), self.x(until), color=PALE, alpha=0.15, lw=0)
            middle = max(free, (self.x(since) + self.x(until)) / 2)
            free = middle + 0.08
            below = len(self.drawn.lanes) - 0.5 + FOLDED / 2
            how = {"size": 6.5, "color": PALE, "ha": "center", "va": "center"}
            self.axes.text(middle, below, _length(until - since), how)

    def _name(self, row: int, lane: Lane) -> None:
        title = lane.bars[-1].words
        text = f"{lane.guide}{lane.life.name} {title}"
        self._left(row, _fitted(text, NAMES - 0.1), INK)

    def _left(self, row: float, text: str, colour: str) -> None:
        x = -(NAMES - MARGIN) / ACROSS
        self.axes.text(x, row, text, color=colour, va="center", fontdict=MONO)

    def _life(self, row: int, lane: Lane) -> None:
        ended_at = lane.life.ended_at
        end = self.drawn.now if ended_at is None else ended_at
        ends = [*(bar.at for bar in lane.bars[1:]), end]
        for bar, until in zip(lane.bars, ends, strict=True):
            pale = 0.4 if bar.forked else 1.0
            self._bar(row, (bar.at, until), bar.tone, bar.words, pale)
        if ended_at is None:
            return
        x = self.x(ended_at)
        self.axes.plot([x, x], [row - 0.4, row + 0.4], color=INK, lw=1.2)
        colour = WRONG if failed(lane.life.exit) else INK
        style = {"color": colour, "va": "center", "path_effects": [_halo()]}
        words = short(lane.life.exit)
        self.axes.text(x + 0.05 / ACROSS, row, words, fontdict=MONO | style)

    def _bar(
        self, row: float, when: Interval, tone: str, words: str, alpha: float = 1.0
    ) -> None:
        at, until = when
        x, width = self.x(at), max(self.x(until) - self.x(at), 0.02 / ACROSS)
        axes = self.axes
        axes.barh(row, width, BAR, x, color=tone, alpha=alpha, ec=INK, lw=0.3)
        text = _fitted(words, width * ACROSS - 0.06)
        if text:
            axes.text(x + 0.04 / ACROSS, row, text, va="center", fontdict=MONO)

    def _fork(self, row: int, lane: Lane) -> None:
        parent = self.rows.get(-1 if lane.life.parent is None else lane.life.parent)
        if parent is not None and not lane.life.seen:
            x = self.x(lane.born_at)
            self._arrow(x, parent + BAR / 2, row - BAR / 2, BEHIND, color=FORK, lw=0.7)

    def _adoptions(self, row: int, lane: Lane) -> None:
        parent = self.rows.get(-1 if lane.life.parent is None else lane.life.parent)
        for at, adopter, _ in lane.adoptions:
            to: float | None = ABOVE if adopter is None else self.rows.get(adopter)
            if parent is None or to is None:
                continue
            down = 1 if to > parent else -1
            end = to if adopter is None else to - down * BAR / 2
            x = self.x(at)
            how = {"color": ADOPTION, "lw": 1.3, "ls": "--"}
            self._arrow(x, parent + down * BAR / 2, end, BEFORE, **how)
            (ring,) = self.axes.plot(x, row - BAR / 2, "o", zorder=BEFORE)
            ring.set(ms=4, mfc="white", mec=ADOPTION, mew=1.2)

    def _arrow(
        self, x: float, start: float, end: float, layer: float, **how: object
    ) -> None:
        how |= {"arrowstyle": "->", "shrinkA": 0, "shrinkB": 0, "mutation_scale": 6}
        self.axes.annotate("", (x, end), (x, start), arrowprops=how, zorder=layer)

    def _mark(self, at: float, text: str) -> None:
        x, top = self.x(at), -self.drawn.levels - 1.3
        self.axes.axvline(x, color=MARK, ls=":", lw=0.8)
        side = -1 if x > 0.75 else 1  # of its line, so that there is room for it
        label = MONO | {
            "color": MARK,
            "va": "center",
            "ha": "left" if side > 0 else "right",
        }
        self.axes.text(x + side * 0.04 / ACROSS, top, text, fontdict=label)


def _halo() -> "AbstractPathEffect":
    from matplotlib.patheffects import withStroke  # noqa: PLC0415

    return withStroke(linewidth=HALO, foreground="white")


def _length(seconds: float) -> str:
    """Of a fold, in a few letters.

    >>> _length(0.0354), _length(1.37)
    ('35.4 ms', '1.37 s')
    """
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _fitted(text: str, width: float) -> str:
    """As much of it as there is room for, in inches.

    >>> _fitted("runc init", 0.5), _fitted("runc init", 0.1)
    ('runc in…', '')
    """
    letters = int(width / LETTER)
    if letters < SHORTEST:
        return ""
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
