r"""The container's log file, in the format that the kubelet reads.

A record is a time, a stream, a tag and the text:

    2026-11-23T20:43:01.123456789+00:00 stdout F hello

F: the line is full.  P: its writer has not ended it yet, and that stream's next record
goes on with it.  So the bytes can be had back exactly, `read_log`.  The format is the
CRI's: k8s.io/design-proposals-archive, node/kubelet-cri-logging.md.

All records of one read(2) get the same time, as in conmon, so a chunk becomes records
by one `bytes.replace` of "\n" by "\n" and the next record's head: in C, eight times as
fast as a loop over its lines.
"""

import os
import time
from collections.abc import Callable

from conman_lab.files import AnyPath
from conman_lab.stream import Stream

LONGEST = 64 * 1024  # bytes of an unended line that we keep back for one record
NAMES = {Stream.STDOUT: b"stdout", Stream.STDERR: b"stderr"}


class LogFile:
    """Appends records to the file `path`, one for both streams, so they keep their order.

    It never raises: a full disk is not the container's fault, and must not end it.
    What could not be written is counted, and told to `complain` once for each trouble.
    With a `limit` the file never grows over so many bytes, but for one record's sake:
    it becomes PATH.1, the former one of that name goes, and another is begun.
    """

    def __init__(
        self, path: str, limit: int = 0, complain: Callable[[str], object] = print
    ) -> None:
        self.path, self._limit, self._complain = path, limit, complain
        self._partial = dict.fromkeys(Stream, b"")
        self._clock = Clock()
        self._lost = 0
        self._told: set[str] = set()
        self._fd, self._size = -1, 0
        self.reopen()

    def write(self, stream: Stream, chunk: bytes) -> None:
        """Record one read's worth; an empty chunk records what is incomplete, too."""
        text = self._partial[stream] + chunk
        if not text:
            return
        ended = text.rfind(b"\n") + 1
        self._partial[stream] = text[ended:]
        head = b"%b %b " % (self._clock.now(), NAMES[stream])
        if ended:
            self._append(full_lines(text[:ended], head))
        if self._partial[stream] and (not chunk or len(text) - ended > LONGEST):
            self._append(b"%bP %b\n" % (head, self._partial[stream]))
            self._partial[stream] = b""

    def reopen(self) -> None:
        """Go on in the file that is called `path` now: someone has moved the old one."""
        try:
            os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            fd = os.open(self.path, flags, 0o600)
        except OSError as error:  # EMFILE, ENOSPC, EROFS: keep the one that we have
            self._tell(f"cannot open the log: {error}")
            return
        self._close()
        self._fd, self._size = fd, os.fstat(fd).st_size

    def close(self, durable: bool = True) -> None:
        """Record what is incomplete; when `durable`, wait until it is on the disk."""
        for stream in Stream:
            self.write(stream, b"")
        if self._lost:
            self._tell(f"{self._lost} bytes of the log could not be written")
        if durable and self._fd >= 0:
            os.fdatasync(self._fd)
        self._close()

    def _append(self, records: bytes | memoryview) -> None:
        """Write them, with a limit into as many files as it takes."""
        while self._limit and self._size + len(records) > self._limit:
            fits = self._fitting(bytes(records))
            self._put(records[:fits])
            records = records[fits:]
            if not records:
                return
            self._rotate()
            if self._size:  # it could not: better a log too large than one with a gap
                break
        self._put(records)

    def _fitting(self, records: bytes) -> int:
        """How many bytes of them are to go into this file: whole records."""
        fits = records.rfind(b"\n", 0, max(self._limit - self._size, 0)) + 1
        if fits == 0 and self._size == 0:
            return records.index(b"\n") + 1  # a huge one has a file of its own
        return fits

    def _rotate(self) -> None:
        try:
            os.rename(self.path, f"{self.path}.1")
        except FileNotFoundError:  # we have moved it, and then could open no other
            pass
        except OSError as error:
            self._tell(f"cannot rotate the log: {error}")
        self.reopen()

    def _put(self, records: bytes | memoryview) -> None:
        """All of it or, on a full disk, nothing: half a record would spoil the next."""
        try:
            self._size = self._size_now()
            self._write(records)
        except OSError as error:
            self._lose(len(records), error)
        else:
            self._found_again()

    def _size_now(self) -> int:
        """Ask, for others may have emptied it; and begin another if it has gone."""
        if self._fd >= 0:
            now = os.fstat(self._fd)
            if now.st_nlink:
                return now.st_size
            self._tell("somebody has removed the log: another one is begun")
        self.reopen()
        return os.fstat(self._fd).st_size

    def _write(self, records: bytes | memoryview) -> None:
        rest = memoryview(records)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError:
            os.ftruncate(self._fd, self._size)
            raise
        self._size += len(records)

    def _lose(self, count: int, error: OSError) -> None:
        self._tell(f"cannot write the log, and go on without: {error}")
        self._lost += count

    def _found_again(self) -> None:
        if self._lost:
            self._tell(f"the log goes on; {self._lost} bytes of it are missing")
            self._lost = 0
            self._told.clear()

    def _tell(self, trouble: str) -> None:
        """Once: a trouble that stays is met again with every line."""
        if trouble not in self._told:
            self._complain(trouble)
            self._told.add(trouble)

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1


def full_lines(text: bytes, head: bytes) -> memoryview:
    r"""One record for each line of `text`, which ends with a newline.

    A head goes in after each newline: one more is needed in front, and the last one is
    cut off.  To cut a memoryview copies nothing.

    >>> full_lines(b"a\n\nb\n", b"NOW stdout ").tobytes()
    b'NOW stdout F a\nNOW stdout F \nNOW stdout F b\n'
    """
    head += b"F "
    records = (b"\n" + text).replace(b"\n", b"\n" + head)
    return memoryview(records)[1 : -len(head)]


class Clock:
    """The time as RFC 3339 writes it, in UTC, to the nanosecond."""

    def __init__(self) -> None:
        self._second, self._text = -1, b""

    def now(self) -> bytes:
        """`2026-11-23T20:43:01.123456789+00:00`; strftime(3) once a second."""
        second, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
        if second != self._second:
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second, self._text = second, text.encode()
        return b"%b.%09d+00:00" % (self._text, nanoseconds)


def read_log(path: AnyPath) -> dict[Stream, bytes]:
    """What the container has written to each stream, exact to the byte."""
    streams = {name: stream for stream, name in NAMES.items()}
    written: dict[Stream, list[bytes]] = {stream: [] for stream in Stream}
    with open(path, "rb") as file:
        for record in file:
            if not record.endswith(b"\n"):
                break  # it is being written, or its shim was killed
            _, stream, tag, text = record.split(b" ", 3)
            written[streams[stream]].append(text if tag == b"F" else text[:-1])
    return {stream: b"".join(texts) for stream, texts in written.items()}
