"""What is said over an attach or an exec, whatever carries it: Kubernetes' channels.

    0 stdin     to us; it has an end of its own
    1 stdout, 2 stderr
    3 error     one JSON document at the end, a `Status`: how it went
    4 resize    to us; JSON documents: {"Width": 80, "Height": 24}

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status
"""

import json
from collections.abc import AsyncIterator, Iterator
from enum import IntEnum
from typing import Protocol

from conman_lab.linux import Exit
from conman_lab.stream import Stream


class Channel(IntEnum):
    """Kubernetes' numbers; CLOSE is v5's alone, and the next byte says which ends."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2
    ERROR = 3
    RESIZE = 4
    CLOSE = 255


OF = {Stream.STDOUT: Channel.STDOUT, Stream.STDERR: Channel.STDERR}
LONGEST = 1024  # bytes of a size
SIZE = range(1, 1 << 16)  # struct winsize, ioctl_tty(2)


class Line(Protocol):
    """An accepted client, and the protocol that it speaks.  ConnectionError: it has gone."""

    def hear(self) -> AsyncIterator[tuple[Channel, bytes | None]]:
        """Stdin and sizes; None: stdin is at its end.  No more of it: it has gone."""

    async def say(self, channel: Channel, data: bytes) -> None:
        """Send it; waits while the client does not read."""

    async def ping(self) -> None:
        """Ask whether it is there; the answer is not waited for."""

    async def end(self, status: bytes) -> None:
        """Say how it went, and that it is over."""


class Sizes:
    """Reads sizes, which may come in pieces, and several at once."""

    def __init__(self) -> None:
        self._text = ""

    def feed(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Rows and columns, of all that are whole; what makes no sense is dropped.

        >>> sizes = Sizes()
        >>> [*sizes.feed(b'{"Width":80,"Height":24}{"Wid')], [*sizes.feed(b"th")]
        ([(24, 80)], [])
        >>> [*sizes.feed(b'":5,"Height":4}'), *sizes.feed(b'{"Width":-1,"Height":4}')]
        [(4, 5)]
        """
        self._text = (self._text + data.decode(errors="replace")).lstrip()
        while self._text:
            try:
                size, end = json.JSONDecoder().raw_decode(self._text)
            except ValueError:
                self._text = self._text * (len(self._text) < LONGEST)
                return
            self._text = self._text[end:].lstrip()
            yield from _sensible(size)


def _sensible(size: object) -> Iterator[tuple[int, int]]:
    both: dict[str, int] = size if isinstance(size, dict) else {}
    rows, columns = both.get("Height", 0), both.get("Width", 0)
    if rows in SIZE and columns in SIZE:
        yield rows, columns


def success() -> bytes:
    """It went well.

    >>> success()
    b'{"metadata":{},"status":"Success"}'
    """
    return _status(status="Success")


def ended(how: Exit) -> bytes:
    """What was looked at has ended.

    >>> ended(Exit(code=0)) == success()
    True
    >>> print(ended(Exit(code=9)).decode().partition("reason")[2])
    ":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"9"}]}}
    """
    if how.ok:
        return success()
    return _status(
        status="Failure",
        message=f"it has ended: {how}",
        reason="NonZeroExitCode",
        details={"causes": [{"reason": "ExitCode", "message": str(how.status)}]},
    )


def failed(error: Exception) -> bytes:
    """How it ended cannot be told."""
    return _status(status="Failure", message=str(error), reason="InternalError")


def _status(**facts: object) -> bytes:
    return json.dumps({"metadata": {}} | facts, separators=(",", ":")).encode()
