"""A file that records are appended to, and that never raises.

The disk is full, the directory is gone, there are no descriptors left: none of that is
the container's fault, and its shim has to go on.  What could not be written is counted,
and each trouble is told once, not with every line that meets it again.
"""

import os
from collections.abc import Callable

FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC

Records = bytes | memoryview  # whole ones, each with its newline


class Appender:
    """Appends to the file `path`; troubles go to `complain`.

    With a `limit` the file never grows over so many bytes, but for one huge record's
    sake: it becomes PATH.1, the former one of that name goes, and another is begun.
    """

    def __init__(
        self, path: str, limit: int, complain: Callable[[str], object]
    ) -> None:
        self._path, self._limit, self._complain = path, limit, complain
        self._lost = 0
        self._told: set[str] = set()
        self._fd, self._size = -1, 0
        self._written = False  # there is something to lose
        self.reopen()

    def append(self, records: Records) -> None:
        """Write them, with a limit into as many files as it takes."""
        if self._limit and self._size + len(records) > self._limit:
            self._append_in_parts(bytes(records))
        else:
            self._put(records)

    def reopen(self) -> None:
        """Go on in the file that is called `path` now."""
        try:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            fd = os.open(self._path, FLAGS, 0o600)
        except OSError as error:  # EMFILE, ENOSPC, EROFS: keep the one that we have
            self._tell(f"cannot open the log: {error}")
            return
        self._close()
        self._fd, self._size = fd, os.fstat(fd).st_size
        if not self._lost:
            self._told.clear()  # the next trouble is another one

    def close(self, durable: bool) -> None:
        """No more will come; when `durable`, wait until all is on the disk."""
        if self._lost:
            self._tell(f"{self._lost} bytes of the log could not be written")
        try:
            if durable and self._written and self._fd >= 0:
                os.fdatasync(self._fd)
        except OSError as error:  # EIO, or EINVAL: it is a device, fsync(2)
            self._tell(f"the log may not be on the disk: {error}")
        self._close()

    def _append_in_parts(self, records: bytes) -> None:
        at, end = 0, len(records)
        while self._size + end - at > self._limit:
            room = max(self._limit - self._size, 0)
            fits = records.rfind(b"\n", at, at + room) + 1 or at
            if fits == at and self._size == 0:
                fits = records.index(b"\n", at) + 1  # it is huge: a file of its own
            self._put(records[at:fits])
            at = fits
            if at == end:
                return
            self._rotate()
            if self._size:  # it could not: better a log too large than one with a gap
                break
        self._put(records[at:])

    def _rotate(self) -> None:
        try:
            os.rename(self._path, f"{self._path}.1")
        except FileNotFoundError:  # we have moved it, and then could open no other
            pass
        except OSError as error:
            self._tell(f"cannot rotate the log: {error}")
        self.reopen()

    def _put(self, records: Records) -> None:
        if not records:
            return
        try:
            self._look()
            self._write(records)
        except OSError as error:
            self._tell(f"cannot write the log, and go on without: {error}")
            self._lost += len(records)
        else:
            self._found_again()

    def _look(self) -> None:
        """Others may have emptied or removed it; if there is none, begin one."""
        now = os.fstat(self._fd) if self._fd >= 0 else None
        if now and now.st_nlink:
            self._size = now.st_size
            return
        if now:
            self._tell("somebody has removed the log: another one is begun")
        self.reopen()

    def _write(self, records: Records) -> None:
        """All of it or, on a full disk, nothing: half a record would spoil the next."""
        rest = memoryview(records)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
                self._written = True
        except OSError:
            if self._fd >= 0:
                os.ftruncate(self._fd, self._size)
            raise
        self._size += len(records)

    def _found_again(self) -> None:
        if self._lost:
            self._tell(f"the log goes on; {self._lost} bytes of it are missing")
            self._lost = 0
            self._told.clear()

    def _tell(self, trouble: str) -> None:
        if trouble not in self._told:
            self._complain(trouble)
            self._told.add(trouble)

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
