"""Our own terminal, lent to a container for a while.

Raw, termios(3): each key goes to the container's terminal, and that one makes lines of
them, echoes them, and turns ctrl-C into a signal.  Ours would do all that once more.

It is given back as it was at the end of the `with`, an exception's or a signal's too.
SIGKILL alone leaves it raw, because nobody is told of that one: `stty sane` helps then.
"""

import os
import re
import signal
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from conman_lab.errors import InvalidArgument

KEYS = "ctrl-p,ctrl-q"  # docker's and podman's
KEY = re.compile(r"ctrl-([a-z@\[\\\]^_])|([^,])")


class DetachKeys:
    r"""Keys that mean: enough.  They are for us, and not for the container.

    >>> keys = DetachKeys("ctrl-p,ctrl-q")
    >>> keys.passed(b"ls" + bytes([16])), keys.passed(b"x"), keys.seen
    (b'ls', b'\x10x', False)
    >>> keys.passed(b"y" + bytes([16, 17]) + b"lost"), keys.seen
    (b'y', True)
    """

    def __init__(self, words: str = KEYS) -> None:
        self._keys = b"".join(map(_key, words.split(","))) if words else b""
        self._held = b""  # the first of them, so far
        self.seen = False

    def passed(self, typed: bytes) -> bytes:
        """What of it the container gets; the beginning of the keys is held back."""
        passed = b""
        for letter in typed:
            self._held += bytes([letter])
            if self._held == self._keys:
                self.seen = True
                return passed
            while not self._keys.startswith(self._held):
                passed, self._held = passed + self._held[:1], self._held[1:]
        return passed


def _key(word: str) -> bytes:
    r"""One key: a letter, or `ctrl-` and one.  InvalidArgument.

    >>> _key("ctrl-c"), _key("q")
    (b'\x03', b'q')
    """
    key = KEY.fullmatch(word)
    if key is None:
        raise InvalidArgument(f"{word!r} is no key: take a letter, or ctrl-a to ctrl-z")
    return bytes([ord(key[1].upper()) - 64]) if key[1] else key[2].encode()


@contextmanager
def raw(terminal: int) -> Iterator[None]:
    """For the time of a `with`, every key is passed on as it is."""
    before = termios.tcgetattr(terminal)
    try:
        tty.setraw(terminal, termios.TCSADRAIN)
        yield
    finally:
        with suppress(termios.error):  # EIO: it is not there any more
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)


@contextmanager
def signals(*numbers: int) -> Iterator[tuple[int, int]]:
    """A pipe from which they are read, a byte each, while the `with` lasts."""
    ours, told = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    former = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    handlers = {number: signal.signal(number, _hear) for number in numbers}
    try:
        yield ours, told
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(former)
        os.close(ours)
        os.close(told)


def _hear(signum: int, frame: object) -> None:
    """Do nothing: the descriptor tells."""


def size(terminal: int) -> tuple[int, int]:
    """Its rows and columns; zeros if it is none."""
    try:
        columns, rows = os.get_terminal_size(terminal)
    except OSError:  # ENOTTY
        return 0, 0
    return rows, columns
