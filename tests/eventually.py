"""Wait for a fact.  A bare sleep is too long on one machine and too short on another."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], timeout: float = 5.0) -> T:
    """Ask until the answer is true, and return it; AssertionError after `timeout` s."""
    ends_at = time.monotonic() + timeout
    while not (answer := condition()):
        assert time.monotonic() < ends_at, f"still {answer!r} after {timeout} s"
        time.sleep(0.005)
    return answer
