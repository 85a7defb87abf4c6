"""Many shims, one memory: all that can be done to a container, in the order of a life.

    with Manager(root) as manager:
        web = manager.create("web", "bundles/hello")
        manager.start("web")
        print(manager.wait("web"), [*manager.logs("web")])
        manager.remove("web")

It holds nothing that could not be found again: kill it at any moment, and the next one
of that root goes on, and finishes or undoes what was under way.
"""

import signal
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from conman_lab import places
from conman_lab.errors import InvalidArgument, NotFound, WrongState
from conman_lab.names import check_called, check_name
from conman_lab.oci import Runtime

from . import beginning, facts, ownership, recipe
from .container import ALIVE, NEVER, UNLIMITED, Container, Limits, Restart, Status
from .ending import end, kill_all
from .house import House
from .looking import Looking
from .register import Entry
from .removal import remove
from .restoring import restore, revive, sweep
from .steps import passed
from .talking import Talking
from .vocabulary import Names, Source


class Manager(Looking, Talking):
    """Keeps the containers below `root`; RootTaken if another manager does.

    By default with the runtime that is found, its state below `root` as well.
    """

    def __init__(self, root: Path | str, runtime: Runtime | None = None) -> None:
        self.root = Path(root).absolute()
        with ExitStack() as undo:
            self._owned = ownership.take(self.root)
            undo.callback(ownership.give_back, self._owned)
            runtime = runtime or _runtime(self.root)
            self._house = House(self.root, runtime, revive, sweep)
            undo.callback(self._house.close)
            restore(self._house)
            undo.pop_all()

    def create(
        self,
        name: str,
        source: Source,
        *command: str,
        env: Mapping[str, str] = {},
        readonly: bool | None = None,
        labels: Mapping[str, str] = {},
        limits: Limits = UNLIMITED,
        restart: Restart = NEVER,
        auto_remove: bool = False,
        terminal: bool = False,
        stdin: bool = False,
        stdin_once: bool = True,
        rows: int = 0,
        columns: int = 0,
    ) -> Container:
        """Make a container of a bundle, or of a directory with a root file system."""
        recipe.check(labels, limits, restart, auto_remove)
        recipe.check_window(rows, columns)
        bundle = recipe.found(source)
        bundle = recipe.prepared(
            bundle,
            command,
            env=env,
            readonly=readonly,
            limits=limits,
            terminal=terminal,
        )
        container = recipe.container(
            check_called(name),
            bundle,
            labels=dict(labels),
            limits=limits,
            restart=restart,
            auto_remove=auto_remove,
            stdin=stdin,
            stdin_once=stdin_once,
        )
        return beginning.create(self._house, container, bundle, (rows, columns))

    def start(self, ref: str) -> Container:
        """Let its command begin; that it has ended by now is no error."""
        with self._house.holding(ref) as entry:
            container = entry.container.may("start")
            if container.message:
                raise WrongState(f"cannot start {container.name}: {container.message}")
            return beginning.start(self._house, entry)

    def stop(self, ref: str, timeout: float = 10.0) -> Container:
        """SIGTERM, `timeout` seconds, SIGKILL; one that has ended stays so.  Deadline."""
        with self._house.holding(ref) as entry:
            self._house.note_stop(entry)
            passed("stop: asked for")
            if entry.container.status in ALIVE:
                end(self._house, entry, timeout)
        return self._done("stop", entry)

    def kill(self, ref: str, signum: int = signal.SIGTERM) -> None:
        """Send a signal to its first process; for this a slow `stop` is no hindrance.

        Told first: its end may be heard before we are here again.
        """
        if not 0 < signum < signal.NSIG:
            raise InvalidArgument(f"a signal is 1 to {signal.NSIG - 1}, not {signum}")
        entry = self._house.register.find(ref)
        container = self._house.refresh(entry).may("kill")
        self._house.tell("kill", container)
        facts.first_process(container).signal(signum)
        self._house.refresh(entry)

    def pause(self, ref: str) -> Container:
        """Freeze every process of it."""
        with self._house.holding(ref) as entry:
            entry.container.may("pause")
            self._house.runtime.pause(entry.id)
            passed("pause: frozen")
        return self._done("pause", entry)

    def resume(self, ref: str) -> Container:
        """Thaw them."""
        with self._house.holding(ref) as entry:
            entry.container.may("resume")
            self._house.runtime.resume(entry.id)
        return self._done("resume", entry)

    def remove(self, ref: str, force: bool = False) -> None:
        """Leave nothing of it; `force`: even if it runs."""
        entry = self._house.register.find(ref)
        if force and not entry.over:  # somebody may hold it, and wait for its end
            kill_all(self._house, entry)
        goes_anyway = (NotFound,) if entry.container.auto_remove else ()
        with suppress(*goes_anyway), self._house.holding(entry.id):
            container = entry.container
            if container.status is Status.RUNNING and not force:
                raise WrongState(
                    f"cannot remove {container.name}, it is RUNNING: "
                    "stop it first, or force it"
                )
            remove(self._house, entry)

    def prune(self) -> Names:
        """Remove all that have ended and will not begin again; their ids."""
        removed = []
        for entry in self._house.register.all():
            if not entry.over:
                continue  # somebody may hold it, and wait for its end
            with suppress(NotFound), self._house.holding(entry.id):
                if entry.over and not self._house.restarts.wanted(entry.container):
                    remove(self._house, entry)
                    removed.append(entry.id)
        return removed

    def close(self) -> None:
        """Let go: containers go on, and the next manager of this root finds them."""
        if not self.closed:
            self._house.close()
            ownership.give_back(self._owned)
            self._owned = -1

    @property
    def closed(self) -> bool:
        """It has let go."""
        return self._owned < 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _done(self, kind: str, entry: Entry) -> Container:
        """It has happened: tell, and look."""
        self._house.tell(kind, entry.container)
        return self._house.refresh(entry)


def _runtime(root: Path) -> Runtime:
    """With a cgroup for this root, below that of the labs."""
    parent = f"{places.cgroup_parent()}/{check_name(root.name)}"
    return replace(Runtime.find(home=root), cgroup_parent=parent)
