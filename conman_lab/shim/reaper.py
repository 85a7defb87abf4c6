"""Who died, and how: the only caller of waitpid(2) in the shim.

Two facts shape it.  Pending SIGCHLDs merge into one, signal(7), so each is answered by
reaping until nobody is left.  And a container can be dead before anybody has told the
shim its pid, so a death that nobody has asked about is kept until somebody does.
conmon keeps them in its `exit_status_cache`, the containerd shim in `exitSubscribers`;
shimmy keeps none and gives up.
"""

import os
import signal
from collections.abc import Callable

from conman_lab.linux import Exit

from .loop import Loop

KEPT = 1024  # deaths; a container may leave us a million orphans in its life


class Reaper:
    """Reaps every child, and tells whoever watches its pid."""

    def __init__(self) -> None:
        self._watchers: dict[int, Callable[[Exit], object]] = {}
        self._unclaimed: dict[int, Exit] = {}

    def watch(self, pid: int, callback: Callable[[Exit], object]) -> None:
        """Call back once, when `pid` ends; now, if it already has."""
        if pid in self._unclaimed:
            callback(self._unclaimed.pop(pid))
        else:
            self._watchers[pid] = callback

    def reap(self) -> None:
        """Answer SIGCHLD: collect all the dead there are, and do not wait for more."""
        while death := _next_death():
            pid, how = death
            if callback := self._watchers.pop(pid, None):
                callback(how)
            else:
                self._keep(pid, how)

    def _keep(self, pid: int, how: Exit) -> None:
        if len(self._unclaimed) == KEPT:
            self._unclaimed.pop(next(iter(self._unclaimed)))  # the oldest
        self._unclaimed[pid] = how


def wait_for(
    pid: int, loop: Loop, reaper: Reaper, deadline: float | None = None
) -> Exit:
    """Run the loop until `pid` ends; TimeoutError if it has not in `deadline` seconds."""
    ends: list[Exit] = []
    reaper.watch(pid, ends.append)
    reaper.reap()  # it may have died before the loop could hear of it
    if not loop.run_until(lambda: ends, deadline):
        raise TimeoutError(f"not done after {deadline:g} s, and so it was ended")
    return ends[0]


def end_all() -> None:
    """SIGKILL our children, and those that they leave to us, until there are none.

    We are their subreaper: nobody gets away by a double fork.
    """
    while pids := children():
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        os.waitpid(-1, 0)


def children() -> list[int]:
    """Our children's pids, zombies among them.  proc_pid_task(5)."""
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return [int(word) for word in file.read().split()]


def _next_death() -> tuple[int, Exit] | None:
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:  # ECHILD: there are no children at all
        return None
    return (pid, Exit.from_wait_status(status)) if pid else None
