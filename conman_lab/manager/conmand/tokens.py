"""Tokens: who was allowed to ask by the socket may look by an address, once.

The address is open to every user of the machine, and the socket is not.  So what Attach
answers has a token in it that nobody can guess, good once and for a minute; it is in no
log.  CRI-O's and containerd's have 8 characters; ours have 22, which are 128 bits.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from conman_lab.errors import NotFound
from conman_lab.manager.sessions import ViewerSession
from conman_lab.stream import Stream

GOOD_FOR = 60.0  # seconds


@dataclass(frozen=True)
class Wish:
    """What a token stands for: a look at a container, or one day at a command in it."""

    verb: str  # attach; exec will be the next
    container: str
    open: Callable[[], ViewerSession]  # blocks
    stdin: bool
    streams: frozenset[Stream]
    terminal: bool = False
    ends_with_input: bool = False  # its stdin stays open, so only the client can end


class Tokens:
    """Wishes that wait for those who have them; `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wishes: dict[str, tuple[float, Wish]] = {}  # the oldest first

    def give(self, wish: Wish) -> str:
        """A new one."""
        self._forget()
        token = secrets.token_urlsafe(16)
        self._wishes[token] = self._clock() + GOOD_FOR, wish
        return token

    def redeem(self, verb: str, token: str) -> Wish:
        """What it stands for, and that was it.  NotFound."""
        self._forget()
        _, wish = self._wishes.get(token, (0, None))
        if wish is None or wish.verb != verb:
            raise NotFound(
                f"nothing to {verb} here: an address is good once, and for "
                f"{GOOD_FOR:g} seconds; ask conmand for another one"
            )
        del self._wishes[token]
        return wish

    def _forget(self) -> None:
        """Those whose time is over."""
        now = self._clock()
        for token, (until, _) in [*self._wishes.items()]:
            if until > now:
                break
            del self._wishes[token]
