"""Log throughput: lines in, records out, until all is in the file and the end is told.

The container copies a file of lines to its stdout, in writes of 64 KiB; or in one
write(2) for each line, and then the pipe is what all are bound by.  Each run reads its
log back, for a keeper that loses lines is easily fast.

The log may stay in the page cache here: on a disk that writes 1 GB/s the disk would be
measured, and notice.py has the price of waiting for it.
"""

import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import count

from conman_lab.errors import ExitLost, LabError
from conman_lab.lab.workspace import Lab
from conman_lab.launcher import Launched, Launcher
from conman_lab.stream import Stream

from .cat import Cat
from .contestants import Sizes, contestants
from .gate import INSIDE, Gate
from .measure import Discipline, Sample
from .meter import Meter

PATIENCE = 120.0  # seconds

_numbers = count(1)


class BytesLost(LabError):
    """The log is not what the container has written."""


@dataclass(frozen=True)
class Load:
    """Lines of `width` bytes with their newline, in writes of `block` bytes."""

    name: str
    width: int
    block: int = 64 * 1024
    share: int = 1  # of the whole size: who is slow writes less

    def text(self, size: int) -> bytes:
        """As many whole lines as fit in `size` bytes."""
        line = b"%0*d\n" % (self.width - 1, 7)
        return line * (size // self.share // self.width)


LOADS = (
    Load("16 B", 16),
    Load("100 B", 100),
    Load("4 KiB", 4096),
    Load("16 B, a write each", 16, block=16, share=8),
)


def disciplines(lab: Lab, sizes: Sizes) -> list[Discipline]:
    """One for each load."""
    able = (Cat(lab.runtime), *contestants(lab, durable=False))
    runs = [Transfer(lab, load, sizes.megabytes * 1_000_000).run for load in LOADS]
    rounds = sizes.runs or 7
    return [
        Discipline("log", load.name, able, run, rounds)
        for load, run in zip(LOADS, runs, strict=True)
    ]


class Transfer:
    """A bundle whose container writes `size` bytes of a load, and the clock for it."""

    def __init__(self, lab: Lab, load: Load, size: int) -> None:
        number = next(_numbers)
        self._cgroup, self._text = lab.registry.cgroup, load.text(size)
        self._gate = Gate(lab.directory(f"log-{number}"))
        (self._gate.directory / "lines").write_bytes(self._text)
        command = f"exec dd if={INSIDE}/lines bs={load.block} 2>/dev/null"
        self._bundle = self._gate.bundle(lab.bundle("chatter"), command)

    def run(self, launcher: Launcher) -> Sample:
        """Run one container, and compare what its log has.  BytesLost."""
        id = f"log-{next(_numbers)}"
        with ExitStack() as stack:
            container = launcher.create(id, self._bundle)
            stack.callback(container.delete)
            assert container.keeper, f"nobody stays with {id}"
            meter = Meter(container.keeper, f"{self._cgroup}/meter-{id}")
            stack.callback(meter.close)
            container.start()
            took = self._time(container)
            compare(container, self._text)
            gigabytes = len(self._text) / 1e9
            return {
                "MB/s": gigabytes / took * 1000,
                "CPU s/GB": meter.seconds() / gigabytes,
            }

    def _time(self, container: Launched) -> float:
        self._gate.wait()
        began_at = time.perf_counter()
        self._gate.open()
        with suppress(ExitLost):  # cat knows of none
            container.wait(PATIENCE)
        return time.perf_counter() - began_at


def compare(container: Launched, text: bytes) -> None:
    """Read the log back.  BytesLost, if it is not what was written."""
    written = container.output(Stream.STDOUT)
    if written != text:
        raise BytesLost(
            f"{container.id} wrote {len(text)} bytes, and its log has {len(written)}"
        )
