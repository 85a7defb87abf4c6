"""Commands beside the first one, viewers, and logs that are read and followed."""

import asyncio
import os
import resource
import signal
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from eventually import eventually
from hypothesis import given
from hypothesis import strategies as st
from manager_home import descriptors, left, managing

from conman_lab.errors import (
    Deadline,
    FellBehind,
    InvalidArgument,
    LaunchFailed,
    WrongState,
)
from conman_lab.linux import Exit
from conman_lab.manager.conmand.opened import Opened
from conman_lab.manager.following import follow
from conman_lab.manager.logs import LogReader, read
from conman_lab.manager.outcome import Outcome
from conman_lab.stream import Stream

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_runc]


def execs(manager, name):
    return [*Path(manager.inspect(name)["directory"], "execs").glob("*")]


def seen(session):
    """All that comes to its end, stream by stream."""
    written = dict.fromkeys(Stream, b"")
    for stream, chunk in session:
        written[stream] += chunk
    return written[Stream.STDOUT], written[Stream.STDERR]


# --- exec


def test_a_command_has_an_exit_and_two_streams_of_its_own(manager, running):
    running("sleeper")
    done = manager.run_in("sleeper", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.status, done.stdout, done.stderr) == (3, b"out\n", b"err\n")
    assert [*map(str, manager.logs("sleeper"))] == ["asleep"]
    eventually(lambda: execs(manager, "sleeper") == [])


def test_what_it_gets_is_what_was_asked_for(manager, running):
    running("sleeper")
    with manager.exec(
        "sleeper", "sh", "-c", "echo $A; pwd", env={"A": "b"}, cwd="/tmp"
    ) as session:
        assert seen(session) == (b"b\n/tmp\n", b"")
        assert session.wait(10) == Exit(code=0)


def test_it_can_be_typed_to(manager, running):
    running("sleeper")
    with manager.exec("sleeper", "cat", stdin=True) as session:
        session.send(b"hello\n")
        assert session.read(10) == (Stream.STDOUT, b"hello\n")
        session.end_input()
        assert seen(session) == (b"", b"")
        assert session.wait(10) == Exit(code=0)


def test_it_can_have_a_terminal(manager, running):
    running("sleeper")
    with manager.exec(
        "sleeper", "stty", "size", terminal=True, rows=33, columns=99
    ) as session:
        assert seen(session)[0].split() == [b"33", b"99"]


def test_a_log_is_kept_if_somebody_wants_it(manager, running):
    running("sleeper")
    session = manager.exec("sleeper", "echo", "kept", log=True)
    session.wait(10)
    session.close()
    (directory,) = execs(manager, "sleeper")
    assert [*map(str, read(directory / "log"))] == ["kept"]
    assert (directory / "exit").exists()


def test_of_a_command_that_is_not_there_the_runtime_tells(manager, running):
    running("sleeper")
    with pytest.raises(LaunchFailed, match=r"cannot exec in sleeper: .*nope"):
        manager.run_in("sleeper", "nope")
    assert execs(manager, "sleeper") == []


FLOOD = ("head", "-c", "30000000", "/dev/zero")


def test_who_looks_on_and_does_not_keep_up_is_told_that_it_has_not_seen_all(
    manager, bundle
):
    """And how it ended; that was so long ago that nobody could tell by the facts."""
    manager.create("web", bundle("hello"), *FLOOD)
    with manager.attach("web") as session:
        manager.start("web")
        assert manager.wait("web", 30) == Exit(code=0)
        words = "web writes faster than it was read here, .* its log has all of it"
        with pytest.raises(FellBehind, match=words):
            seen(session)
        assert session.read(5) is None
        assert session.wait(5) == Exit(code=0)
    assert sum(len(record.text) for record in manager.logs("web")) == 30_000_000


@pytest.mark.parametrize(
    ("log", "way_out"),
    [(False, "let it write to a file, or exec it w"), (True, "its log")],
)
def test_the_same_of_a_command(manager, running, log, way_out):
    running("sleeper")
    with manager.exec("sleeper", *FLOOD, log=log) as session:
        assert session.wait(30) == Exit(code=0)
        with pytest.raises(FellBehind, match=f"head in sleeper writes .*: {way_out}"):
            seen(session)


def test_all_that_a_command_writes_is_there_however_busy_we_are(manager, running):
    """A viewer would be dropped: it does not keep up with one that writes so fast."""
    running("sleeper")
    over = threading.Event()

    def keep_busy():
        while not over.is_set():
            pass

    with ThreadPoolExecutor() as threads:
        for _ in range(2):
            threads.submit(keep_busy)
        try:
            done = manager.run_in("sleeper", *FLOOD)
        finally:
            over.set()
    assert (done.status, len(done.stdout)) == (0, 16 * 1024 * 1024)
    eventually(lambda: execs(manager, "sleeper") == [])


def test_who_waits_no_longer_for_an_end_leaves_nothing_with_it(manager, running):
    """Its shim has died, and it goes on, for months perhaps: only its viewers leave."""
    running("sleeper")
    end = manager._house.register.find("sleeper").end

    async def look_and_leave():
        opened = Opened(manager.attach("sleeper"))
        if shim := manager.inspect("sleeper")["shim"]:
            os.kill(shim, signal.SIGKILL)
        assert [piece async for piece in opened.output()] == []
        how = asyncio.ensure_future(opened.how_it_ended())
        await asyncio.sleep(0)
        assert len(end._waiting) == 1
        how.cancel()
        with suppress(asyncio.CancelledError):
            await how
        opened.hang_up()

    asyncio.run(look_and_leave())
    assert len(end._waiting) == 0
    manager.remove("sleeper", force=True)
    assert end.done()


def test_an_outcome_is_told_once_to_all_who_still_wait():
    outcome, heard = Outcome(), []
    for number in range(3):
        take_back = outcome.tell(partial(heard.append, number))
    take_back()
    outcome.set_result(Exit(code=7))
    assert heard == [0, 1]
    outcome.tell(partial(heard.append, "late"))()
    assert heard == [0, 1, "late"]


@contextmanager
def descriptors_left(count):
    """So many may this process still open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    taken = []
    try:
        with suppress(OSError):  # EMFILE
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(count):
            os.close(taken.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in taken:
            os.close(fd)


def test_a_command_that_could_not_be_launched_leaves_nothing(manager, running):
    """Its directory needs one descriptor, its shim's log and sync pipe need three."""
    running("sleeper")
    with descriptors_left(2), pytest.raises(OSError, match="Too many open files"):
        manager.run_in("sleeper", "true")
    assert execs(manager, "sleeper") == []


def test_one_that_takes_too_long_is_ended(manager, running):
    running("sleeper")
    with pytest.raises(Deadline, match="sleep did not end"):
        manager.run_in("sleeper", "sleep", "1000", timeout=0.2)
    eventually(lambda: execs(manager, "sleeper") == [])
    assert manager.stats("sleeper").pids == 2


def test_when_the_container_ends_so_do_its_commands(manager, running, runtime):
    running("sleeper")
    with manager.exec("sleeper", "sleep", "1000") as session:
        manager.kill("sleeper", signal.SIGKILL)
        assert session.wait(10) == Exit(signal=9)
    manager.wait("sleeper", 10)  # its own shim may tell a moment later
    manager.remove("sleeper")
    assert left(runtime) == []


def test_a_command_goes_on_without_its_manager(runtime, bundle):
    with managing(runtime) as manager:
        manager.create("it", bundle("sleeper"))
        manager.start("it")
        manager.exec("it", "sleep", "1000").close()
    with managing(runtime) as manager:
        assert len(execs(manager, "it")) == 1
        (directory,) = execs(manager, "it")
        os.kill(int((directory / "pid").read_text()), signal.SIGKILL)
        eventually(lambda: execs(manager, "it") == [])


def test_only_one_that_runs_can_be_asked(manager, bundle):
    manager.create("it", bundle("sleeper"))
    with pytest.raises(WrongState, match="cannot exec in it, it is CREATED: start it"):
        manager.run_in("it", "true")
    manager.start("it")
    with pytest.raises(InvalidArgument, match="a window has 0 to 65535 rows"):
        manager.exec("it", "sh", terminal=True, rows=70_000, columns=80)
    with pytest.raises(InvalidArgument, match="which command"):
        manager.run_in("it")


# --- attach


def test_a_viewer_sees_all_and_types(manager, bundle):
    manager.create("it", bundle("cat"), stdin=True)
    with manager.attach("it", stdin=True) as session:
        manager.start("it")
        session.send(b"hello\n")
        assert session.read(10) == (Stream.STDOUT, b"hello\n")
        session.end_input()
        assert seen(session) == (b"", b"")
        assert session.wait(10) == Exit(code=0)
    with pytest.raises(WrongState, match="cannot attach to it, it is EXITED"):
        manager.attach("it")


def test_who_reads_nothing_says_so_before_you_type(manager, running):
    running("sleeper")
    with pytest.raises(InvalidArgument, match="create it with stdin=True"):
        manager.attach("sleeper", stdin=True)


# --- logs


def test_a_log_is_read_from_its_end_and_from_a_time(manager, running):
    script = "for i in 1 2 3 4 5 6; do echo $i; done; usleep 20000; echo late"
    running("exiter", "sh", "-c", script)
    manager.wait("exiter", 10)
    records = [*manager.logs("exiter")]
    assert [*map(str, manager.logs("exiter", tail=2))] == ["6", "late"]
    assert [*manager.logs("exiter", tail=0)] == []
    assert [*manager.logs("exiter", tail=100)] == records
    since = [*manager.logs("exiter", since=records[-1].at)]
    assert [*map(str, since)] == ["late"]
    with pytest.raises(InvalidArgument):
        manager.logs("exiter", tail=-1)


def test_a_log_is_followed_to_its_end(manager, running):
    running("ticker", "sh", "-c", "for i in 1 2 3; do echo $i; usleep 50000; done")
    assert [*map(str, manager.logs("ticker", follow=True))] == ["1", "2", "3"]
    assert [*map(str, manager.logs("ticker", tail=1, follow=True))] == ["3"]


def test_an_unended_line_is_no_full_record(manager, running):
    running("exiter", "printf", "a\nb")
    manager.wait("exiter", 10)
    assert [(it.text, it.full) for it in manager.logs("exiter")] == [
        (b"a", True),
        (b"b", False),
    ]


def line(word, at="2026-11-23T20:43:01.000000000+00:00"):
    return f"{at} stdout F {word}\n".encode()


def test_a_rotated_log_is_one_log(tmp_path):
    (tmp_path / "log.1").write_bytes(line("a") + line("b"))
    (tmp_path / "log").write_bytes(line("c"))
    assert [*map(str, read(tmp_path / "log"))] == ["a", "b", "c"]
    assert [*map(str, read(tmp_path / "log", tail=2))] == ["b", "c"]


@given(st.lists(st.integers(0, 70_000), max_size=8))
def test_a_log_may_be_read_from_any_line(lengths):
    """However long the lines are, and whatever is being written behind the last one."""
    lines = [line(f"{n} " + "\r" * length) for n, length in enumerate(lengths)]
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(b"".join(lines) + line("x")[:-1])
        for count in range(len(lines) + 2):
            with LogReader(Path(file.name)) as reader:
                assert reader.go_back(count) == min(count, len(lines))
                numbers = [int(record.text.split()[0]) for record in reader.records()]
            assert (
                numbers == [*range(len(lines))][len(lines) - min(count, len(lines)) :]
            )


def test_a_progress_bar_is_one_record(tmp_path):
    (tmp_path / "log").write_bytes(line("a") + line("10%\r20%\rdone\r"))
    assert [*map(str, read(tmp_path / "log", tail=1))] == ["10%\r20%\rdone\r"]


def test_a_record_that_is_being_written_is_read_when_it_is_whole(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(line("a") + line("b")[:30])
    with LogReader(log) as reader, log.open("ab") as file:
        assert [*map(str, reader.records())] == ["a"]
        strange = line("x").replace(b"stdout", b"stdwhat")
        file.write(line("b")[30:] + b"no record\n" + strange)
        file.flush()
        assert [*map(str, reader.records())] == ["b"]


def test_what_is_written_is_followed_as_it_comes(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(line("a"))
    records = follow(tmp_path, Future(), since=0.0, tail=0)
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(next, records)
        with pytest.raises(TimeoutError):
            reading.result(0.1)
        with log.open("ab") as file:
            file.write(line("b"))
        assert str(reading.result(5)) == "b"
    records.close()


def test_between_two_files_the_former_is_read_on(tmp_path):
    """Its shim has moved it, and has not begun the next."""
    log = tmp_path / "log"
    log.write_bytes(line("a") + line("b")[:30])
    with LogReader(log) as reader:
        assert [*map(str, reader.records())] == ["a"]
        log.rename(tmp_path / "log.1")
        assert not reader.was_rotated()
        reader.reopen()
        with (tmp_path / "log.1").open("ab") as file:
            file.write(line("b")[30:] + line("c")[:30])
        assert [*map(str, reader.records())] == ["b"]
        log.write_bytes(line("d"))
        assert reader.was_rotated()
        reader.reopen()  # what was not ended there is no beginning here
        assert [*map(str, reader.records())] == ["d"]


def test_rotations_are_followed_and_former_files_let_go(tmp_path):
    log, end = tmp_path / "log", Future()
    log.write_bytes(line("a"))
    records = follow(tmp_path, end, since=0.0, tail=None)
    assert str(next(records)) == "a"
    before = descriptors()
    for word in "bcd":
        log.rename(tmp_path / "log.1")
        log.write_bytes(line(word))
        assert str(next(records)) == word
    assert descriptors() == before
    end.set_result(None)
    assert [*records] == []


def test_what_was_written_after_the_last_rotation_is_followed_to_the_end(tmp_path):
    """Both have come before we look: another file, and the end."""
    log, end = tmp_path / "log", Future()
    log.write_bytes(line("a"))
    records = follow(tmp_path, end, since=0.0, tail=None)
    assert str(next(records)) == "a"
    log.rename(tmp_path / "log.1")
    log.write_bytes(line("b"))
    end.set_result(None)
    assert [*map(str, records)] == ["b"]


def test_who_follows_a_log_no_more_leaves_nothing_open(tmp_path):
    (tmp_path / "log").write_bytes(line("a"))
    end, before = Future(), descriptors()
    records = follow(tmp_path, end, since=0.0, tail=None)
    assert str(next(records)) == "a"
    records.close()
    assert descriptors() == before
    end.set_result(None)
