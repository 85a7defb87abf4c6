"""A trace is data: what is told of it, and that nothing is lost on the way to a file."""

from dataclasses import replace
from pathlib import Path
from time import process_time

import pytest
from story import SLEEP, US, adopted

from conman_lab.linux import Exit
from conman_lab.observe.comparing import SAME
from conman_lab.observe.trace import Event, Kind, Trace

TRACES = Path(__file__).parent / "traces"
TREE = """\
P1 python -m x
└─ P2 shim
   └─ P3 runc start  (exit code 0)
      └─ P4 sleep 9  (adopted by P2, killed by SIGKILL)"""


def test_a_trace_is_told_with_stable_names():
    assert str(adopted()) == TREE


def test_what_is_saved_is_loaded(tmp_path):
    adopted().save(tmp_path / "trace.json")
    assert Trace.load(tmp_path / "trace.json") == adopted()


def test_what_is_no_trace_is_refused(tmp_path):
    (tmp_path / "trace.json").write_text('{"events": []}')
    with pytest.raises(ValueError, match="no trace"):
        Trace.load(tmp_path / "trace.json")


@pytest.mark.parametrize("what", ["events", "spans", "marks"])
def test_a_trace_that_is_not_whole_is_refused(what):
    lacks = adopted().to_json()
    del lacks[what]
    with pytest.raises(ValueError, match=f"not whole: '{what}'"):
        Trace.from_json(lacks)
    odd = adopted().to_json() | {what: [{"of": "another version"}]}
    with pytest.raises(ValueError, match="not whole"):
        Trace.from_json(odd)


def many(count):
    """So many processes, one after the other, each seen by the same parent."""
    events = [Event(0.0, Kind.SEEN, US, 1, "sh", ("sh",))]
    for number in range(count):
        at, pid = float(number), 1000 + number
        events.append(Event(at, Kind.FORK, pid, US))
        events.append(Event(at + 0.1, Kind.EXEC, pid, None, "true", ("true",)))
        events.append(Event(at + 0.2, Kind.EXIT, pid, exit=Exit(code=0)))
    return Trace(events)


@pytest.mark.parametrize(
    "ask",
    [
        str,
        Trace.table,
        lambda trace: trace.diff(trace),
        lambda trace: trace.filter(bool),
    ],
    ids=["str", "table", "diff", "filter"],
)
def test_sixteen_times_the_processes_take_sixteen_times_the_time(ask):
    """And not 256 times: of ten thousand a tree took a minute and a half."""

    def seconds(count):
        trace, began_at = many(count), process_time()
        ask(trace)
        return process_time() - began_at

    assert seconds(4000) < 80 * min(seconds(250) for _ in range(3))


@pytest.mark.parametrize("path", sorted(TRACES.glob("*.json")), ids=lambda p: p.stem)
def test_a_recorded_trace_has_the_stages_of_runc_init(path):
    titles = [life.titles for life in Trace.load(path).lives()]
    init = titles.index(["runc init", "runc:[0:PARENT]"])
    assert titles[init + 1 : init + 3] == [
        ["runc:[1:CHILD]"],
        ["runc:[2:INIT]", "echo Hello from a container"],
    ]


def test_a_diff_knows_no_pids_and_no_times():
    one, two = adopted(), adopted().shifted(5.0)
    renumbered = [
        replace(event, pid=event.pid + 7, parent=event.parent and event.parent + 7)
        for event in two.events
    ]
    assert one.diff(replace(two, events=renumbered)) == SAME


def test_a_diff_says_what_is_only_in_one():
    without = adopted().filter(lambda life: life.pid != SLEEP)
    line = "python -m x > shim > runc start > sleep 9  (adopted, killed by SIGKILL)"
    assert adopted().diff(without) == f"- {line}"
    assert without.diff(adopted()) == f"+ {line}"


def test_a_filter_keeps_what_happened_to_whom_it_keeps():
    """A pid that comes again is another process."""
    again = Event(0.95, Kind.FORK, SLEEP, US)
    trace = adopted()
    trace.events.append(again)
    kept = trace.filter(lambda life: life.titles[0] == "sleep 9")
    assert {event.kind for event in kept.events} == {
        *(Kind.FORK, Kind.EXEC, Kind.ADOPT, Kind.EXIT)
    }
    assert again not in kept.events


def test_two_traces_that_overlap_are_merged_on_one_axis():
    early, late = adopted(), adopted().shifted(-0.5)
    assert late.began_at == 1000.5
    assert early.merge(late).events == early.events
    assert str(early.merge(late.shifted(0.0001))) == TREE
    assert [mark.at for mark in late.merge(early).marks] == [0.8, 0.8]


def test_a_table_has_pids_and_times():
    *_, sleep, span, mark = adopted().table().splitlines()
    assert sleep.split()[:5] == ["P4", "40", "500.00", "900.00", "400.00"]
    assert span == "250.00 ms  runc start: 500.00 ms"
    assert mark == "800.00 ms  mark: now it is killed"
