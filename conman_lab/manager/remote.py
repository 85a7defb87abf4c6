"""A look at a container in another process's keeping: a call with two streams.

    us                                     conmand
    |-- attach, or exec: what is wanted ----->|
    |<-- id: it has begun --------------------|
    |-- input, window ... -->                 |     end_input: no more is typed
    |         <-- stream 2 or 3, output ... --|     end_output: no more is written
    |<-- exit --------------------------------|     and the call is over

Whoever hangs up before that has detached: what he looked at goes on.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Self

from conman_lab.errors import Deadline, ExitLost
from conman_lab.linux import Exit
from conman_lab.stream import Stream

from .wire import parts
from .wire.call import Call
from .wire.connection import deadline
from .wire.schema import METHODS

PIECE = 32 * 1024  # bytes of one message with input
Request = METHODS["Session"].request


class RemoteSession:
    """A session over a call; one thread may read while another one sends.

    When `fileno` is readable, `read(timeout=0)` until TimeoutError: several pieces may
    have come at once.
    """

    def __init__(self, call: Call, done: Callable[[], object]) -> None:
        self._call, self._done = call, done
        self._unread: deque[tuple[Stream, bytes]] = deque()
        self._exit: Exit | None = None
        self._output_ended = self._closed = False
        try:
            self.id: str = self._next(None).id
        except BaseException:
            self.close()
            raise

    def fileno(self) -> int:
        """What is readable when there may be something to read."""
        return self._call.connection.fileno()

    def read(self, timeout: float | None = None) -> tuple[Stream, bytes] | None:
        """What came next; None: the end.  TimeoutError: nothing in `timeout` s."""
        left = deadline(timeout)
        while not self._unread and not self._output_ended:
            self._next(left())
        return self._unread.popleft() if self._unread else None

    def send(self, data: bytes) -> None:
        """Type; blocks while the container does not read."""
        for start in range(0, len(data), PIECE):
            self._call.send(Request(input=data[start : start + PIECE]))

    def end_input(self) -> None:
        """No more will be typed; the window may still change."""
        self._call.send(Request(end_input=True))

    def resize(self, rows: int, columns: int) -> None:
        """The window has another size."""
        self._call.send(Request(window={"rows": rows, "columns": columns}))

    def wait(self, timeout: float | None = None) -> Exit:
        """How the container, or the command, has ended.

        What it wrote until then is kept, and can be read afterwards.
        """
        left = deadline(timeout)
        try:
            while self._exit is None:
                if self._next(left()) is None:
                    raise ExitLost(f"conmand did not say how {self.id} has ended")
        except TimeoutError:
            raise Deadline(f"{self.id} did not end in {timeout:g} s") from None
        return self._exit

    def close(self) -> None:
        """Look no more; what was looked at goes on."""
        if not self._closed:
            self._closed = True
            self._done()

    def _next(self, timeout: float | None) -> Any:
        """Take in one reply; None: there are no more."""
        reply = self._call.read(timeout)
        if reply is None or reply.end_output:
            self._output_ended = True
        if reply is not None and reply.output:
            self._unread.append((Stream(reply.stream), reply.output))
        if reply is not None and reply.HasField("exit"):
            self._exit, self._output_ended = parts.exit_of(reply.exit), True
            self._call.end()
        return reply

    def __iter__(self) -> Iterator[tuple[Stream, bytes]]:
        while (piece := self.read()) is not None:
            yield piece

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
