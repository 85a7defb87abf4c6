"""What a container uses, as its cgroup has counted.

                 v1, hybrid: a tree for each     v2: one tree
    cpu          cpuacct.usage, nanoseconds      cpu.stat: usage_usec
    memory       memory.usage_in_bytes           memory.current
    its limit    memory.limit_in_bytes           memory.max
    processes    pids.current                    pids.current

Kernel documentation: admin-guide/cgroup-v1/ and admin-guide/cgroup-v2.rst
"""

import time
from pathlib import Path

from conman_lab.oci import cgroups

from .answers import Stats

NO_LIMIT = 1 << 60  # v1 says "none" by a number near 2^63


def of(group: str) -> Stats:
    """Read it; FileNotFoundError: there is no such cgroup, or no such controller."""
    if cgroups.mode() is cgroups.Mode.V2:
        return _v2(cgroups.tree("memory") / group)
    memory = cgroups.tree("memory") / group
    limit = _number(memory / "memory.limit_in_bytes")
    return Stats(
        cpu_seconds=_number(cgroups.tree("cpuacct") / group / "cpuacct.usage") / 1e9,
        memory_bytes=_number(memory / "memory.usage_in_bytes"),
        memory_limit=limit if limit < NO_LIMIT else None,
        pids=_number(cgroups.tree("pids") / group / "pids.current"),
        at=time.time(),
    )


def _v2(directory: Path) -> Stats:
    cpu = dict(line.split() for line in _text(directory / "cpu.stat").splitlines())
    limit = _text(directory / "memory.max")
    return Stats(
        cpu_seconds=int(cpu["usage_usec"]) / 1e6,
        memory_bytes=_number(directory / "memory.current"),
        memory_limit=int(limit) if limit != "max" else None,
        pids=_number(directory / "pids.current"),
        at=time.time(),
    )


def _number(file: Path) -> int:
    return int(_text(file))


def _text(file: Path) -> str:
    return file.read_text().strip()
