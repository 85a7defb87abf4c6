"""A trace is data: what is told of it, and that nothing is lost on the way to a file."""

from pathlib import Path

import pytest

from conman_lab.linux import Exit
from conman_lab.observe.trace import Event, Kind, Mark, Span, Trace

TRACES = Path(__file__).parent / "traces"
US, SHIM, RUNC, SLEEP = 10, 20, 30, 40


def adopted():
    """A runtime leaves its child to the shim above it."""
    return Trace(
        events=[
            Event(0.0, Kind.SEEN, US, 1, "python", ("python", "-m", "x")),
            Event(0.1, Kind.FORK, SHIM, US),
            Event(0.2, Kind.COMM, SHIM, name="shim"),
            Event(0.3, Kind.FORK, RUNC, SHIM),
            Event(0.4, Kind.EXEC, RUNC, name="runc", words=("/usr/sbin/runc", "start")),
            Event(0.5, Kind.FORK, SLEEP, RUNC),
            Event(0.6, Kind.EXEC, SLEEP, None, "sleep", ("sleep", "9"), None, ("pid",)),
            Event(0.7, Kind.EXIT, RUNC, exit=Exit(code=0)),
            Event(0.7, Kind.ADOPT, SLEEP, SHIM),
            Event(0.9, Kind.EXIT, SLEEP, exit=Exit(signal=9)),
        ],
        spans=[Span("runc start", 0.25, 0.75, US, {"id": "web"})],
        marks=[Mark(0.8, "now it is killed")],
        source="process connector",
        began_at=1000.0,
        ended_at=1.0,
    )


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


@pytest.mark.parametrize("path", sorted(TRACES.glob("*.json")), ids=lambda p: p.stem)
def test_a_recorded_trace_has_the_stages_of_runc_init(path):
    titles = [life.titles for life in Trace.load(path).lives()]
    init = titles.index(["runc init", "runc:[0:PARENT]"])
    assert titles[init + 1 : init + 3] == [
        ["runc:[1:CHILD]"],
        ["runc:[2:INIT]", "echo Hello from a container"],
    ]
