"""What a source of events says, before anybody has looked at what it means.

There are two sources, the kernel's connector and our own looks at /proc; whoever
records asks either of them in the same way.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from conman_lab.linux import Exit

from .events import Kind, Words


class Message(NamedTuple):
    """One piece of news; `ns` of CLOCK_MONOTONIC.

    `parent` of an exit is who is told of it: whoever has adopted it, if anybody had to.
    """

    ns: int
    kind: Kind
    pid: int
    parent: int | None = None
    name: str = ""
    words: Words = ()
    exit: Exit | None = None
    lost: int = 0


class Source(Protocol):
    """Somebody who tells what happens to processes."""

    source: str
    every: float | None  # seconds; None: `fileno` is readable when there is news

    def fileno(self) -> int:
        """A descriptor to wait for; only if `every` is None."""

    def begin(self) -> Iterator[Message]:
        """Be called first, and by the thread that will listen."""

    def read(self) -> Iterator[Message]:
        """What there is; it does not wait."""

    def rest(self) -> Iterator[Message]:
        """What is left at the end."""

    def close(self) -> None:
        """Tell no more."""
