"""Facts that are announced, and waited for without asking again and again."""

import os
import select
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path


def ends(pid: int, timeout: float = 5) -> bool:
    """Wait until the process has ended, if only as a zombie; False if it does not."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with closing(os.fdopen(pidfd)):
        return bool(select.select([pidfd], [], [], timeout)[0])


def reads(fd: int, what: bytes, timeout: float = 5) -> bytes:
    """Read until `what` has come; return all that has."""
    ends_at = time.monotonic() + timeout
    seen = b""
    while what not in seen:
        left = ends_at - time.monotonic()
        ready = left > 0 and select.select([fd], [], [], left)[0]
        assert ready, f"only {seen!r} came"
        got = os.read(fd, 65536)
        assert got, f"it ended after {seen!r}"
        seen += got
    return seen


def state_of(pid: int) -> str:
    """R, S, D, T, Z as in ps(1), and an empty string for nobody."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def modules_after(statements):
    """All modules that a fresh interpreter has after these statements."""
    code = f"import sys; {statements}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def cpu_time(pid: int) -> int:
    """What it has used of a processor, in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
