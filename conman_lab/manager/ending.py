"""How a container is ended: SIGTERM, a deadline, SIGKILL, a deadline, an error.

Signals go to the process that we know, through a pidfd, and need no runtime: `runc kill`
is a program to start, 10 ms.  And nobody sleeps: the watcher hears of the end.
"""

import signal
from concurrent.futures import CancelledError
from contextlib import suppress

from conman_lab.errors import Deadline, WrongState
from conman_lab.identity import Identity
from conman_lab.oci import cgroups
from conman_lab.spans import spanned

from .container import Status
from .facts import first_process, shim_of, shims_of
from .house import House
from .register import Entry
from .steps import passed

PATIENCE = 5.0  # seconds from SIGKILL to the end


@spanned("manager stop")
def end(house: House, entry: Entry, timeout: float) -> None:
    """End it, politely if there is time for that.  Deadline."""
    if not (timeout > 0 and _politely(house, entry, timeout)):
        kill_all(house, entry)
        if not _ended(entry, PATIENCE):
            _end_without_shim(house, entry)
    passed("stop: ended")


def kill_all(house: House, entry: Entry) -> None:
    """SIGKILL to the first process, with which its pid namespace ends, and the rest.

    A container may be in the host's pid namespace, where that would be one of many.
    """
    if entry.container.process:
        first_process(entry.container).signal()
    for pid in cgroups.processes(house.group(entry.id)):
        with suppress(ProcessLookupError):  # it has ended by now
            Identity.of(pid).signal()
    _thaw(house, entry.id)


def _politely(house: House, entry: Entry, timeout: float) -> bool:
    """Ask it to end, if it has begun: `runc init` has no manners."""
    if entry.container.status is not Status.RUNNING:
        return False
    first_process(entry.container).signal(signal.SIGTERM)
    _thaw(house, entry.id)
    passed("stop: told")
    return _ended(entry, timeout)


def _ended(entry: Entry, timeout: float) -> bool:
    try:
        entry.end.result(timeout)
    except TimeoutError:
        return False
    except CancelledError:
        name = entry.container.name
        raise WrongState(f"{name} may run on: its manager was closed") from None
    return True


def _end_without_shim(house: House, entry: Entry) -> None:
    """A shim does nothing, perhaps because it was stopped: do without.

    First those of its commands.  Each is the parent of one that was killed, and a pid
    namespace has not ended before all in it are reaped, pid_namespaces(7).
    """
    directory = house.store.directory(entry.id)
    own = shim_of(directory)
    commands = [shim for shim in shims_of(directory) if shim != own]
    for shim in commands:
        shim.signal()
    if commands and _ended(entry, PATIENCE):
        return
    if own:
        own.signal()
    if not _ended(entry, PATIENCE):
        raise Deadline(
            f"{entry.container.name} has not ended {2 * PATIENCE:g} s after SIGKILL: "
            "the kernel keeps one of its processes, mostly for a disk or a network"
        )


def _thaw(house: House, id: str) -> None:
    """A frozen process hears nothing, with cgroup v1 not even SIGKILL."""
    if cgroups.frozen(house.group(id)):
        cgroups.thaw(house.group(id))
