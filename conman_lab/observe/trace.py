"""A trace: what happened, as data.  To be saved, read, cut, compared, drawn.

    trace = Trace.load("run.json")
    print(trace)                the tree of births, with stable names: for tests
    print(trace.table())        the same with pids and times
    trace.lives()               what a picture is drawn from
    trace.save("run.json")

It needs no root, no runc and no Linux: whoever has the file sees what was seen.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from . import telling
from .comparing import difference
from .events import Event, Kind, Mark, Span
from .lives import INIT, Adoption, Life, Phase, lives
from .perfetto import to_perfetto
from .words import without_place

__all__ = ["Adoption", "Event", "Kind", "Life", "Mark", "Phase", "Span", "Trace"]

FORMAT = 1
MOMENT = 0.001
MISSED = (  # as the exec's shim in notebook 07: a zygote's fork has it, and ends at once
    ": polling /proc misses what lives for a few ms, and whom that has started; "
    "./lab check tells what the machine lacks"
)


@dataclass
class Trace:
    """Events, spans and marks; `source` is how they were seen.

    While it is being recorded its lists grow; whoever draws takes a copy.
    """

    events: list[Event] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    source: str = ""  # "process connector", "polling /proc"
    lost: int = 0  # events that the kernel could not deliver
    began_at: float = 0.0  # in seconds since 1970
    ended_at: float | None = None  # in seconds since the trace began; None: it goes on

    # --- as a file

    @classmethod
    def load(cls, path: Path | str) -> "Trace":
        """What `save` has written; ValueError if it is none."""
        return cls.from_json(json.loads(Path(path).read_text()))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Trace":
        """What `to_json` has made."""
        if not isinstance(data, dict) or data.get("conman_lab_trace") != FORMAT:
            raise ValueError(f"this is no trace of format {FORMAT}")
        try:
            events = [Event.from_json(event) for event in data["events"]]
            spans = [Span(**span) for span in data["spans"]]
            marks = [Mark(**mark) for mark in data["marks"]]
        except (KeyError, TypeError) as error:
            raise ValueError(f"this trace is not whole: {error}") from error
        known = {name: data[name] for name in _PLAIN if name in data}
        return cls(events, spans, marks, **known)

    def save(self, path: Path | str) -> None:
        """Write it as JSON."""
        Path(path).write_text(self.dumps() + "\n")

    def dumps(self) -> str:
        """JSON, a line for each event: two of them can be compared."""
        lines = []
        for name, value in self.to_json().items():
            text = json.dumps(value, ensure_ascii=False)
            if isinstance(value, list) and value:
                inner = (json.dumps(one, ensure_ascii=False) for one in value)
                text = "[\n" + ",\n".join(inner) + "\n]"
            lines.append(f"{json.dumps(name)}: {text}")
        return "{\n" + ",\n".join(lines) + "\n}"

    def to_json(self) -> dict[str, Any]:
        """All of it, in dicts and lists."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        kept = {name: getattr(self, name) for name in ("marks", "spans", "events")}
        lists = {name: [one.to_json() for one in kept[name]] for name in kept}
        return {"conman_lab_trace": FORMAT, **plain, **lists}

    # --- as a story

    def lives(self) -> list[Life]:
        """Each process from birth to death, in the order of the tree."""
        return lives([*self.events])

    def __str__(self) -> str:
        """The tree of births, without pids and times: the same at each run."""
        return telling.tree(self.lives())

    __repr__ = __str__

    def table(self) -> str:
        """The same with pids and times, then the spans and the marks."""
        return telling.table(self.lives(), [*self.spans], [*self.marks])

    def find(self, words: str) -> Life:
        """The first process that has been called so, or the like; LookupError."""
        for life in self.lives():
            if any(words in it for it in life.titles):
                return life
        polled = MISSED if self.source.startswith("polling") else ""
        raise LookupError(f"nothing in this trace was called {words!r}{polled}")

    def parent_of(self, words: str) -> str:
        """Who gave birth to it, in words."""
        return self._last_title(self.find(words).parent, "somebody outside")

    def adopter_of(self, words: str) -> str:
        """Who has it now that its parent has ended: init, or the subreaper, in words."""
        adoptions = self.find(words).adoptions
        return self._last_title(adoptions[-1].adopter, INIT) if adoptions else "nobody"

    def _last_title(self, key: int | None, otherwise: str) -> str:
        lives = {life.key: life for life in self.lives()}
        return otherwise if key is None else lives[key].titles[-1]

    def diff(self, other: "Trace") -> str:
        """What is only here (-), and what is only there (+), whatever pids and times."""
        return difference(self.lives(), other.lives())

    def to_perfetto(self) -> dict[str, Any]:
        """For ui.perfetto.dev: write it with json.dump."""
        known = [event.at for event in self.events]
        ends_at = max([*known, self.ended_at or 0.0])
        return to_perfetto(self.lives(), [*self.spans], [*self.marks], ends_at)

    # --- as material

    def filter(self, wanted: Callable[[Life], bool]) -> "Trace":
        """Only the processes that are wanted, and all that happened to them."""
        kept: dict[int, list[Life]] = {}
        for life in filter(wanted, self.lives()):
            kept.setdefault(life.pid, []).append(life)
        events = [it for it in self.events if _is_of(it, kept.get(it.pid, ()))]
        return self._with(events=events)

    def merge(self, other: "Trace") -> "Trace":
        """Both on the time axis of whichever began first."""
        first, second = sorted((self, other), key=lambda trace: trace.began_at)
        later = second.shifted(second.began_at - first.began_at)
        ends = [end for end in (first.ended_at, later.ended_at) if end is not None]
        return Trace(
            [*_once(_by_time([*first.events, *later.events], lambda event: event.at))],
            _by_time([*first.spans, *later.spans], lambda span: span.began_at),
            _by_time([*first.marks, *later.marks], lambda mark: mark.at),
            source=" and ".join(dict.fromkeys([first.source, later.source])),
            lost=first.lost + later.lost,
            began_at=first.began_at,
            ended_at=max(ends) if len(ends) == 2 else None,
        )

    def shifted(self, by: float) -> "Trace":
        """The same, `by` seconds later."""
        return self._with(
            events=[
                replace(event, at=round(event.at + by, 9)) for event in self.events
            ],
            spans=[
                replace(span, began_at=span.began_at + by, ended_at=span.ended_at + by)
                for span in self.spans
            ],
            marks=[replace(mark, at=mark.at + by) for mark in self.marks],
            began_at=self.began_at - by,
            ended_at=None if self.ended_at is None else self.ended_at + by,
        )

    def without_places(self) -> "Trace":
        """To be shown to others: paths do not tell where things are on this machine."""

        def tidy(event: Event) -> Event:
            return replace(event, words=tuple(map(without_place, event.words)))

        return self._with(events=[tidy(event) for event in self.events])

    def _with(self, **changes: Any) -> "Trace":
        """A copy, but; one that nobody records."""
        ours = {it.name: getattr(self, it.name) for it in fields(self)}
        return Trace(**ours | changes)


_PLAIN = ("source", "lost", "began_at", "ended_at")


def _is_of(event: Event, lives: Iterable[Life]) -> bool:
    """It happened to one of them, and not to somebody with the same pid."""
    if event.kind is Kind.LOST:
        return True
    return any(
        event.pid == life.pid
        and life.born_at <= event.at
        and (life.ended_at is None or event.at <= life.ended_at)
        for life in lives
    )


def _once(events: list[Event]) -> Iterator[Event]:
    """What both have heard, only once; their clocks were set a little apart."""
    heard_at: dict[Event, float] = {}
    for event in events:
        what = replace(event, at=0.0)
        if event.at - heard_at.get(what, -1.0) > MOMENT:
            heard_at[what] = event.at
            yield event


def _by_time(things: Iterable[Any], when: Callable[[Any], float]) -> list[Any]:
    return sorted(things, key=when)
