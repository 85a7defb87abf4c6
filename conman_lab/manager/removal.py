"""Leaves nothing of a container, whatever state it is in.

The same for one that is removed, one that could not be made, and what a crash has left:
half-made directories, a shim without a container, a container without a shim, mounts,
cgroups.  The order is from the living to the dead, and the directory is the last to go:
as long as it is there, the next manager will find what is left.
"""

import shutil
from contextlib import suppress

from conman_lab.errors import LabError
from conman_lab.identity import Identity, boot_id
from conman_lab.oci import Runtime, cgroups
from conman_lab.spans import spanned

from . import overlay
from .container import ALIVE
from .ending import end, kill_all
from .facts import shims_of
from .house import House
from .register import Entry
from .steps import passed

PATIENCE = 5.0  # seconds from SIGKILL to the end of a shim


@spanned("manager remove")
def remove(house: House, entry: Entry) -> None:
    """End it if it lives; then it is no container, and then there is nothing of it."""
    if entry.container.status in ALIVE:
        with suppress(OSError):  # ENOSPC: it will be disowned soon
            house.note_stop(entry)
        end(house, entry, timeout=0)
    passed("remove: ended")
    if entry.container.auto_remove:
        let_finish(house, entry)
        passed("auto remove: all is seen")
    house.store.disown(entry.id)
    passed("remove: disowned")
    house.register.remove(entry)
    discard(house, entry.id)
    house.tell("remove", entry.container)


def let_finish(house: House, entry: Entry) -> None:
    """Who looks at it, or at a command in it, sees it to the end: nobody is in a hurry.

    When its shims have ended, all that they had for their viewers is sent.  Commands
    outlive a first process that is in the host's pid namespace, but not its container.
    """
    kill_all(house, entry)
    directory = house.store.directory(entry.id)
    for shim in shims_of(directory):
        shim.wait(PATIENCE)
    house.commands.hear(directory)


def discard(house: House, id: str) -> None:
    """Remove what there is of it, which is no container any more, or not yet.

    Its directory is renamed first: a shim that was launched just now would begin there,
    finds nothing and gives up.  One that has come further has left its pid.
    """
    directory = house.store.set_aside(id)
    passed("remove: set aside")
    shims = shims_of(directory)
    clear(house, id, shims)
    overlay.unmount(directory)
    passed("remove: unmounted")
    shutil.rmtree(directory, ignore_errors=True)


def clear(house: House, id: str, shims: list[Identity]) -> None:
    """End what lives of it; the runtime forgets it, and its cgroup goes."""
    for shim in shims:
        shim.signal()
    if cgroups.frozen(house.group(id)):
        cgroups.thaw(house.group(id))  # or SIGKILL would wait until somebody does
    _let_runtime_forget(house.runtime, id, rebooted=_rebooted(shims))
    passed("remove: runtime has forgotten")
    for shim in shims:
        shim.wait(PATIENCE)
    cgroups.end(house.group(id))
    passed("remove: cgroup gone")


def _let_runtime_forget(runtime: Runtime, id: str, rebooted: bool) -> None:
    """It knows more than we do.  If it fails, its directory is still ours to remove."""
    state = runtime.root / id
    if state.exists() and not rebooted:
        with suppress(LabError, OSError):  # ENOENT: the runtime itself has gone
            runtime.delete(id, force=True, forget=False)
    shutil.rmtree(state, ignore_errors=True)


def _rebooted(shims: list[Identity]) -> bool:
    """A runtime would take pids of an earlier boot for today's, and kill them."""
    return any(shim.boot != boot_id() for shim in shims)
