"""A trace that every test of traces and pictures understands: who adopts whom."""

from conman_lab.linux import Exit
from conman_lab.observe.trace import Event, Kind, Mark, Span, Trace

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
