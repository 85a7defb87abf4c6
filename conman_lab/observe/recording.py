"""Recording a trace: a thread listens, and what it hears becomes events.

    with trace() as t:
        naive.create("web", bundle).start()
        t.mark("it runs")
    print(t)

The thread reads what the kernel cannot tell (a command line, a process's namespaces) as
soon as it hears of an exec, for a moment later the process may be gone.
"""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from threading import Thread
from typing import Any, ClassVar

from conman_lab import spans
from conman_lab.errors import NotPossible
from conman_lab.files import readable

from . import procfs
from .events import Event, Kind, Mark, Span, Words
from .family import Family
from .messages import Message, Source
from .polling import Poller
from .procevents import Connector
from .trace import Trace
from .whom import What, pids_of

PATIENCE = 0.2  # seconds that the last messages may take
MOMENT = 0.01
PROMPT = 0.0001  # seconds for which our thread waits for a busy one, instead of 0.005


@contextmanager
def trace(*what: What, everything: bool = False) -> Iterator["Recording"]:
    """Record what happens below `what`: pids, containers, a lab; by default below us."""
    roots = None if everything else pids_of(what or (os.getpid(),))
    recording = Recording(roots)
    try:
        yield recording
    finally:
        recording.stop()


def best_source() -> Source:
    """The kernel's connector, or, where that is not to be had, our own looks."""
    try:
        return Connector()
    except NotPossible as why:
        return Poller(str(why))


class Recording(Trace):
    """A trace that grows until `stop()`."""

    _intervals: ClassVar[list[float]] = []  # before each of those that go on; any order

    def __init__(
        self, roots: Iterable[int] | None, source: Source | None = None
    ) -> None:
        self._source = source or best_source()
        super().__init__(source=self._source.source, began_at=time.time())
        self._zero = time.monotonic_ns()
        self._family = Family(roots)
        self._seen_ns = time.monotonic_ns()
        for process in self._family.seen.values():
            self.events.append(_as_seen(process))
        self._stopping = False
        self._stopped, self._stop = os.pipe()
        self._thread = Thread(target=self._listen, name="trace", daemon=True)
        try:
            self._thread.start()
        except (
            BaseException
        ):  # an interrupt: it listens by now, and nobody would stop it
            os.close(self._stop)
            raise
        spans.listen(self._span)
        self._intervals.append(sys.getswitchinterval())
        sys.setswitchinterval(PROMPT)

    def mark(self, text: str) -> None:
        """Remember that this was now."""
        self.marks.append(Mark(self._seconds(time.monotonic_ns()), text))

    def stop(self) -> None:
        """Hear the last of it, and let go; a second time does nothing.

        `ended_at` is set last: whoever draws takes it for the word that this is all.
        """
        if self._stopping:
            return
        self._stopping = True
        ended_at = self._seconds(time.monotonic_ns())
        spans.ignore(self._span)
        sys.setswitchinterval(self._intervals.pop())
        os.close(self._stop)
        self._thread.join()
        os.close(self._stopped)
        # Not in place: a list is empty to others while it is sorted.
        self.events = sorted(self.events, key=lambda event: event.at)
        self.ended_at = ended_at

    def _listen(self) -> None:
        """Be the thread."""
        source = self._source
        news = [] if source.every else [source.fileno()]
        if news:
            _be_prompt()
        with closing(source):
            self._hear(source.begin())
            while not self._is_over(news):
                self._hear(source.read())
            self._hear(source.rest())
            self._wait_for_the_last(news)

    def _is_over(self, news: list[int]) -> bool:
        """Wait for news, or for the end."""
        both = [self._stopped, *news]
        return self._stopped in readable(*both, timeout=self._source.every)

    def _wait_for_the_last(self, news: list[int]) -> None:
        """Whoever was waited for has ended, and its message may still be on its way.

        The parent is told first, in exit_notify(), and the connector next.
        """
        ends_at = time.monotonic() + PATIENCE
        while self._lost_sight() and time.monotonic() < ends_at:
            readable(*news, timeout=MOMENT)
            self._hear(self._source.read())

    def _lost_sight(self) -> bool:
        living = self._family.living()
        there = procfs.snapshot(living)
        return any(
            pid not in there or there[pid].state == procfs.ZOMBIE for pid in living
        )

    def _hear(self, messages: Iterator[Message]) -> None:
        for heard in messages:
            if heard.kind is Kind.FORK and self._was_seen(heard):
                continue
            for message in self._family.hear(heard):
                self.lost += message.lost
                self.events.append(self._event(message))

    def _was_seen(self, fork: Message) -> bool:
        """It happened after we began to listen and before we had looked around."""
        return fork.ns < self._seen_ns and fork.pid in self._family.seen

    def _event(self, message: Message) -> Event:
        name, words = message.name, message.words
        namespaces: Words = ()
        if message.kind in (Kind.EXEC, Kind.COMM):
            words = words or _command(message)
            comm, namespaces = procfs.looks_of(message.pid)
            name = name or comm
        return Event(
            self._seconds(message.ns),
            message.kind,
            message.pid,
            message.parent if message.kind in (Kind.FORK, Kind.ADOPT) else None,
            name,
            words,
            message.exit,
            namespaces,
            message.lost,
        )

    def _span(self, name: str, began: int, ended: int, details: dict[str, Any]) -> None:
        took = self._seconds(began), self._seconds(ended)
        self.spans.append(Span(name, *took, os.getpid(), details))

    def _seconds(self, ns: int) -> float:
        return (ns - self._zero) / 1e9


def _command(message: Message) -> Words:
    """What it has executed; what calls itself something has its reasons."""
    if message.kind is Kind.EXEC:
        with suppress(*procfs.GONE):
            return procfs.command_of(message.pid)
    return ()


def _be_prompt() -> None:
    """Run before everybody else, and mostly sleep: `true` lives for half a millisecond.

    It is the calling thread that becomes a real-time one, sched(7), and no other.
    """
    with suppress(PermissionError):  # EPERM: no CAP_SYS_NICE
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def _as_seen(process: procfs.Process) -> Event:
    return Event(
        0.0,
        Kind.SEEN,
        process.pid,
        process.ppid,
        process.comm,
        process.command,
        namespaces=process.namespaces,
    )
