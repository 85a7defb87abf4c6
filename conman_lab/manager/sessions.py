"""A session: a viewer, and how what it looks at has ended."""

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from typing import Self

from conman_lab.errors import Deadline, ExitLost, FellBehind, WrongState
from conman_lab.linux import Exit
from conman_lab.shim.viewer import Viewer
from conman_lab.stream import Stream

from .outcome import Outcome

LOGGED = "its log has all of it"


def awaited(end: "Future[Exit | None]", name: str, timeout: float | None) -> Exit:
    """How it ended, once it has.  Deadline, ExitLost; WrongState: we were closed."""
    try:
        how = end.result(timeout)
    except TimeoutError:
        raise Deadline(f"{name} did not end in {timeout:g} s") from None
    except CancelledError:
        raise WrongState(f"{name} runs, and its manager was closed") from None
    if how is None:
        raise ExitLost(f"{name} has ended, and its shim died before it: how is lost")
    return how


class ViewerSession:
    """Looks at a container, or at a command in it; see vocabulary.Session."""

    def __init__(
        self,
        id: str,
        name: str,
        viewer: Viewer,
        end: Outcome,
        way_out: str = LOGGED,  # for who has not seen all
    ) -> None:
        self.id, self._name, self._viewer, self._end = id, name, viewer, end
        self._way_out = way_out

    def fileno(self) -> int:
        """What is readable when there is something to read, for select(2)."""
        return self._viewer.fileno()

    def read(self, timeout: float | None = None) -> tuple[Stream, bytes] | None:
        """What came next; None: the end.  TimeoutError: nothing in `timeout` s."""
        try:
            return self._viewer.read(timeout)
        except FellBehind:
            raise FellBehind(
                f"{self._name} writes faster than it was read here, and its shim waits "
                f"for nobody: {self._way_out}"
            ) from None

    def send(self, data: bytes) -> None:
        """Type; blocks while the container does not read."""
        self._viewer.send(data)

    def end_input(self) -> None:
        """No more will be typed."""
        self._viewer.end_input()

    def resize(self, rows: int, columns: int) -> None:
        """The window has another size."""
        self._viewer.resize(rows, columns)

    def wait(self, timeout: float | None = None) -> Exit:
        """How the container, or the command, has ended.  Deadline, ExitLost."""
        return awaited(self._end, self._name, timeout)

    def on_end(self, callback: Callable[[], object]) -> Callable[[], object]:
        """Call back once when `wait` would not wait any more, from any thread.

        Returns how to take that back.
        """
        return self._end.tell(callback)

    def close(self) -> None:
        """Look no more; what was looked at goes on."""
        self._viewer.close()

    def __iter__(self) -> Iterator[tuple[Stream, bytes]]:
        return iter(self.read, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
