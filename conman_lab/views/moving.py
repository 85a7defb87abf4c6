"""The swimlane as it goes on, and as it is replayed: what the page is told.

The page has a whole picture, and beside it what has changed since that was sent; both
are traits, so a page that comes late, or is loaded anew, has all that the others have.
When the changes have become many, the picture is sent again.

The kernel tells when a process ends, but not when its parent has asked for its exit; as
long as nobody has, it is a zombie.  While a trace is recorded, /proc can be asked; what
is drawn ends with the last look that found one, and may have ended a little later.
"""

import time
from dataclasses import replace
from typing import Any, Protocol

from conman_lab.observe.procfs import ZOMBIE, snapshot
from conman_lab.observe.trace import Trace

from .lanes import Lane, Picture, command, failed, short
from .watching import Live, frozen, widget_class
from .words import HUES

EVERY = 0.1  # seconds
MANY = 12  # lanes

Page = dict[str, Any]


class View(Protocol):
    """A swimlane."""

    trace: Trace

    def picture(self, now: float | None) -> Picture:
        """What is to be drawn of it by now."""

    def _repr_html_(self) -> str: ...


class LiveSwimlane(Live):
    """Follows a trace until it is complete; one that is can be replayed."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._watched = self.recording  # else its pids are somebody else's by now
        self._zombies: dict[int, float] = {}  # by life: when it was seen as one last
        self._unasked: set[int] = set()  # those who still are
        self._told: tuple[object, ...] = ()
        widget = None if frozen() else widget_class("swimlane", "tree", "swimlane")
        super().__init__(widget and widget(picture=_page(self._drawn())), EVERY)

    @property
    def recording(self) -> bool:
        """There will be more."""
        return self.view.trace.ended_at is None

    def look(self) -> None:
        """Look once more, and tell the page if there is anything new."""
        with self._lock:
            if self.widget is None:
                return
            goes_on = self.recording  # before all else: what comes after is complete
            told = self._measure()
            if told != self._told or self._unasked:
                self._tell(_page(self._drawn()))
                self._told = told
            if not goes_on:
                self.widget.running = False
                self._stopped.set()

    def _hear(self, widget: object, message: dict[str, int], rest: object) -> None:
        """A page that comes late is told what time it is by now."""
        self._told = ()
        super()._hear(widget, message, rest)

    def faces(self) -> dict[str, str]:
        """As text, and as HTML."""
        return {"text/plain": str(self.view), "text/html": self.view._repr_html_()}

    def _measure(self) -> tuple[object, ...]:
        trace = self.view.trace
        counts = len(trace.events), len(trace.spans), len(trace.marks)
        return *counts, self.recording

    def _tell(self, page: Page) -> None:
        """Send what is not as in the picture that the page has; or all, if that is much."""
        old = self.widget.picture
        lanes = {
            key: lane
            for key, lane in page["lanes"].items()
            if lane != old["lanes"].get(key)
        }
        changed = {name: page[name] for name in page if page[name] != old.get(name)}
        with self.widget.hold_sync():
            if len(lanes) > max(MANY, len(page["lanes"]) / 4):
                self.widget.picture, self.widget.changed = page, {}
            else:
                self.widget.changed = changed | {"lanes": lanes}

    def _drawn(self) -> Picture:
        now = time.time() - self.view.trace.began_at if self.recording else None
        drawn = self.view.picture(now)
        if self._watched:
            self._look_for_zombies(drawn)
        return replace(drawn, lanes=tuple(map(self._with_its_death, drawn.lanes)))

    def _with_its_death(self, lane: Lane) -> Lane:
        key = lane.life.key
        if key in self._unasked:
            return replace(lane, zombie=True)
        return replace(lane, reaped_at=self._zombies.get(key))

    def _look_for_zombies(self, drawn: Picture) -> None:
        """Of those who have just ended, and of those who were zombies before."""
        asked = [
            life
            for life in (lane.life for lane in drawn.lanes)
            if life.key in self._unasked
            or (life.ended_at is not None and life.ended_at > drawn.now - 10 * EVERY)
        ]
        there = snapshot({life.pid for life in asked})
        dead = {pid for pid, process in there.items() if process.state == ZOMBIE}
        self._unasked = {life.key for life in asked if life.pid in dead}
        self._zombies |= dict.fromkeys(self._unasked, drawn.now)


def _page(drawn: Picture) -> Page:
    """In the words of swimlane.js."""
    return {
        "lanes": {f"{lane.life.key}": _lane(lane) for lane in drawn.lanes},
        "order": [f"{lane.life.key}" for lane in drawn.lanes],
        "spans": [
            [
                span.name,
                span.began_at,
                span.ended_at,
                level,
                [[name, f"{value}"] for name, value in span.details.items()],
            ]
            for level, span in drawn.spans
        ],
        "marks": [[mark.at, mark.text] for mark in drawn.marks],
        "folds": [[*fold] for fold in drawn.folds],
        "last": drawn.last,
        "now": drawn.now,
        "more": drawn.more,
        "source": drawn.source,
    }


def _lane(lane: Lane) -> Page:
    life = lane.life
    return {
        "key": f"{life.key}",
        "name": life.name,
        "guide": lane.guide,
        "parent": None if life.parent is None else f"{life.parent}",
        "born": lane.born_at,
        "seen": life.seen,
        "ended": life.ended_at,
        "reaped": lane.reaped_at,
        "zombie": lane.zombie,
        "exit": short(life.exit),
        "failed": failed(life.exit),
        "phases": [[bar.at, bar.words, bar.tone, bar.forked] for bar in lane.bars],
        "adoptions": [
            [at, None if who is None else f"{who}", name]
            for at, who, name in lane.adoptions
        ],
        "chips": [[kind, HUES[kind]] for kind in lane.chips],
        "details": [["pid", f"{life.pid}"], ["command", command(life)]],
    }
