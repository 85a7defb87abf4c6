"""Finds everyone again, and goes on: after a crash, and after an end that was no end.

What is read: directories, exit files, pids with their start times.  A runtime is called
for what has to be undone or begun, and for nobody else.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from conman_lab.errors import LabError, NotFound

from . import beginning
from .container import Status
from .house import House
from .register import Entry
from .removal import discard


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
            _tried(house, entry, partial(beginning.again, house, entry))


def _begin(house: House, entry: Entry) -> None:
    """It was about to begin again when its manager died."""
    _tried(house, entry, partial(beginning.start, house, entry, "restart"))


def _tried(house: House, entry: Entry, beginning_of_it: Callable[[], object]) -> None:
    """If it fails that is told, and everybody else goes on."""
    try:
        beginning_of_it()
    except (LabError, OSError) as error:
        house.tell("restart failed", entry.container, why=str(error))
