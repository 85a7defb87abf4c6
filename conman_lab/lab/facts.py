"""Facts instead of naps.

`sleep(1)` is too long on most days and too short on the one that matters.  So a cell
says what it waits for, and goes on as soon as that is so.
"""

import time
from collections.abc import Callable


def until(fact: Callable[[], object], timeout: float = 5.0) -> None:
    """Return as soon as `fact()` holds; TimeoutError if it does not, in `timeout` s.

    It asks again and again, as a notebook may.  A shim may not: see naive.py.
    """
    ends_at = time.monotonic() + timeout
    while not fact():
        if time.monotonic() > ends_at:
            raise TimeoutError(f"this did not become true in {timeout:g} s")
        time.sleep(0.005)
