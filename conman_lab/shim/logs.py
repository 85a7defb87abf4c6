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
    With a `limit` the file never grows over so many bytes: it becomes PATH.1, the
    former one of that name goes, and another is begun.
    """

    def __init__(
        self, path: str, limit: int = 0, complain: Callable[[str], object] = print
    ) -> None:
        self.path, self._limit, self._complain = path, limit, complain
        self._partial = dict.fromkeys(Stream, b"")
        self._clock = Clock()
        self._lost = 0
        self._fd, self._size = -1, 0
        self.reopen()

    def write(self, stream: Stream, chunk: bytes) -> None:
        """Record one read's worth; an empty chunk records what is incomplete, too."""
        text = self._partial[stream] + chunk
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
            self._complain(f"cannot open the log: {error}")
            return
        self._close()
        self._fd, self._size = fd, os.fstat(fd).st_size

    def close(self, durable: bool = True) -> None:
        """Record what is incomplete; when `durable`, wait until it is on the disk."""
        for stream in Stream:
            self.write(stream, b"")
        if self._lost:
            self._complain(f"{self._lost} bytes of the log could not be written")
        if durable and self._fd >= 0:
            os.fdatasync(self._fd)
        self._close()

    def _append(self, records: bytes | memoryview) -> None:
        if self._limit and self._size + len(records) > self._limit:
            self._within_limit(bytes(records))
            return
        try:
            self._write(records)
        except OSError as error:
            self._lose(len(records), error)
        else:
            self._found_again()

    def _write(self, records: bytes | memoryview) -> None:
        """All of it or, on a full disk, nothing: half a record would spoil the next."""
        if os.fstat(self._fd).st_nlink == 0:  # its directory was removed under us
            self._complain("somebody has removed the log: another one is begun")
            self.reopen()
        rest = memoryview(records)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError:
            os.ftruncate(self._fd, self._size)
            raise
        self._size += len(records)

    def _within_limit(self, records: bytes) -> None:
        """Write what fits, and the rest to a new file; a huge record to its own."""
        fits = records.rfind(b"\n", 0, max(self._limit - self._size, 0)) + 1
        if fits == 0 and self._size == 0:
            fits = records.index(b"\n") + 1
        limit, self._limit = self._limit, 0
        self._append(records[:fits])
        self._limit = limit
        if fits < len(records):
            self._rotate()
            self._append(records[fits:])

    def _rotate(self) -> None:
        try:
            os.rename(self.path, f"{self.path}.1")
        except OSError as error:
            self._complain(f"cannot rotate the log: {error}")
        self.reopen()

    def _lose(self, count: int, error: OSError) -> None:
        if self._lost == 0:
            self._complain(f"cannot write the log, and go on without: {error}")
        self._lost += count

    def _found_again(self) -> None:
        if self._lost:
            self._complain(f"the log goes on; {self._lost} bytes of it are missing")
            self._lost = 0

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
            _, stream, tag, text = record.split(b" ", 3)
            written[streams[stream]].append(text if tag == b"F" else text[:-1])
    return {stream: b"".join(texts) for stream, texts in written.items()}
