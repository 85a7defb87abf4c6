"""Which process, exactly.  A pid alone is a seat number: the next one sits there too.

The kernel counts pids up and starts again at pid_max, so a pid that was written down
may by now be somebody else's.  Pid and start time name one process of one boot, and
with the boot's id one process for ever; proc_pid_stat(5), random(4).
"""

import errno
import os

from .files import AnyPath, readable
from .linux import SIGKILL
from .record import record

BOOT_ID = "/proc/sys/kernel/random/boot_id"
NOT_A_PROCESS = (errno.ESRCH, errno.EINVAL, errno.ENOENT)  # the last since Linux 6.15


@record
class Identity:
    """One process: `started_at` in clock ticks since the boot `boot`."""

    pid: int
    started_at: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> "Identity":
        """The process that has this pid now; ProcessLookupError if none has."""
        return cls(pid, start_time(pid), boot_id())

    @classmethod
    def parse(cls, words: str) -> "Identity":
        """What `str` gave.  ValueError."""
        pid, started_at, boot = words.split()
        return cls(int(pid), int(started_at), boot)

    @classmethod
    def read(cls, path: AnyPath) -> "Identity | None":
        """What somebody wrote down; None if it is not there, or not whole."""
        try:
            return cls.parse(_text(path))
        except (OSError, ValueError):
            return None

    def __str__(self) -> str:
        return f"{self.pid} {self.started_at} {self.boot}"

    @property
    def alive(self) -> bool:
        """It is still there and not a zombie.

        If its first thread alone has ended, it looks like one, and goes on.
        """
        try:
            fields = _stat(self.pid)
        except ProcessLookupError:
            return False
        same = int(fields[19]) == self.started_at and boot_id() == self.boot
        return same and (fields[0] not in "ZX" or int(fields[17]) > 1)  # its threads

    def pidfd(self) -> int:
        """A descriptor that stays this process, whoever gets its pid; ProcessLookupError.

        First it is opened, then we look: what was looked at is what we have.  A pid that
        was used again may be a thread's, which is no process.  pidfd_open(2).
        """
        try:
            fd = os.pidfd_open(self.pid)
        except OSError as error:
            if error.errno not in NOT_A_PROCESS:
                raise
        else:
            if self.alive:
                return fd
            os.close(fd)
        raise ProcessLookupError(f"process {self.pid} has ended")

    def signal(self, signum: int = SIGKILL) -> bool:
        """Send it a signal; False if it has gone, whoever has its pid now.

        pidfd_send_signal(2).
        """
        import signal  # noqa: PLC0415  # 6 ms, and a shim sends none

        try:
            fd = self.pidfd()
        except ProcessLookupError:
            return False
        try:
            signal.pidfd_send_signal(fd, signum)
        except ProcessLookupError:  # ESRCH: it ended between the look and the signal
            return False
        finally:
            os.close(fd)
        return True

    def wait(self, timeout: float) -> bool:
        """Wait until it has ended; False if it has not after `timeout` seconds."""
        try:
            fd = self.pidfd()
        except ProcessLookupError:
            return True
        try:
            return bool(readable(fd, timeout=timeout))
        finally:
            os.close(fd)


def boot_id() -> str:
    """The name of this boot; every start of the machine has a new one.  random(4)."""
    return _text(BOOT_ID).strip()


def start_time(pid: int) -> int:
    """When it started, in clock ticks since boot; ProcessLookupError."""
    return int(_stat(pid)[19])  # field 22; the first two are cut off


def _stat(pid: int) -> list[str]:
    """The fields behind the name, which may hold blanks and parentheses."""
    try:
        text = _text(f"/proc/{pid}/stat")
    except (FileNotFoundError, ProcessLookupError):  # ESRCH: it ended as we read
        raise ProcessLookupError(f"there is no process {pid}") from None
    return text.rpartition(")")[2].split()


def _text(path: AnyPath) -> str:
    """A line or two.  A file object would cost four times as much, 15 us and 148 KiB."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 4096).decode(errors="replace")
    finally:
        os.close(fd)
