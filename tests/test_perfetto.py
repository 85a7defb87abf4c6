"""What Perfetto is given is what Perfetto draws: no slice overlaps another."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conman_lab.linux import Exit
from conman_lab.observe.trace import Event, Kind, Mark, Span, Trace

TRACES = sorted((Path(__file__).parent / "traces").glob("*.json"))


def complaints(data):
    """What is wrong with it, as Perfetto's importer would see it."""
    events = json.loads(json.dumps(data))["traceEvents"]
    timed = [event for event in events if event["ph"] != "M"]
    if any(a["ts"] > b["ts"] for a, b in pairwise(timed)):
        yield "not sorted"
    yield from overlaps([event for event in timed if event["ph"] == "X"])
    yield from arrows(timed)
    named = {event["pid"] for event in events if event["name"] == "process_name"}
    used = {event["pid"] for event in timed} - {0}
    yield from (f"track {pid} has no name" for pid in used - named)
    yield from (f"{it['ph']} is unknown" for it in events if it["ph"] not in "MXsfi")


def overlaps(slices):
    """On one track, one slice is over when the next begins, or encloses it."""
    tracks = {}
    for each in slices:
        if each["dur"] < 0:
            yield f"{each['name']} ends before it begins"
        open_ends = tracks.setdefault((each["pid"], each["tid"]), [])
        begins, ends = (
            round(each["ts"] * 1000),
            round((each["ts"] + each["dur"]) * 1000),
        )
        while open_ends and open_ends[-1] <= begins:
            open_ends.pop()
        if open_ends and ends > open_ends[-1]:
            yield f"{each['name']} overlaps"
        open_ends.append(ends)


def arrows(timed):
    """Each has one beginning and one end, each of them inside a slice of its track."""
    begun = [event["id"] for event in timed if event["ph"] == "s"]
    ended = [event["id"] for event in timed if event["ph"] == "f"]
    if sorted(begun) != sorted(ended) or len(set(begun)) != len(begun):
        yield "arrows are not balanced"
    for event in timed:
        if event["ph"] in "sf" and not any(
            each["ph"] == "X"
            and (each["pid"], each["tid"]) == (event["pid"], event["tid"])
            and each["ts"] <= event["ts"] <= each["ts"] + each["dur"] + 0.001
            for each in timed
        ):
            yield f"arrow {event['id']} ends in no slice"


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_a_recorded_trace_is_valid(path):
    trace = Trace.load(path)
    data = trace.to_perfetto()
    assert [*complaints(data)] == []
    kinds = [event["ph"] for event in data["traceEvents"]]
    births = [life for life in trace.lives() if not life.seen]
    assert kinds.count("s") == len(births)
    assert kinds.count("X") == len(trace.spans) + sum(
        len(life.phases) for life in trace.lives()
    )


@st.composite
def traces(draw):
    """Whatever could have happened: pids that come again, spans that overlap."""
    at = st.floats(0, 10, allow_nan=False)
    pid = st.integers(1, 5)
    events = st.lists(
        st.one_of(
            st.builds(Event, at, st.just(Kind.FORK), pid, pid),
            st.builds(Event, at, st.just(Kind.SEEN), pid, pid, st.just("x")),
            st.builds(Event, at, st.just(Kind.EXEC), pid, st.none(), st.just("sh")),
            st.builds(
                lambda at, pid: Event(at, Kind.EXIT, pid, exit=Exit(code=0)), at, pid
            ),
        ),
        max_size=30,
    )
    spans = st.lists(
        st.builds(
            lambda at, took: Span("runc start", at, at + took, 1), at, st.floats(0, 3)
        ),
        max_size=10,
    )
    marks = st.lists(st.builds(Mark, at, st.text(max_size=3)), max_size=3)
    return Trace(draw(events), draw(spans), draw(marks))


@given(traces())
def test_any_trace_is_valid(trace):
    assert [*complaints(trace.to_perfetto())] == []


def test_the_validator_sees_what_is_wrong():
    """On a copy of a valid one, with one thing changed each."""
    whole = Trace.load(TRACES[0]).to_perfetto()

    def changed(change):
        data = json.loads(json.dumps(whole))
        change(data["traceEvents"])
        return [*complaints(data)]

    def first(events, ph):
        return next(event for event in events if event["ph"] == ph)

    assert changed(lambda events: first(events, "X").update(dur=-1))
    assert changed(lambda events: events.remove(first(events, "f")))
    assert changed(lambda events: events.reverse())
    assert changed(lambda events: events.pop(1))
    assert changed(lambda events: first(events, "s").update(pid=77))
    overlapping = [event for event in whole["traceEvents"] if event["ph"] == "X"]
    several = next(
        at
        for at, (a, b) in enumerate(pairwise(overlapping))
        if a["pid"] == b["pid"] != 0
    )
    spoilt = [dict(event) for event in overlapping]
    spoilt[several]["dur"] += 1
    assert "overlaps" in " ".join(overlaps(spoilt))
