"""A trace over time: the tree of its processes, and beside each row a lane.

    swimlane(trace)            text, HTML for a reader without a kernel
    swimlane(trace).live()     to be zoomed, scrubbed and replayed; follows a recording
    swimlane(trace).figure()   the same picture on paper

A fork is an arrow down, an exec or a new name another colour, an adoption a broken arrow
from the parent that has died to the adopter.  Above the lanes is what our own code was
doing, and the learner's marks go through all of them.

A saved trace needs neither root nor runc: `swimlane(Trace.load(path)).live()`.
"""

from itertools import pairwise
from typing import TYPE_CHECKING

from conman_lab.observe import telling
from conman_lab.observe.trace import Trace

from .inline import ENDED, FAINT, NAME, WRONG, block, chip, span
from .lanes import Lane, Picture, failed, picture
from .scale import Scale
from .watching import frozen

if TYPE_CHECKING:
    from .moving import LiveSwimlane
    from .paper import Plot

WIDTH = 60  # of a lane, in letters


def swimlane(trace: Trace, times: bool | None = None) -> "Swimlane":
    """Draw a trace, or one that is being recorded.

    `times`: the HTML tells them and draws lanes; by default not where outputs are to be
    the same at each run, CONMAN_LAB_FREEZE=1.
    """
    return Swimlane(trace, not frozen() if times is None else times)


class Swimlane:
    """The picture of a trace."""

    def __init__(self, trace: Trace, times: bool) -> None:
        self.trace, self.times = trace, times

    def picture(self, now: float | None = None) -> Picture:
        """What is to be drawn; of a trace that is being recorded, as it is `now`."""
        return picture(self.trace, now)

    def live(self) -> "LiveSwimlane":
        """To be zoomed, scrubbed, replayed; while it is recorded it grows."""
        from .moving import LiveSwimlane  # noqa: PLC0415  # half a second of imports

        return LiveSwimlane(self)

    def figure(self) -> "Plot":
        """Draw it on paper, with matplotlib."""
        from .figures import of_picture  # noqa: PLC0415  # half a second of imports

        return of_picture(self.picture())

    def __str__(self) -> str:
        return str(self.trace)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        drawn = self.picture()
        scale = Scale(drawn.now, drawn.folds, WIDTH, fold=1)
        lines = [self._line(lane, scale) for lane in drawn.lanes]
        if self.times and lines:
            lines.append(span(FAINT, f"0{f'{drawn.now * 1000:.2f} ms':>{WIDTH - 1}}"))
        return block("\n".join(lines) or telling.NOTHING)

    def _line(self, lane: Lane, scale: Scale) -> str:
        ended = lane.life.ended_at is not None
        titles = " → ".join(lane.life.titles)
        style = WRONG if failed(lane.life.exit) else FAINT
        parts = [
            f"{span(FAINT, lane.guide)}{span(NAME, lane.life.name)} "
            + span(ENDED * ended, titles),
            *(span(style, fact) for fact in lane.facts),
            " ".join(map(chip, lane.chips)),
        ]
        words = "  ".join(part for part in parts if part)
        return f"{_lane(lane, scale)}  {words}" if self.times else words


def _lane(lane: Lane, scale: Scale) -> str:
    """Blank, and blanks with a background for each bar: so it survives a sanitizer."""
    ended_at = lane.life.ended_at
    end = scale.end if ended_at is None else ended_at
    edges = [round(scale.place(bar.at)) for bar in lane.bars]
    edges.append(max(round(scale.place(end)), edges[0] + 1))
    pieces = [" " * edges[0]]
    for bar, (began, until) in zip(lane.bars, pairwise(edges), strict=True):
        faint = ";opacity:0.45" * bar.forked
        blanks = " " * (until - began)
        pieces.append(span(f"background-color:{bar.tone}{faint}", blanks))
    return "".join(pieces) + " " * (WIDTH - edges[-1])
