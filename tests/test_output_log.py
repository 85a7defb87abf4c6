"""Whatever a container writes, in whatever pieces, is read back exactly from its log."""

import os
import re
import shutil
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

import pytest
from apart import said_by
from eventually import eventually
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from manager_home import descriptors
from tmpfs import small_disk

from conman_lab.shim.appender import Appender
from conman_lab.shim.logs import LONGEST, Clock, LogFile, full_lines, read_log
from conman_lab.shim.loop import Loop
from conman_lab.shim.output import CHUNK, MOST, Output, Words
from conman_lab.stream import Stream

OUT, ERR = Stream.STDOUT, Stream.STDERR
MIB = 1024 * 1024
RECORD = re.compile(
    rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})\+00:00 (stdout|stderr) ([FP]) (.*)"
)
patiently = settings(deadline=None, suppress_health_check=list(HealthCheck))

# Bytes in which a newline is as likely as all the others together, and long runs.
BYTES = st.lists(
    st.one_of(
        st.just(b"\n"), st.binary(max_size=20), st.just(b"\n\n"), st.just(b"\r\n")
    )
).map(b"".join)
STREAMS = st.sampled_from(Stream)
PIECES = st.lists(st.tuples(STREAMS, BYTES))
EDGES = {
    "nothing": b"",
    "no final newline": b"a\nb",
    "empty lines": b"\n\n\n",
    "one newline": b"\n",
    "one byte": b"x",
    "carriage returns": b"a\r\nb\r\n\r",
    "null bytes": b"\0\n\0\0\n\0",
    "no text at all": bytes(range(256)) * 3,
    "what looks like a record": b"2026-11-23T20:43:01.123456789+00:00 stdout F x\n",
    "a line of 1 MiB": b"x" * MIB + b"\n",
    "a line of 1 MiB without an end": b"y" * MIB,
    "a mebibyte of empty lines": b"\n" * MIB,
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log"


@contextmanager
def somewhere():
    """A directory for one example of many."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


def written(pieces):
    """What was written to each stream."""
    return {
        stream: b"".join(chunk for each, chunk in pieces if each is stream)
        for stream in Stream
    }


def cut(text, sizes):
    """Cut it in pieces of these sizes, and again, to its end."""
    pieces, at = [], 0
    while at < len(text):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(text[at : at + size])
        at += size
    return pieces


def records(path):
    """The records as the kubelet would find them; each must be one."""
    lines = path.read_bytes().split(b"\n")
    assert lines.pop() == b"", "the last record is ended, too"
    matches = [RECORD.fullmatch(line) for line in lines]
    assert None not in matches, lines[matches.index(None)]
    return [match.groups() for match in matches]


# --- any bytes, in any pieces


@patiently
@given(PIECES)
def test_any_bytes_in_any_pieces_are_read_back(pieces):
    with somewhere() as directory:
        log = LogFile(str(directory / "log"))
        for stream, chunk in pieces:
            log.write(stream, chunk)
        log.close(durable=False)
        assert read_log(directory / "log") == written(pieces)


@patiently
@given(PIECES)
def test_every_record_is_one_of_the_cri_s(pieces):
    with somewhere() as directory:
        log = LogFile(str(directory / "log"))
        for stream, chunk in pieces:
            log.write(stream, chunk)
        log.close(durable=False)
        assert put_together(records(directory / "log")) == written(pieces)


def put_together(found):
    """As the kubelet reads it: F ends a line, P does not."""
    texts = dict.fromkeys(Stream, b"")
    names = {b"stdout": OUT, b"stderr": ERR}
    for _, _, name, tag, text in found:
        texts[names[name]] += text + (b"\n" if tag == b"F" else b"")
    return texts


@pytest.mark.parametrize("size", [1, 7, 4096, CHUNK])
@pytest.mark.parametrize("text", EDGES.values(), ids=EDGES)
def test_the_edges_are_read_back(path, text, size):
    if size < 4096:  # a byte at a time: less of it is as good
        text = text[: 64 * 1024]
    log = LogFile(str(path))
    for piece in cut(text, [size]):
        log.write(OUT, piece)
        log.write(OUT, b"" if size == 1 else b"!\n")
    log.close(durable=False)
    added = b"" if size == 1 else b"!\n"
    expected = b"".join(piece + added for piece in cut(text, [size]))
    assert read_log(path)[OUT] == expected


@patiently
@given(PIECES, st.integers(0, 30), st.integers(0, 30))
def test_someone_rotates_in_the_middle(pieces, first, second):
    """Between any two reads: he moves the file, and asks for another."""
    with somewhere() as directory:
        path = directory / "log"
        log = LogFile(str(path))
        for number, (stream, chunk) in enumerate(pieces):
            if number in (first, second):
                path.rename(directory / f"log.{number:02}")
                log.reopen()
            log.write(stream, chunk)
        log.close(durable=False)
        found = [read_log(file) for file in [*sorted(directory.glob("log.*")), path]]
        for stream in Stream:
            assert b"".join(part[stream] for part in found) == written(pieces)[stream]


def test_what_comes_between_the_move_and_the_reopening_is_in_the_old_one(path):
    log = LogFile(str(path))
    log.write(OUT, b"one\n")
    path.rename(f"{path}.1")
    log.write(OUT, b"two\n")
    log.reopen()
    log.write(OUT, b"three\n")
    log.close()
    assert read_log(f"{path}.1")[OUT] == b"one\ntwo\n"
    assert read_log(path)[OUT] == b"three\n"


def test_a_log_is_gone_on_with(path):
    """A file that is there already is not emptied: it is somebody's record."""
    for line in (b"one\n", b"two\n"):
        log = LogFile(str(path))
        log.write(OUT, line)
        log.close()
    assert read_log(path)[OUT] == b"one\ntwo\n"


# --- the record


@patiently
@given(PIECES)
def test_all_records_of_one_read_have_one_time(pieces):
    with somewhere() as directory:
        path = directory / "log"
        log = LogFile(str(path))
        times = []
        for stream, chunk in pieces:
            before = path.stat().st_size
            log.write(stream, chunk)
            new = path.read_bytes()[before:]
            times.append({line.split(b" ")[0] for line in new.split(b"\n")[:-1]})
        log.close(durable=False)
        assert all(len(each) <= 1 for each in times)


def test_a_time_is_now_and_goes_forward(path):
    log = LogFile(str(path))
    for _ in range(2000):
        log.write(OUT, b"tick\n")
    log.close()
    times = [(second, nanosecond) for second, nanosecond, *_ in records(path)]
    assert times == sorted(times)
    assert len(set(times)) > 1000
    last = datetime.fromisoformat(f"{times[-1][0].decode()}+00:00")
    assert timedelta(0) <= datetime.now(UTC) - last < timedelta(seconds=10)


def test_another_second_is_another_time():
    """Its text is made once a second."""
    clock = Clock()
    first = clock.now()
    later = eventually(lambda: (now := clock.now())[:19] != first[:19] and now)
    between = [datetime.fromisoformat(time.decode()) for time in (first, later)]
    assert timedelta(0) < between[1] - between[0] < timedelta(seconds=5)


def test_a_line_that_may_be_kept_back_is_one_record(path):
    log = LogFile(str(path))
    log.write(OUT, b"x" * LONGEST)
    log.write(OUT, b"\n")
    log.close()
    assert [tag for *_, tag, _ in records(path)] == [b"F"]


def test_a_line_is_one_record_in_however_many_reads_it_comes(path):
    log = LogFile(str(path))
    for piece in (b"he", b"ll", b"o\nwo", b"rld\n"):
        log.write(OUT, piece)
    log.close()
    assert [(tag, text) for *_, tag, text in records(path)] == [
        (b"F", b"hello"),
        (b"F", b"world"),
    ]


def test_what_is_incomplete_is_not_kept_back(path):
    """A prompt, a progress bar: an empty chunk says that there is no more for now."""
    log = LogFile(str(path))
    log.write(OUT, b"50 %")
    assert records(path) == []
    log.write(OUT, b"")
    assert [record[3:] for record in records(path)] == [(b"P", b"50 %")]
    log.write(OUT, b" ... done\n")
    assert [record[3:] for record in records(path)][1] == (b"F", b" ... done")
    log.close()
    assert read_log(path)[OUT] == b"50 % ... done\n"


def test_the_other_stream_does_not_end_a_line(path):
    log = LogFile(str(path))
    log.write(OUT, b"on ")
    log.write(ERR, b"err\n")
    log.write(OUT, b"time\n")
    log.close()
    assert [record[2:] for record in records(path)] == [
        (b"stderr", b"F", b"err"),
        (b"stdout", b"F", b"on time"),
    ]


def test_a_line_without_an_end_does_not_stay_in_memory(path):
    log = LogFile(str(path))
    for _ in range(64):
        log.write(OUT, b"x" * CHUNK)
        assert len(log._partial[OUT]) <= LONGEST
    log.close()
    assert read_log(path)[OUT] == b"x" * CHUNK * 64
    assert {tag for *_, tag, _ in records(path)} == {b"P"}


@given(BYTES)
def test_lines_are_framed_as_a_loop_would_frame_them(text):
    head = b"NOW stdout "
    slowly = b"".join(head + b"F " + line + b"\n" for line in text.split(b"\n")[:-1])
    ended = text[: text.rfind(b"\n") + 1]
    assert not ended or full_lines(ended, head).tobytes() == slowly


def test_a_log_can_be_read_while_it_is_written(path):
    """A reader may find half of the last record: it is not there yet."""
    log = LogFile(str(path))
    log.write(OUT, b"one\ntwo\n")
    log.close()
    whole = path.read_bytes()
    half = whole.index(b"\n") + 1
    for size in range(half, len(whole)):
        path.write_bytes(whole[:size])
        assert read_log(path)[OUT] == b"one\n"


# --- a limit


class Keeping(Appender):
    """Keeps what the limit would throw away."""

    kept = 0

    def _rotate(self):
        shutil.copy(self._path, f"{self._path}.kept.{self.kept:06}")
        self.kept += 1
        super()._rotate()


@patiently
@given(PIECES, st.integers(1, 2000))
@example([(OUT, b"\n" * 2000)], 50)  # a read's worth that fills 2000 files
def test_with_a_limit_it_is_cut_in_files_of_whole_records(pieces, limit):
    with somewhere() as directory:
        path = directory / "log"
        log = LogFile(str(path))
        log._file = Keeping(str(path), limit, print)
        for stream, chunk in pieces:
            log.write(stream, chunk)
        log.close(durable=False)
        files = [*sorted(directory.glob("log.kept.*")), path]
        for file in files:
            assert file.stat().st_size <= limit or len(records(file)) == 1
        found = [read_log(file) for file in files]
        for stream in Stream:
            assert b"".join(part[stream] for part in found) == written(pieces)[stream]


def test_with_a_limit_the_two_newest_files_stay(tmp_path, path):
    log = LogFile(str(path), 1000)
    for number in range(100):
        log.write(OUT, b"line %d\n" % number)
    log.close()
    assert sorted(os.listdir(tmp_path)) == ["log", "log.1"]
    kept = read_log(f"{path}.1")[OUT] + read_log(path)[OUT]
    everything = b"".join(b"line %d\n" % number for number in range(100))
    assert everything.endswith(kept)
    assert kept.count(b"\n") > 20


def test_a_file_is_not_begun_for_nothing(path):
    """A limit is not rounded down: a record that just fits, fits."""
    log = LogFile(str(path))
    log.write(OUT, b"x\n")
    log.close()
    size = path.stat().st_size
    path.unlink()
    log = LogFile(str(path), 3 * size)
    for _ in range(3):
        log.write(OUT, b"x\n")
    assert path.stat().st_size == 3 * size
    assert not Path(f"{path}.1").exists()
    log.write(OUT, b"x\n")
    log.close()
    assert (path.stat().st_size, Path(f"{path}.1").stat().st_size) == (size, 3 * size)


def test_a_limit_counts_what_was_there(path):
    path.write_bytes(b"2026-11-23T20:43:01.123456789+00:00 stdout F old\n")
    log = LogFile(str(path), 60)
    log.write(OUT, b"new\n")
    log.close()
    assert read_log(f"{path}.1")[OUT] == b"old\n"
    assert read_log(path)[OUT] == b"new\n"


# --- trouble


@pytest.fixture
def complaints():
    return []


@pytest.mark.needs_root
@pytest.mark.parametrize("limit", [0, 100_000])
def test_a_full_disk_costs_lines_and_nothing_else(tmp_path, complaints, limit):
    with small_disk(tmp_path / "disk", 128 * 1024) as disk:
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(96 * 1024))
        log = LogFile(str(disk / "log"), limit, complaints.append)
        for number in range(100):
            log.write(OUT, b"%03d %b\n" % (number, b"x" * 1000))
        kept = log._file._lost
        ballast.unlink()
        log.write(OUT, b"and on it goes\n")
        log.close()
        lines = read_log(disk / "log")[OUT].splitlines()
        assert records(disk / "log")
    assert kept > 0
    assert lines[-1] == b"and on it goes"
    assert [line[:3] for line in lines[:-1]] == [
        b"%03d" % n for n in range(len(lines) - 1)
    ]
    first, second = complaints
    assert first.startswith("cannot write the log, and go on without: [Errno 28]")
    assert second == f"the log goes on; {kept} bytes of it are missing"


@pytest.mark.needs_root
def test_a_disk_that_stays_full_is_told_at_the_end(tmp_path, complaints):
    with small_disk(tmp_path / "disk", 16 * 1024) as disk:
        log = LogFile(str(disk / "log"), complain=complaints.append)
        for _ in range(100):
            log.write(OUT, b"x" * 1000 + b"\n")
        log.close()
        lines = len(records(disk / "log"))
    assert len(complaints) == 2
    lost = int(re.match(r"(\d+) bytes of the log could not", complaints[1])[1])
    assert lost == (100 - lines) * 1046  # 45 bytes of a head, and a newline


@pytest.mark.needs_root
def test_the_same_trouble_is_told_again_when_it_has_been_over(tmp_path, complaints):
    with small_disk(tmp_path / "disk", 64 * 1024) as disk:
        log = LogFile(str(disk / "log"), complain=complaints.append)
        for _ in range(2):
            ballast = disk / "ballast"
            ballast.write_bytes(bytes(32 * 1024))
            for _ in range(100):
                log.write(OUT, b"x" * 1000 + b"\n")
            ballast.unlink()
            os.truncate(disk / "log", 0)
            log.write(OUT, b"over\n")
        log.close()
    told = [words.split(" the log")[0].split(";")[0] for words in complaints]
    assert told == ["cannot write", "the log goes on"] * 2


def test_a_removed_directory_is_made_again(tmp_path, complaints):
    path = tmp_path / "a" / "b" / "log"
    log = LogFile(str(path), complain=complaints.append)
    log.write(OUT, b"gone\n")
    shutil.rmtree(tmp_path / "a")
    log.write(OUT, b"here\n")
    log.write(OUT, b"and here\n")
    log.close()
    assert read_log(path)[OUT] == b"here\nand here\n"
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert complaints == ["somebody has removed the log: another one is begun"]


def test_a_log_that_cannot_be_begun_is_begun_later(tmp_path, complaints):
    path = tmp_path / "log"
    path.mkdir()  # EISDIR
    log = LogFile(str(path), complain=complaints.append)
    for _ in range(5):
        log.write(OUT, b"lost\n")
    path.rmdir()
    log.write(OUT, b"found\n")
    log.close()
    assert read_log(path)[OUT] == b"found\n"
    opening, writing, going_on = complaints
    assert opening.startswith("cannot open the log: [Errno 21]")
    assert writing.startswith("cannot write the log")
    assert going_on.startswith("the log goes on; 250 bytes")


def test_a_log_that_was_emptied_is_gone_on_with(path, complaints):
    """As logrotate's copytruncate does: our place is always the end of the file."""
    log = LogFile(str(path), complain=complaints.append)
    log.write(OUT, b"one\n")
    os.truncate(path, 0)
    log.write(OUT, b"two\n")
    log.close()
    assert read_log(path)[OUT] == b"two\n"
    assert complaints == []


RUN_OUT = """
import resource, os
from conman_lab.shim.logs import LogFile
from conman_lab.stream import Stream
log = LogFile(sys.argv[1], int(sys.argv[2]))
spare = os.dup(0)
os.close(spare)
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (spare, most))
for number in range(100):
    log.write(Stream.STDOUT, b"line %d\\n" % number)
log.reopen()
resource.setrlimit(resource.RLIMIT_NOFILE, (spare + 1, most))
log.write(Stream.STDOUT, b"the end\\n")
log.close()
"""


def test_without_descriptors_the_old_file_goes_on(path):
    """EMFILE, as it is time to rotate: rather one too large than a gap."""
    said = said_by(RUN_OUT, path, 1000)
    everything = b"".join(b"line %d\n" % number for number in range(100))
    assert read_log(f"{path}.1")[OUT] == everything
    assert read_log(path)[OUT] == b"the end\n"
    assert said == f"cannot open the log: [Errno 24] Too many open files: '{path}'\n"


# --- from a pipe, through the loop, into the log


@contextmanager
def pumped(path, **options):
    """Two pipes, read by a loop, into a log: what to write to, and how to go on."""
    with ExitStack() as stack:
        loop = Loop()
        stack.callback(loop.close)
        output, log = Output(loop), LogFile(str(path), **options)
        stack.callback(log.close, durable=False)
        output.listen(log.write)
        ends = {stream: os.pipe() for stream in Stream}
        for stream, (read_end, _) in ends.items():
            output.add(stream, read_end)
        inputs = {
            s: stack.enter_context(open(w, "wb", 0)) for s, (_, w) in ends.items()
        }
        yield inputs, loop, output
        output.drain()
        for stream in list(output._open):
            output._close(stream)


@settings(patiently, max_examples=50)
@given(st.lists(st.tuples(STREAMS, BYTES, st.booleans())))
def test_from_a_pipe_any_bytes_in_any_pieces_are_read_back(pieces):
    with somewhere() as directory:
        with pumped(directory / "log") as (inputs, loop, _):
            for stream, chunk, turn in pieces:
                inputs[stream].write(chunk)
                if turn:
                    loop.run_once(0)
        expected = written([piece[:2] for piece in pieces])
        assert read_log(directory / "log") == expected
        records(directory / "log")


@pytest.mark.parametrize("text", EDGES.values(), ids=EDGES)
def test_from_a_program_the_edges_are_read_back(path, text):
    """Real writers, who wait when the pipe is full; both streams at once."""
    with pumped(path) as (inputs, loop, output):
        source = path.with_name("source")
        source.write_bytes(text)
        copy = subprocess.Popen(
            ["sh", "-c", "cat $0 & cat $0 >&2; wait", source],
            stdout=inputs[OUT],
            stderr=inputs[ERR],
        )
        for stream in Stream:
            inputs[stream].close()
        assert loop.run_until(lambda: not output._open, 20)
        assert copy.wait(5) == 0
    assert read_log(path) == {OUT: text, ERR: text}


def test_one_read_is_one_time(path):
    with pumped(path) as (inputs, loop, _):
        inputs[OUT].write(b"a\nb\nc\n")
        loop.run_once(5)
    assert len({record[:2] for record in records(path)}) == 1


def test_a_pipe_that_is_held_open_is_no_reason_to_wait(path):
    """A process that the container has left behind may hold it for ever."""
    with pumped(path) as (inputs, _, output):
        inputs[OUT].write(b"last words")
        output.drain()
        assert read_log(path)[OUT] == b"last words"
        assert len(output._open) == 2


def test_a_pipe_that_somebody_goes_on_filling_is_no_reason_to_wait(path):
    """He writes whenever we have read: there is never nothing in it."""
    with pumped(path) as (inputs, _, output):
        heard = []

        def write_again(stream, chunk):
            heard.append(len(chunk))
            assert sum(heard) < 3 * MOST, "it would go on for ever"
            inputs[OUT].write(b"x" * 1000)

        output.listen(write_again)
        inputs[OUT].write(b"x")
        output.drain()
        assert sum(heard) >= MOST
        output.listen()


def test_a_pipe_that_was_made_large_is_drained(path):
    """fcntl(2), F_SETPIPE_SZ: whoever has one end of it may do that."""
    import fcntl

    text = bytes(range(256)) * (MIB // 256)
    with pumped(path) as (inputs, _, output):
        fcntl.fcntl(inputs[OUT], fcntl.F_SETPIPE_SZ, MIB)
        inputs[OUT].write(text)
        output.drain()
    assert read_log(path)[OUT] == text


def test_a_flood_on_one_stream_lets_the_other_have_its_turn(path):
    """His pipe is full again whenever we have read it."""
    with pumped(path) as (inputs, loop, output):
        heard = []

        def fill_again(stream, chunk):
            heard.append(stream)
            assert len(heard) < 1000, "it would go on for ever"
            if stream is OUT and chunk:
                inputs[OUT].write(bytes(CHUNK))

        output.listen(fill_again)
        inputs[OUT].write(bytes(CHUNK))
        inputs[ERR].write(b"help\n")
        assert loop.run_until(lambda: ERR in heard, 10)
        output.listen()


def test_a_pipe_that_was_full_and_is_closed_hides_nothing_of_the_other(path):
    """Its end comes in the same breath as a full read."""
    with pumped(path) as (inputs, _, output):
        inputs[OUT].write(b"x" * CHUNK)
        inputs[OUT].close()
        inputs[ERR].write(b"last words\n")
        output.drain()
        assert list(output._open) == [ERR]
    assert read_log(path) == {OUT: b"x" * CHUNK, ERR: b"last words\n"}


def test_listeners_hear_it_from_now_on_and_nobody_else(path):
    """The runtime's words first, then the container's: one after the other."""
    with pumped(path) as (inputs, loop, output):
        words, later = Words(), []
        output.listen(words.hear)
        inputs[ERR].write(b"runc says")
        loop.run_once(5)
        output.listen(lambda stream, chunk: later.append((stream, chunk)))
        inputs[ERR].write(b"the container says")
        loop.run_once(5)
    assert str(words) == "runc says"
    assert [chunk for _, chunk in later if chunk] == [b"the container says"]


def test_a_stream_that_is_closed_does_not_close_the_other(path):
    with pumped(path) as (inputs, loop, output):
        inputs[OUT].close()
        loop.run_once(5)
        assert list(output._open) == [ERR]
        inputs[ERR].write(b"still here\n")
        loop.run_once(5)
    assert read_log(path) == {OUT: b"", ERR: b"still here\n"}


@given(st.lists(st.binary(max_size=9000)))
def test_words_are_the_end_of_what_was_heard(chunks):
    words = Words()
    for chunk in chunks:
        words.hear(ERR, chunk)
    assert words._end == b"".join(chunks)[-Words.KEPT :]
    assert str(words) == words._end.decode(errors="replace").strip()


# --- the groups that a reader makes


def test_both_streams_keep_their_order_in_one_file(path):
    log = LogFile(str(path))
    for number in range(20):
        log.write(Stream(2 + number % 2), b"%d\n" % number)
    log.close()
    found = records(path)
    assert [int(text) for *_, text in found] == list(range(20))
    assert len([*groupby(found, key=lambda record: record[2])]) == 20


def test_a_log_that_is_a_device_is_closed_in_peace(tmp_path):
    """It cannot be synced, and that is said: fsync(2), EINVAL."""
    (tmp_path / "log").symlink_to("/dev/null")
    before, told = descriptors(), []
    log = LogFile(str(tmp_path / "log"), complain=told.append)
    log.write(Stream.STDOUT, b"x\n")
    log.close()
    assert descriptors() == before
    assert told == ["the log may not be on the disk: [Errno 22] Invalid argument"]
