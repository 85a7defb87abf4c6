"""The system calls that Python's `os` leaves out, or leaves raw.

Each function is one call, is named for what it does rather than for the option that it
sets, and says which manual page to read.  Only this module imports `ctypes`.
"""

import ctypes
import os
import time

from .record import changed, record

_libc = ctypes.CDLL(None, use_errno=True)

SIGKILL, SIGPIPE, SIGCHLD = 9, 13, 17  # signal(7), x86 and Arm; `signal` takes 6 ms
SIG_DFL = None  # a null pointer, signal(2)

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
PR_SET_CHILD_SUBREAPER = 36

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_BIND, MS_REC = 1, 2, 4, 4096, 16384  # <sys/mount.h>
MNT_DETACH = 2

FALLOC_FL_KEEP_SIZE = 1  # <linux/falloc.h>

IN_CREATE, IN_MOVED_TO, IN_MODIFY, IN_DELETE = 0x100, 0x80, 0x2, 0x200  # inotify(7)


@record
class Exit:
    """How a process ended: it returned `code`, or died of `signal`; one is None.

    `at` is when that was noticed, in seconds since 1970; `oom`: the kernel killed it
    because its cgroup was out of memory.  Neither makes two exits different.

    >>> print(Exit(code=7), Exit(signal=9, oom=True), sep=", ")
    exit code 7, killed by SIGKILL: out of memory
    """

    code: int | None = None
    signal: int | None = None
    at: float | None = None
    oom: bool = False

    @classmethod
    def from_wait_status(cls, status: int) -> "Exit":
        """Decode what waitpid(2) gives, which packs both of them into 16 bits."""
        if os.WIFSIGNALED(status):
            return cls(signal=os.WTERMSIG(status), at=time.time())
        return cls(code=os.WEXITSTATUS(status), at=time.time())

    @property
    def ok(self) -> bool:
        """It returned 0."""
        return self.code == 0

    @property
    def status(self) -> int:
        """As a shell says it: the code, or 128 + signal."""
        return self.code if self.code is not None else 128 + (self.signal or 0)

    def because_of_oom(self) -> "Exit":
        """The same exit, and now we know why."""
        return changed(self, oom=True)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Exit):
            return NotImplemented
        return (self.code, self.signal) == (other.code, other.signal)

    def __hash__(self) -> int:
        return hash((self.code, self.signal))

    def __str__(self) -> str:
        if self.signal is None:
            return f"exit code {self.code}"
        reason = ": out of memory" if self.oom else ""
        return f"killed by {signal_name(self.signal)}{reason}"


def signal_name(signum: int) -> str:
    """SIGKILL for 9; real-time signals as SIGRTMIN+3, signal(7)."""
    import signal  # noqa: PLC0415  # see SIGKILL

    if signal.SIGRTMIN < signum < signal.SIGRTMAX:
        return f"SIGRTMIN+{signum - signal.SIGRTMIN}"
    try:
        return signal.Signals(signum).name
    except ValueError:  # 32 and 33 belong to the C library's threads, nptl(7)
        return f"signal {signum}"


def become_subreaper() -> None:
    """Adopt our descendants' orphans, as init would.  PR_SET_CHILD_SUBREAPER(2const)."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(signum: int = SIGKILL) -> None:
    """Get `signum` when the thread that forked us ends.  PR_SET_PDEATHSIG(2const)."""
    _prctl(PR_SET_PDEATHSIG, signum)


def restore_signal(signum: int) -> None:
    """Give it its default action again: an ignored one stays so in whoever we exec.

    Python ignores SIGPIPE itself.  signal(2), execve(2).
    """
    _libc.signal(signum, SIG_DFL)


def name_process(title: str) -> None:
    """Be `title` in ps(1): the comm, cut to 15 bytes, and the command line.

    There is no system call for the second: /proc/PID/cmdline shows the memory where
    execve(2) has put the arguments, proc_pid_cmdline(5), and we write over it.
    """
    name = title.encode()
    _write("/proc/self/comm", name[:15])
    fields = open("/proc/self/stat").read().rpartition(")")[2].split()  # noqa: SIM115
    start, end = int(fields[45]), int(fields[46])  # arg_start, arg_end: 48 and 49
    room = end - start
    _write("/proc/self/mem", name[: room - 1].ljust(room, b"\0"), offset=start)


def mount(source: str, target: str, kind: str, flags: int = 0, data: str = "") -> None:
    """Attach a file system to the tree.  mount(2)."""
    words = (os.fsencode(source), os.fsencode(target), kind.encode())
    _check(_libc.mount(*words, ctypes.c_ulong(flags), os.fsencode(data)), target)


def unmount(target: str, flags: int = MNT_DETACH) -> None:
    """Detach it, by default even if somebody still looks at it.  umount2(2)."""
    _check(_libc.umount2(os.fsencode(target), flags), target)


def reserve(fd: int, count: int) -> None:
    """Take room on the disk for `count` bytes of a file that stays as it is.

    OSError if there is none, or if the file system cannot.  fallocate(2).
    """
    room = ctypes.c_long(count)
    _check(_libc.fallocate(fd, FALLOC_FL_KEEP_SIZE, ctypes.c_long(0), room), "room")


def watch_directory(path: str, events: int = IN_CREATE | IN_MOVED_TO) -> int:
    """A descriptor that is readable when one of `events` has happened.  inotify(7)."""
    fd: int = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    _check(fd, "inotify")
    try:
        _check(_libc.inotify_add_watch(fd, os.fsencode(path), events), path)
    except OSError:
        os.close(fd)
        raise
    return fd


def watch_also(fd: int, path: str, events: int = IN_CREATE | IN_MOVED_TO) -> int:
    """Let `fd` of watch_directory hear of one more; its news comes with this number.

    A user may have 128 such descriptors, and watches by the thousand.  inotify(7).
    """
    number: int = _libc.inotify_add_watch(fd, os.fsencode(path), events)
    _check(number, path)
    return number


def _prctl(option: int, argument: int) -> None:
    _check(_libc.prctl(option, argument, 0, 0, 0), "prctl")


def _check(result: int, about: str) -> None:
    if result < 0:
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno), about)


def _write(path: str, content: bytes, offset: int = 0) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        if offset:  # comm cannot seek, not even to its beginning
            os.lseek(fd, offset, os.SEEK_SET)
        os.write(fd, content)
    finally:
        os.close(fd)
