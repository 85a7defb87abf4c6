"""Facts instead of naps.

`sleep(1)` is too long on most days and too short on the one that matters.  So a cell
says what it waits for, and goes on as soon as that is so.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress


def until(fact: Callable[[], object], timeout: float = 5.0) -> None:
    """Return as soon as `fact()` holds; TimeoutError if it does not, in `timeout` s.

    It asks again and again, as a notebook may.  A shim may not: see naive.py.
    """
    ends_at = time.monotonic() + timeout
    while not fact():
        if time.monotonic() > ends_at:
            raise TimeoutError(f"this did not become true in {timeout:g} s")
        time.sleep(0.005)


def held_by(pid: int) -> set[str]:
    """What a process has open, by names like `pipe:[4711]`, `/dev/pts/ptmx`; proc_pid_fd(5)."""
    found = set()
    for fd in os.scandir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):  # it was closed as we looked
            found.add(os.readlink(fd.path))
    return found
