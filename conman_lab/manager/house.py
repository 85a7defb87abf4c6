"""What all verbs share: the files, the runtime, and everyone in memory.

Memory is a cache of facts.  It is renewed when somebody asks for one container, and when
the watcher hears that something has ended; so a list needs no look at all.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import InvalidStateError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from conman_lab.errors import NotFound
from conman_lab.names import make_private
from conman_lab.oci import Runtime, cgroups
from conman_lab.shim.warm import Zygote

from . import facts
from .answers import Event
from .commands import Commands
from .container import ALIVE, Container, Policy, Status
from .events import Events
from .outcome import Outcome
from .register import Entry, Register
from .restarts import Restarts
from .store import Store
from .watcher import Watcher

REMOVALS = 4  # at a time: each is a runtime's run

After = Callable[["House", Entry], object]


class House:
    """The containers below `root`, all of one runtime.

    When one has ended it begins `again`, or is `swept`, if that was wished; neither in
    the thread that hears of it, which has others to hear of.
    """

    def __init__(
        self, root: Path, runtime: Runtime, again: After, swept: After
    ) -> None:
        self.root, self.runtime = root, runtime
        self.store = Store(make_private(root / "containers"))
        self.register, self.events = Register(), Events()
        self.restarts = Restarts(self.store, partial(again, self))
        self._sweep = partial(swept, self)
        self._removals = ThreadPoolExecutor(REMOVALS, "removal")
        self.watcher = Watcher(self.store.root, self._heard)
        self.commands = Commands(self.watcher)
        self.zygote = Zygote()

    def group(self, id: str) -> str:
        """Its cgroup, as every tree has it."""
        return f"{self.runtime.cgroup_parent}/{id}"

    def listen(self, entry: Entry) -> None:
        """Hear of the end of this run."""
        directory = self.store.directory(entry.id)
        self.watcher.watch(entry.id, directory)
        if shim := facts.shim_of(directory):
            self.watcher.follow(entry.id, shim)

    @contextmanager
    def holding(self, ref: str) -> Iterator[Entry]:
        """Change one container; whoever else wants to waits.  NotFound."""
        entry = self.register.find(ref)
        with entry.lock:
            if self.register.get(entry.id) is not entry:
                raise NotFound(f"{entry.container.name} has been removed just now")
            self.refresh(entry)
            yield entry

    def refresh(self, entry: Entry) -> Container:
        """Look at it; if this run has ended, tell so once."""
        with entry.looking:
            before, end = entry.container, entry.end
            if entry.over:
                return before
            now = facts.look(before, self.store, self.runtime)
            paused = now.status is Status.RUNNING and cgroups.frozen(self.group(now.id))
            entry.container = now = replace(now, paused=paused)
            entry.over = now.status not in ALIVE
        if now.status not in ALIVE:
            self._ended(entry, now, end)
        elif now.message and not before.message:  # its shim has died, and it has not
            self.watcher.follow(entry.id, facts.first_process(now))
        return now

    def renew(self, entry: Entry, container: Container) -> None:
        """Another run of it begins."""
        with entry.looking:
            entry.container, entry.end, entry.over = container, Outcome(), False
        self.listen(entry)
        self.refresh(entry)

    def note_stop(self, entry: Entry) -> None:
        """It is asked to end, and its policy will hear of that.

        A full disk keeps nobody from ending one that has none.
        """
        try:
            self.store.note(entry.id, "stop", str(time.time()))
        except OSError:  # ENOSPC, EDQUOT
            if entry.container.restart.policy is not Policy.NO:
                raise

    def tell(self, kind: str, container: Container, **details: str) -> None:
        """Something has happened to it just now."""
        self.events.tell(
            Event(time.time(), kind, container.id, container.name, details)
        )

    def close(self) -> None:
        """Let go of all that is ours in memory; containers go on."""
        self.restarts.close()
        self._removals.shutdown(cancel_futures=True)
        entries = self.register.close()
        self.watcher.close()
        self.events.close()
        self.commands.close()
        self.zygote.close()
        for entry in entries:
            entry.end.cancel()

    def _heard(self, id: str) -> None:
        if entry := self.register.get(id):
            self.refresh(entry)
        else:
            self.commands.look(id)

    def _ended(self, entry: Entry, container: Container, end: Outcome) -> None:
        """A restored one has ended before we were there: then it is told as of then."""
        at = container.finished_at or time.time()
        how = {"how": str(container.exit)} if container.exit else {}
        kind = "exit" if container.exit else "lost"
        self.events.tell(Event(at, kind, container.id, container.name, how))
        with suppress(InvalidStateError):  # we have let go of it
            end.set_result(container.exit)
        self.restarts.consider(entry)
        if container.auto_remove:
            with suppress(RuntimeError):  # we have let go: the next manager will
                self._removals.submit(self._sweep, entry)
