"""A fence: what is started inside is found again, even if it has run away.

A shim forks away from us on purpose, and one that is wrong may stay for ever, with no
file that tells of it.  But a cgroup is inherited, and nobody leaves it by forking twice;
so we enter one ourselves for the time, and whoever is in it then is ours.
"""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from conman_lab.identity import Identity
from conman_lab.oci import cgroups

CONTROLLER = "pids"  # one tree is enough to find somebody


class Fence:
    """We are in the cgroup `group` while the `with` block lasts; then nobody is."""

    def __init__(self, group: str) -> None:
        self._group = group

    def __enter__(self) -> Self:
        before = cgroups.of_process(os.getpid(), CONTROLLER)
        inside = cgroups.tree(CONTROLLER) / self._group
        with ExitStack() as undo:
            undo.callback(cgroups.end, self._group)
            inside.mkdir(parents=True, exist_ok=True)
            _enter(inside)
            undo.callback(_enter, before)  # or the end of the others would be ours
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._undo.close()

    def clear(self) -> None:
        """End all who are inside, but us."""
        for pid in cgroups.processes(self._group) - {os.getpid()}:
            try:
                Identity.of(pid).signal()
            except ProcessLookupError:  # ESRCH: it ended while we looked
                continue


def _enter(directory: Path) -> None:
    (directory / "cgroup.procs").write_text(str(os.getpid()))
