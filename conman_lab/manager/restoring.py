"""Finds everyone again, and goes on: after a crash, and after an end that was no end.

What is read: directories, exit files, pids with their start times.  A runtime is called
for what has to be undone or begun, and for nobody else.  One that was to go when it has
ended goes in the same way, whether its manager was there or the next one finds it so.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from conman_lab.errors import LabError, NotFound

from . import beginning
from .container import Status
from .house import House
from .register import Entry
from .removal import discard, remove
from .steps import passed


def restore(house: House) -> None:
    """Undo what was not finished; find the others, and what has become of them."""
    for id in house.store.unfinished():
        discard(house, id)
    for id in house.store.ids():
        entry = Entry(house.store.load(id))
        house.register.add(entry)
        house.listen(entry)
        house.commands.restore(house.store.directory(id))
        found = house.refresh(entry)
        if found.status is Status.CREATED and found.restarts and not found.message:
            _begin(house, entry)


def revive(house: House, entry: Entry) -> None:
    """Its policy wants it; meanwhile somebody may have wanted something else."""
    with suppress(NotFound), house.holding(entry.id):
        if entry.over and house.restarts.wanted(entry.container):
            _tried(house, entry, "restart", partial(beginning.again, house, entry))


def sweep(house: House, entry: Entry) -> None:
    """It was to go when it has ended; meanwhile somebody may have removed it."""
    passed("auto remove: end told")
    with suppress(NotFound), house.holding(entry.id):
        _tried(house, entry, "remove", partial(remove, house, entry))


def _begin(house: House, entry: Entry) -> None:
    """It was about to begin again when its manager died."""
    begin = partial(beginning.start, house, entry, "restart")
    _tried(house, entry, "restart", begin)


def _tried(house: House, entry: Entry, kind: str, deed: Callable[[], object]) -> None:
    """If it fails that is told, and everybody else goes on."""
    try:
        deed()
    except (LabError, OSError) as error:
        house.tell(f"{kind} failed", entry.container, why=str(error))
