"""--container-logs: a link to the log of each container, where people look for logs.

The logs themselves are in the containers' directories, and go when these go.  A link that
leads nowhere is one of ours from before, and goes as well; no other file is touched.
"""

import os
from contextlib import suppress
from pathlib import Path

from conman_lab.manager.answers import Event
from conman_lab.manager.container import Container
from conman_lab.manager.manager import Manager
from conman_lab.names import make_private


class Links:
    """Keeps `directory`/ID.log for every container of `manager`."""

    def __init__(self, directory: Path, manager: Manager) -> None:
        self._directory, self._manager = make_private(directory), manager
        for path in self._directory.glob("*.log"):
            if path.is_symlink() and not path.exists():
                path.unlink(missing_ok=True)
        self.close = manager.on_event(self._hear)
        for container in manager.list():
            self._link(container)

    def _hear(self, event: Event) -> None:
        if event.kind == "create":
            self._link(self._manager.status(event.id))
        elif event.kind == "remove":
            self._path(event.id).unlink(missing_ok=True)

    def _link(self, container: Container) -> None:
        with suppress(FileExistsError):
            os.symlink(container.log_path, self._path(container.id))

    def _path(self, id: str) -> Path:
        return self._directory / f"{id}.log"
