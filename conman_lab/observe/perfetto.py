"""A trace for ui.perfetto.dev and chrome://tracing, which zoom into long runs.

    ph M  names a track            ph X  a slice: from ts, for dur, in microseconds
    ph s, f  an arrow: a fork      ph i  an instant: a mark, an exit

Perfetto takes this format as it is meant, and draws nothing of slices that overlap on
one track.  So a process's phases follow upon each other, our spans have a track for
each depth, and all times are whole nanoseconds that were rounded once.
https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from collections.abc import Iterator, Sequence
from typing import Any

from .events import Mark, Span
from .lives import Life
from .words import in_words

Slice = dict[str, Any]
US = 0  # the track of our own code and marks; no process has this pid


def to_perfetto(
    lives: Sequence[Life], spans: Sequence[Span], marks: Sequence[Mark], ends_at: float
) -> dict[str, Any]:
    """What json.dump makes a file of: slices by time, the longer first."""
    slices = [*_ours(spans, marks)]
    for life in lives:
        slices += _of(life, ends_at)
    slices += _forks(lives)
    slices.sort(key=lambda one: (one["ts"], -one.get("dur", 0)))
    return {"displayTimeUnit": "ms", "traceEvents": [*_names(lives, spans), *slices]}


def _names(lives: Sequence[Life], spans: Sequence[Span]) -> Iterator[Slice]:
    """A track for each life: a pid may have had two of them."""
    if spans:
        yield _name("process_name", US, US, "conman_lab")
    for at, life in enumerate(lives):
        track = _track(life)
        yield _name("process_name", track, track, f"{life.name} {life.titles[-1]}")
        order = {"sort_index": at + 1}
        sort = {"ph": "M", "ts": 0, "name": "process_sort_index", "args": order}
        yield sort | {"pid": track, "tid": track}


def _name(what: str, pid: int, tid: int, name: str) -> Slice:
    named = {"ph": "M", "ts": 0, "name": what, "args": {"name": name}}
    return named | {"pid": pid, "tid": tid}


def _ours(spans: Sequence[Span], marks: Sequence[Mark]) -> Iterator[Slice]:
    """Spans of several threads may overlap: each goes to a track that is free for it."""
    free: list[int] = []  # when, of each track
    for span in sorted(spans, key=lambda span: (span.began_at, -span.ended_at)):
        begins, ends = _ns(span.began_at), _ns(span.ended_at)
        track = next((at for at, end in enumerate(free) if end <= begins), len(free))
        free[track : track + 1] = [ends]
        yield _slice(span.name, US, track, begins, ends) | {"args": dict(span.details)}
    for mark in marks:
        instant = {"ph": "i", "s": "g", "name": mark.text, "ts": _us(_ns(mark.at))}
        yield instant | {"pid": US, "tid": US}


def _of(life: Life, ends_at: float) -> Iterator[Slice]:
    """One slice for each phase; each ends where the next begins."""
    track = _track(life)
    last = life.ended_at if life.ended_at is not None else ends_at
    ends = [*(phase.at for phase in life.phases[1:]), last]
    for phase, end in zip(life.phases, ends, strict=True):
        begins = _ns(phase.at)
        words = in_words(phase.words) or "(gone)"
        made = _slice(words, track, track, begins, max(begins, _ns(end)))
        yield made | {"args": {"pid": life.pid, "since": str(phase.kind)}}
    if life.ended_at is not None:
        how = {"ph": "i", "s": "t", "name": str(life.exit or "ended")}
        yield how | {"ts": _us(_ns(life.ended_at)), "pid": track, "tid": track}


def _forks(lives: Sequence[Life]) -> Iterator[Slice]:
    by_key = {life.key: life for life in lives}
    for life in lives:
        if life.parent is None or life.seen:
            continue
        for ph, one in (("s", by_key[life.parent]), ("f", life)):
            ends = {"bp": "e"} if ph == "f" else {}
            arrow = {"ph": ph, "id": life.key, "name": "fork", "cat": "fork", **ends}
            track = _track(one)
            yield arrow | {"ts": _us(_ns(life.born_at)), "pid": track, "tid": track}


def _slice(name: str, pid: int, tid: int, begins: int, ends: int) -> Slice:
    times = {"ts": _us(begins), "dur": _us(ends - begins)}
    return {
        "ph": "X",
        "name": name,
        "cat": "conman_lab",
        "pid": pid,
        "tid": tid,
    } | times


def _track(life: Life) -> int:
    return life.key + 1


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)


def _us(ns: int) -> float:
    return ns / 1000
