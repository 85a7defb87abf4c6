"""Was it the kernel's out-of-memory killer?  The kernel counts.

It counts its kills for each memory cgroup: v1 in `memory.oom_control`, since
4.13, and v2 in `memory.events`.  The cgroup stays until the runtime deletes the
container, so one look after its end is enough.  conmon listens all the time, to an
eventfd or an inotify(7) watch, because it was written for older kernels.
"""

import os


class OomCounter:
    """The count of one container's cgroup; opened while we know that it is its own."""

    def __init__(self, pid: int) -> None:
        try:
            with open(f"/proc/{pid}/cgroup") as cgroups:
                path = memory_file(cgroups.read())
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # it is dead already; or no memory controller, and no killer
            self._fd = -1
        self._before = self._kills()  # an exec comes late, and those are not its own

    def killed(self) -> bool:
        """The kernel has killed one of its processes, to have memory."""
        return self._kills() > self._before

    def _kills(self) -> int:
        try:
            words = os.pread(self._fd, 4096, 0).split()
        except OSError:  # ENODEV: the cgroup was removed.  EBADF: see above.
            return 0
        return int(dict(zip(words[::2], words[1::2], strict=False)).get(b"oom_kill", 0))


def memory_file(cgroups: str) -> str:
    """Where the count is, from /proc/PID/cgroup; v1's line names the controller.

    >>> memory_file("5:memory:/lab/web" + chr(10) + "0::/")
    '/sys/fs/cgroup/memory/lab/web/memory.oom_control'
    >>> memory_file("0::/lab/web")
    '/sys/fs/cgroup/lab/web/memory.events'
    """
    rows = (line.split(":", 2) for line in cgroups.splitlines())
    places = {controllers: path for _, controllers, path in rows}
    if "memory" in places:
        return f"/sys/fs/cgroup/memory{places['memory']}/memory.oom_control"
    return f"/sys/fs/cgroup{places.get('', '')}/memory.events"
