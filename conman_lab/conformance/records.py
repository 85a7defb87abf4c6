"""Promises about the log: records as the CRI wants them, so that `kubectl logs` works.

    2026-11-23T20:43:01.123456789+00:00 stdout F hello

https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
"""

import re
import time
from datetime import datetime
from functools import partial
from pathlib import Path

from conman_lab.checks import Broken
from conman_lab.launcher import Launched

from .creation import WAIT
from .patience import eventually
from .trial import Trial, promise

RECORD = re.compile(
    rb"(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d)) "
    rb"(?P<stream>stdout|stderr) (?P<tag>[FP]) (?P<text>[^\n]*)\n"
)
NEWLINE = b"\n"
COARSE = 0.05  # seconds; a clock that is read from the kernel's last tick is behind


@promise
def records(trial: Trial) -> None:
    """The log is made of records: time, stream, tag and text."""
    log = recorded(trial, r"echo out; echo err >&2; printf '\n\nend'")
    seen = f"{len(parse(log))} of {log.read_bytes().count(NEWLINE)} lines"
    trial.expect(seen == "5 of 5 lines", "5 records", seen)


@promise
def full_and_partial(trial: Trial) -> None:
    """A line is tagged F, and what its writer has not ended P."""
    found = parse(recorded(trial, r"printf 'one\ntwo'"))
    seen = [(match["tag"], match["text"]) for match in found]
    wanted = [(b"F", b"one"), (b"P", b"two")]
    trial.expect(seen == wanted, str(wanted), str(seen))


@promise
def in_order(trial: Trial) -> None:
    """Both streams are in the order in which it wrote them."""
    turns = "".join(f"echo {n}; {WAIT}; echo {n} >&2; {WAIT}; " for n in range(3))
    container = trial.begin(turns)
    log = its_log(container)
    for count in range(1, 7):
        eventually(partial(has_lines, log, count))
        trial.cue()
    trial.end_of(container)
    seen = [match["stream"].decode()[3:] for match in parse(log)]
    trial.expect(seen == ["out", "err"] * 3, "out, err, three times", ", ".join(seen))


@promise
def times(trial: Trial) -> None:
    """Each record has its time, and the times are in order."""
    begun_at = time.time()
    stamps = [
        datetime.fromisoformat(match["at"].decode()).timestamp()
        for match in parse(recorded(trial, "seq 1000"))
    ]
    ordered = stamps == sorted(stamps)
    now = begun_at - COARSE <= stamps[0] and stamps[-1] <= time.time() + COARSE
    seen = f"{'ordered' if ordered else 'not ordered'}, {'now' if now else 'not now'}"
    trial.expect(ordered and now, "ordered, now", seen)


def recorded(trial: Trial, script: str) -> Path:
    """The log of a container that has ended."""
    container = trial.begin(script)
    log = its_log(container)
    trial.end_of(container)
    return log


def its_log(container: Launched) -> Path:
    """Its log; there must be one."""
    if not container.log:
        raise Broken("a log", "none")
    return container.log


def has_lines(log: Path, count: int) -> bool:
    """There are so many, or more."""
    return log.read_bytes().count(NEWLINE) >= count


def parse(log: Path) -> list["re.Match[bytes]"]:
    """Its records; a line that is none is left out, for `records` to find."""
    with log.open("rb") as file:
        matching = [RECORD.fullmatch(line) for line in file]
    return [match for match in matching if match]
