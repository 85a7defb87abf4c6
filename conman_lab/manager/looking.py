"""What can be asked of a manager.  Nothing here changes a container."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from conman_lab.linux import Exit
from conman_lab.oci import Runtime
from conman_lab.record import fields

from . import facts, stats
from .answers import Event, Record, Stats, Version
from .container import Container, Status
from .following import follow as followed
from .house import House
from .logs import check_tail, read
from .register import Entry
from .sessions import awaited
from .vocabulary import Facts, List

Happened = list[Event]  # `list` is one of the verbs


class Looking:
    """The half of a manager that looks."""

    _house: House

    def version(self) -> Version:
        """Who answers."""
        runtime = self._house.runtime
        return Version(_our_version(), runtime.name, _version_of(runtime))

    def list(
        self, status: Status | None = None, labels: Mapping[str, str] = {}
    ) -> List:
        """All of them, or those of a status and with these labels, the oldest first.

        Memory has all that it takes, once what has ended by now has been heard.
        """
        entries = self._house.register.all()
        self._house.watcher.catch_up()
        everyone = [entry.container for entry in entries]
        found = [
            it
            for it in everyone
            if status in (None, it.status) and labels.items() <= it.labels.items()
        ]
        return sorted(found, key=lambda it: (it.created_at, it.id))

    def status(self, ref: str) -> Container:
        """One of them, looked at just now."""
        return self._house.refresh(self._house.register.find(ref))

    def inspect(self, ref: str) -> Facts:
        """All that is known of it, as JSON has it."""
        container = self.status(ref)
        directory = self._house.store.directory(container.id)
        shim = facts.shim_of(directory)
        known: dict[str, Any] = asdict(container) | {
            "exit": fields(container.exit) if container.exit else None,
            "pid": container.pid,
            "exit_before": str(facts.exit_of(directory, "exit.before") or ""),
            "shim": shim.pid if shim and shim.alive else None,
            "directory": str(directory),
            "cgroup": self._house.group(container.id),
            "files": sorted(path.name for path in directory.glob("*")),
        }
        with suppress(OSError, ValueError):  # half of it is missing: show the rest
            known["config"] = json.loads(
                (directory / "bundle/config.json").read_bytes()
            )
        return known

    def wait(self, ref: str, timeout: float | None = None) -> Exit:
        """How this run ends.  Deadline: not within `timeout` seconds.  ExitLost."""
        entry = self._house.register.find(ref)
        return awaited(entry.end, entry.container.name, timeout)

    def logs(
        self,
        ref: str,
        since: float | None = None,
        tail: int | None = None,
        follow: bool = False,
    ) -> Iterator[Record]:
        """What it has written, the last `tail` records; `follow`: and will, to its end."""
        check_tail(tail)
        entry = self._house.register.find(ref)
        directory = self._house.store.directory(entry.id)
        if follow:
            return followed(directory, entry.end, since or 0.0, tail)
        return read(directory / "log", since or 0.0, tail)

    def stats(self, ref: str) -> Stats:
        """What it uses by now.  WrongState: it has ended, and nobody has counted."""
        container = self.status(ref).may("measure")
        return stats.of(self._house.group(container.id))

    def events(self, since: float | None = None) -> Iterator[Event]:
        """What happens from now on, or has happened `since`; ends when it is closed."""
        return self._house.events.stream(since)

    def happened(self, since: float = 0.0) -> Happened:
        """What has happened since then, the oldest first, as far as it is remembered."""
        return self._house.events.since(since)

    def on_event(self, callback: Callable[[Event], object]) -> Callable[[], None]:
        """Call back with each event, from any thread; returns how to end that."""
        return self._house.events.on_event(callback)

    def known(self, ref: str) -> Entry:
        """What is in memory of it, looked at just now; good until it begins again."""
        entry = self._house.register.find(ref)
        self._house.refresh(entry)
        return entry

    def on_end(self, ref: str, callback: Callable[[Exit | None], object]) -> None:
        """Call back once when it has ended, from any thread; None: nobody knows how.

        Not at all if the manager is closed before.
        """
        self._house.register.find(ref).on_end(callback)


@cache
def _our_version() -> str:
    with suppress(PackageNotFoundError):  # it runs from a checkout
        return version("conman-lab")
    return "0"


def _version_of(runtime: Runtime) -> str:
    """As its program says; that is run again when there is another file in its place."""
    it = runtime.program.stat()
    file = it.st_dev, it.st_ino, it.st_size, it.st_mtime_ns
    return _asked_once(runtime, file)


@lru_cache(maxsize=1)
def _asked_once(runtime: Runtime, file: tuple[int, ...]) -> str:
    return runtime.version()
