"""All containers in memory: found by id, by the beginning of one, or by name.

An `Entry` is the one place for a container's lock and for what was last seen of it.
One manager has a root, so a name that is free here is free.
"""

from collections.abc import Callable
from threading import Lock

from conman_lab.errors import NameTaken, NotFound, WrongState
from conman_lab.linux import Exit

from .container import Container
from .outcome import Outcome


class Entry:
    """A container, as it was last seen."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.lock = Lock()  # held by whoever changes the container, perhaps for long
        self.looking = Lock()  # held by whoever changes this entry, never for long
        self.over = False  # this run has ended, and nothing new will be seen
        self.end = Outcome()  # the same, and how

    @property
    def id(self) -> str:
        """The container's."""
        return self.container.id

    def on_end(self, callback: Callable[[Exit | None], object]) -> None:
        """Call back once when this run has ended, from any thread; None: nobody knows how.

        Not at all if the manager is closed before.
        """
        self.end.add_done_callback(
            lambda done: None if done.cancelled() else callback(done.result())
        )


class Register:
    """Who is there."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: dict[str, Entry] = {}
        self._ids: dict[str, str] = {}  # by name; empty: it is being created
        self._closed = False

    def reserve(self, name: str) -> None:
        """Take a name.  NameTaken."""
        with self._lock:
            self._check_open()
            if name in self._ids:
                raise NameTaken(
                    f"there is a container {name!r} already: remove it, "
                    "or take another name"
                )
            self._ids[name] = ""

    def release(self, name: str) -> None:
        """Nobody has the name any more."""
        with self._lock:
            self._ids.pop(name, None)

    def add(self, entry: Entry) -> None:
        """From now on it can be found."""
        with self._lock:
            self._entries[entry.id] = entry
            self._ids[entry.container.name] = entry.id

    def remove(self, entry: Entry) -> None:
        """From now on it cannot, and its name is free."""
        with self._lock:
            self._entries.pop(entry.id, None)
            self._ids.pop(entry.container.name, None)

    def all(self) -> list[Entry]:
        """Everyone, in the order in which they came."""
        with self._lock:
            self._check_open()
            return [*self._entries.values()]

    def get(self, id: str) -> Entry | None:
        """The one of that id, if it is still there."""
        return self._entries.get(id)

    def find(self, ref: str) -> Entry:
        """The one of that id or name, or the only one whose id begins so.  NotFound."""
        with self._lock:
            self._check_open()
            exact = self._entries.get(ref) or self._entries.get(self._ids.get(ref, ""))
            if exact:
                return exact
            found = [id for id in self._entries if ref and id.startswith(ref)]
            if len(found) == 1:
                return self._entries[found[0]]
        if found:
            raise NotFound(
                f"{ref!r} is the beginning of {len(found)} ids: give more of it"
            )
        raise NotFound(f"there is no container {ref!r}: `list` tells which there are")

    def close(self) -> list[Entry]:
        """Nobody is to be found here any more; who was.

        With its register a manager is closed: its root may soon be another's.
        """
        with self._lock:
            self._closed = True
            return [*self._entries.values()]

    def _check_open(self) -> None:
        if self._closed:
            raise WrongState(
                "this manager was closed, and its containers go on: "
                "make another one of the same root"
            )
