"""How much processor time a process takes, even one that is not ours and has ended.

getrusage(2) tells of our own children, /proc of the living.  A cgroup counts what all
who are in it use, and keeps the count when they have gone.
"""

from conman_lab.identity import Identity
from conman_lab.oci import cgroups


class Meter:
    """Counts for `pid` from now on, in a cgroup of its own; takes root."""

    def __init__(self, pid: int, group: str) -> None:
        self._process, self._group = Identity.of(pid), group
        self._directory = cgroups.tree("cpuacct") / group
        self._directory.mkdir(parents=True)
        (self._directory / "cgroup.procs").write_text(str(pid))

    def seconds(self) -> float:
        """Wait for its end, and return what it has used."""
        self._process.wait(timeout=10)
        if cgroups.mode() is cgroups.Mode.V2:
            words = (self._directory / "cpu.stat").read_text().split()
            return int(words[words.index("usage_usec") + 1]) / 1e6
        return int((self._directory / "cpuacct.usage").read_text()) / 1e9

    def close(self) -> None:
        """Remove the cgroup; somebody still in it goes with the container."""
        cgroups.end(self._group)
