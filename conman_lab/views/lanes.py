"""What a swimlane is drawn from: a trace's lives as lanes, its spans, marks and folds.

- A bar's colour says which program it is, in the order in which programs appear; after
  a fork it is the parent's, and paler, for a child runs what its parent ran.
- The colours are Paul Tol's light scheme, made for cells with black text in them and
  told apart by all kinds of eyes: https://sronpersonalpages.nl/~pault
"""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from conman_lab.linux import Exit
from conman_lab.observe import telling
from conman_lab.observe.events import Kind, Mark, Span
from conman_lab.observe.lives import INIT, Life, Phase
from conman_lab.observe.trace import Trace
from conman_lab.observe.words import RUNTIMES

from .scale import Interval, folds

MOST = 120  # lanes; then the oldest of those who have ended are left out
BEFORE = "#dddddd"  # who was there before the trace
TONES = (
    *("#77aadd", "#44bb99", "#ee8866", "#ffaabb"),
    *("#bbcc33", "#99ddff", "#eedd88", "#aaaa00"),
)

OWN = (Kind.EXEC, Kind.COMM)  # what a process has chosen itself to be


@dataclass(frozen=True)
class Bar:
    """What a process was called, from `at` until its next bar, or its end."""

    at: float
    words: str
    tone: str
    forked: bool  # a child that has not called execve(2) yet


@dataclass(frozen=True)
class Lane:
    """One process over time.  Times are in seconds since the trace began."""

    life: Life
    guide: str
    bars: tuple[Bar, ...]
    chips: tuple[str, ...]  # namespaces that are not those of the lane above it
    adoptions: tuple[tuple[float, int | None, str], ...]
    reaped_at: float | None = (
        None  # when its parent asked how it ended, if that is known
    )
    zombie: bool = False  # it has not, so far

    @property
    def born_at(self) -> float:
        """Who was there before the trace is drawn from its beginning."""
        return max(self.life.born_at, 0.0)

    @property
    def facts(self) -> list[str]:
        """What is told behind it, in words."""
        adopted = [f"adopted by {name}" for _, _, name in self.adoptions]
        ended = [str(self.life.exit)] if self.life.exit else []
        return [*adopted, *(["zombie"] if self.zombie else []), *ended]


@dataclass(frozen=True)
class Picture:
    """All that is drawn; it is the same for the page, the figure and the text."""

    lanes: tuple[Lane, ...]
    spans: tuple[tuple[int, Span], ...]  # with the level that each is drawn on
    marks: tuple[Mark, ...]
    folds: tuple[Interval, ...]
    last: float  # when something happened last
    now: float
    more: int = 0  # lanes that are not drawn
    source: str = ""

    @property
    def levels(self) -> int:
        """How many lines the spans take."""
        return max((level + 1 for level, _ in self.spans), default=0)


def picture(trace: Trace, now: float | None = None) -> Picture:
    """What there is to be drawn of a trace; `now`: it is being recorded."""
    lives = trace.lives()
    drawn = _newest(lives)
    spans, marks = [*trace.spans], [*trace.marks]
    happened = [0.0, *(event.at for event in [*trace.events]), *_ends(spans)]
    last = max([*happened, *(mark.at for mark in marks)])
    end = max(last, now if now is not None else trace.ended_at or 0.0)
    times = [*happened, *(mark.at for mark in marks), *([end] if now is None else [])]
    return Picture(
        lanes=tuple(_lanes(drawn, _tones(lives))),
        spans=tuple(_levels(spans)),
        marks=tuple(sorted(marks, key=lambda mark: mark.at)),
        folds=tuple(folds(times)),
        last=last,
        now=end,
        more=len(lives) - len(drawn),
        source=trace.source,
    )


def short(exit: Exit | None) -> str:
    """How it ended, in a word: `exit 1`, `SIGKILL`; nothing for who lives."""
    if exit is None:
        return ""
    return str(exit).split()[2].rstrip(":") if exit.signal else f"exit {exit.code}"


def failed(exit: Exit | None) -> bool:
    """Not with 0."""
    return exit is not None and bool(exit.signal or exit.code)


def command(life: Life) -> str:
    """Its command line, the last that it had: all of it."""
    own = [phase.words for phase in life.phases if phase.kind is not Kind.COMM]
    return shlex.join(own[-1]) if own else ""


def _newest(lives: list[Life]) -> list[Life]:
    """Of too many those who live, those who came last, and all that they come from."""
    if len(lives) <= MOST:
        return lives
    by_key = {life.key: life for life in lives}
    newest = sorted(lives, key=lambda life: (life.ended_at is None, life.born_at))
    kept = {life.key for life in newest[-MOST:]}
    for key in [*kept]:
        parent = by_key[key].parent
        while parent is not None and parent not in kept:
            kept.add(parent)
            parent = by_key[parent].parent
    return [life for life in lives if life.key in kept]


def _lanes(lives: list[Life], tones: dict[str, str]) -> Iterator[Lane]:
    by_key = {life.key: life for life in lives}
    bars: dict[int | None, tuple[Bar, ...]] = {}
    for life, guide in zip(lives, telling.guides(lives), strict=True):
        parent = by_key.get(-1 if life.parent is None else life.parent)
        inherited = parent is not None and parent.namespaces == life.namespaces
        adoptions = tuple(
            (at, who, by_key[who].name if who in by_key else INIT)
            for at, who in life.adoptions
        )
        bars[life.key] = tuple(_bars(life, bars.get(life.parent, ()), tones))
        chips = () if inherited else life.namespaces
        yield Lane(life, guide, bars[life.key], chips, adoptions)


def _bars(life: Life, above: Sequence[Bar], tones: dict[str, str]) -> Iterator[Bar]:
    for phase in life.phases:
        tone = tones.get(_program(phase), BEFORE)
        if phase.kind is Kind.FORK:
            before = [bar for bar in above if bar.at <= phase.at]
            tone = before[-1].tone if before else BEFORE
        elif phase.kind is Kind.SEEN:
            tone = BEFORE
        words = str(phase) or "(gone)"
        yield Bar(max(phase.at, 0.0), words, tone, phase.kind is Kind.FORK)


def _tones(lives: Sequence[Life]) -> dict[str, str]:
    """A colour for each program, by first appearance: the same while a trace grows."""
    phases = [phase for life in lives for phase in life.phases if phase.kind in OWN]
    programs = dict.fromkeys(map(_program, sorted(phases, key=_at)))
    return {it: TONES[number % len(TONES)] for number, it in enumerate(programs)}


def _program(phase: Phase) -> str:
    """What has a colour of its own: `sh`, `runc`, `runc init`, `runc:[2:INIT]`."""
    program, *rest = str(phase).split() or [""]
    return "runc init" if program in RUNTIMES and rest[:1] == ["init"] else program


def _at(phase: Phase) -> float:
    return phase.at


def _ends(spans: Iterable[Span]) -> Iterator[float]:
    for span in spans:
        yield from (span.began_at, span.ended_at)


def _levels(spans: Iterable[Span]) -> Iterator[tuple[int, Span]]:
    """Who is inside another, or overlaps it, is drawn a line below it."""
    busy_until: list[float] = []
    for span in sorted(spans, key=lambda span: (span.began_at, -span.ended_at)):
        free = (n for n, end in enumerate(busy_until) if end <= span.began_at)
        level = next(free, len(busy_until))
        busy_until[level:] = [span.ended_at, *busy_until[level + 1 :]]
        yield level, span
