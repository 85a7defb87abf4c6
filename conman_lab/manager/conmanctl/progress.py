"""That we still wait, and since when: on stderr, if that is a terminal, after a second."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

QUIET = 1.0  # seconds in which nobody wonders yet


@contextmanager
def waiting(words: str) -> Iterator[None]:
    """For the time of a `with`, a line that counts; it is wiped out at the end."""
    if not sys.stderr.isatty():
        yield
        return
    over = threading.Event()
    counter = threading.Thread(target=_count, args=(words, over), daemon=True)
    counter.start()
    try:
        yield
    finally:
        over.set()
        counter.join()


def _count(words: str, over: threading.Event) -> None:
    began_at = time.monotonic()
    shown = False
    while not over.wait(QUIET):
        passed = time.monotonic() - began_at
        print(f"\r\033[Kwaiting {words}, {passed:.0f} s", end="", file=sys.stderr)
        sys.stderr.flush()
        shown = True
    if shown:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
