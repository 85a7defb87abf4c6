"""Which namespaces a process is in that are not the host's.

/proc/PID/ns has a link for each, which names it: `net:[4026531840]`; namespaces(7).
"""

import os
from contextlib import suppress
from functools import cache

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")


def foreign_namespaces(pid: int) -> tuple[str, ...]:
    """Their kinds, in the order of NAMESPACES; none of a process that has gone."""
    theirs, host = _namespaces(pid), _hosts_namespaces()
    return tuple(kind for kind in theirs if theirs[kind] != host.get(kind))


@cache
def _hosts_namespaces() -> dict[str, str]:
    """They stay: init leaves none."""
    return _namespaces(1) or _namespaces("self")


def _namespaces(pid: int | str) -> dict[str, str]:
    """What identifies each: `net:[4026531840]`; those of 1 are for root to see."""
    found = {}
    for kind in NAMESPACES:
        with suppress(OSError):  # ENOENT, EACCES
            found[kind] = os.readlink(f"/proc/{pid}/ns/{kind}")
    return found
