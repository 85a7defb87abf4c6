"""The life of a container, drawn: boxes, arrows, and the way that it has taken.

The drawing is made here, as SVG, and the page only shows it: a state machine has no more
to it than to be looked at.
"""

import time
from collections.abc import Iterator, Mapping
from html import escape
from itertools import pairwise
from typing import Protocol

from conman_lab.manager.container import TRANSITIONS, Container, Status

from .watching import Live, frozen, widget_class

WIDE, HIGH = 118, 40  # a box
PLACES = {
    Status.CREATED: (128, 78),
    Status.RUNNING: (340, 78),
    Status.EXITED: (550, 78),
    Status.UNKNOWN: (550, 178),
}
SIZE = (700, 214)
Place = tuple[float, float]
# Where an arrow bends, between its two boxes, and so where its words are; the others go
# straight.
BENDS: Mapping[tuple[Status, Status], Place] = {
    (Status.CREATED, Status.EXITED): (340, -6),
    (Status.EXITED, Status.RUNNING): (447, 124),
    (Status.UNKNOWN, Status.RUNNING): (410, 178),
}
IN, OUT = (8, 78), (690, 78)  # where it comes from, and goes to


def arrows() -> dict[tuple[Status, Status], list[str]]:
    """What leads from one state to another.

    >>> arrows()[Status.CREATED, Status.RUNNING]
    ['start']
    """
    found: dict[tuple[Status, Status], list[str]] = {}
    for event, ways in TRANSITIONS.items():
        for source, target in ways.items():
            if source is not target:
                found.setdefault((source, target), []).append(event)
    return found


def stays(status: Status) -> list[str]:
    """What may be done to a container in this state, and leaves it there.

    >>> stays(Status.EXITED)
    ['stop']
    """
    return [event for event, ways in TRANSITIONS.items() if ways.get(status) is status]


class View(Protocol):
    """One look."""

    container: Container | None

    @property
    def status(self) -> Status | None:
        """The state; None: it has been removed."""

    @property
    def words(self) -> str:
        """What is to be said of it."""

    def again(self) -> "View":
        """Look once more."""

    def _repr_html_(self) -> str: ...


class LiveLifecycle(Live):
    """Asks until it is removed, or `stop()`; remembers the way."""

    def __init__(self, view: View, every: float) -> None:
        self.view = view
        self._began_at = time.monotonic()
        self.way: list[
            tuple[Status, float]
        ] = []  # states, and when they were seen first
        self._remember()
        widget = None if frozen() else widget_class("states", "states")
        super().__init__(widget and widget(picture=self._page()), every)

    def look(self) -> None:
        """Ask once more, now."""
        with self._lock:
            self.view = self.view.again()
            self._remember()
            if self.widget is None:
                return
            self.widget.picture = self._page()  # is sent if it is another one
            if self.view.container is None:
                self.widget.running = False
                self._stopped.set()

    def faces(self) -> dict[str, str]:
        """As text, and as HTML."""
        return {"text/plain": str(self.view), "text/html": self.view._repr_html_()}

    def _remember(self) -> None:
        status = self.view.status
        if status and status not in [last for last, _ in self.way[-1:]]:
            self.way.append((status, time.monotonic() - self._began_at))

    def _page(self) -> dict[str, str]:
        return {"svg": svg(self.view, self.way), "words": self.view.words}


def svg(view: View, way: list[tuple[Status, float]]) -> str:
    """The drawing; `way`: the states that were seen, and after how many seconds."""
    taken = [status for status, _ in way]
    steps = {*pairwise(taken)}
    parts = [
        _arrow("create", IN, _edge(Status.CREATED, IN), None, bool(taken)),
        _arrow("remove", _edge(Status.EXITED, OUT), OUT, None, view.status is None),
        *_ways(steps),
        *(_box(status, view, dict(way).get(status)) for status in Status),
    ]
    width, height = SIZE
    title = escape(view.words)
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{title}">'
        f"{''.join(parts)}</svg>"
    )


def _ways(steps: set[tuple[Status, Status]]) -> Iterator[str]:
    for (source, target), events in arrows().items():
        bend = BENDS.get((source, target))
        begin = _edge(source, bend or PLACES[target])
        end = _edge(target, bend or PLACES[source])
        words = ", ".join(events) + (" or end" if target is Status.EXITED else "")
        yield _arrow(words, begin, end, bend, (source, target) in steps)


def _box(status: Status, view: View, seen_at: float | None) -> str:
    x, y = PLACES[status]
    here = status is view.status
    paused = here and view.container is not None and view.container.paused
    name = "here" if here else "seen" if seen_at is not None else ""
    words = "paused" if paused else status.lower()
    staying = stays(status) if status is Status.RUNNING else []
    below = [", ".join(staying[at : at + 3]) for at in range(0, len(staying), 3)]
    when = "" if seen_at is None else f"after {seen_at:.2f} s"
    return (
        f'<g class="state {name}"><rect x="{x - WIDE / 2}" y="{y - HIGH / 2}" '
        f'width="{WIDE}" height="{HIGH}" rx="8"/>'
        f"{_text('name', x, y + (0 if when else 5), words)}"
        f"{_text('when', x, y + 14, when)}"
        + "".join(
            _text("stays", x - WIDE / 2, y + HIGH / 2 + 16 + 14 * line, some)
            for line, some in enumerate(below)
        )
        + "</g>"
    )


def _arrow(
    words: str, begin: Place, end: Place, bend: Place | None, taken: bool
) -> str:
    (x, y), (to_x, to_y) = begin, end
    middle = bend or ((x + to_x) / 2, (y + to_y) / 2)
    # a curve reaches half of the way to the point that bends it
    top = (y + to_y) / 4 + middle[1] / 2 if bend else middle[1]
    at = (x + to_x) / 4 + middle[0] / 2 if bend else middle[0]
    path = f"M{x:g},{y:g}Q{middle[0]:g},{middle[1]:g} {to_x:g},{to_y:g}"
    return (
        f'<g class="way {"taken" if taken else ""}"><path d="{path}"/>'
        f"{_head(middle, end)}{_text('event', at, top - 6, words)}</g>"
    )


def _head(before: Place, end: Place) -> str:
    """A triangle at the end, which comes from where the curve is bent."""
    away = ((end[0] - before[0]) ** 2 + (end[1] - before[1]) ** 2) ** 0.5 or 1
    x, y = (end[0] - before[0]) / away * 8, (end[1] - before[1]) / away * 8
    left = f"{end[0] - x + y / 2:.1f},{end[1] - y - x / 2:.1f}"
    right = f"{end[0] - x - y / 2:.1f},{end[1] - y + x / 2:.1f}"
    return f'<polygon points="{end[0]:g},{end[1]:g} {left} {right}"/>'


def _edge(status: Status, towards: Place) -> Place:
    """The point of a box's side that is nearest to the way towards a place."""
    x, y = PLACES[status]
    across, down = towards[0] - x, towards[1] - y
    reach = min(
        WIDE / 2 / abs(across) if across else 9e9, HIGH / 2 / abs(down) if down else 9e9
    )
    return round(x + across * reach, 1), round(y + down * reach, 1)


def _text(name: str, x: float, y: float, words: str) -> str:
    return f'<text class="{name}" x="{x:g}" y="{y:g}">{escape(words)}</text>'
