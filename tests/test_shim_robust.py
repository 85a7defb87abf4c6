"""Full disks, no descriptors, viewers that never read: a container loses none of its end.

Each trouble is real, and made from outside, while the shim lives.  Each is told in
shim.log.
"""

import os
import re
import resource
import shutil
import signal
import socket
from contextlib import ExitStack, suppress

import pytest
from apart import said_by
from eventually import eventually
from shims import delete, err, opened, out, shim_log
from stops import Stop
from tmpfs import small_disk

from conman_lab.errors import LaunchFailed
from conman_lab.files import wait_for_file
from conman_lab.linux import Exit
from conman_lab.shim.diary import LONGEST
from conman_lab.shim.exitfile import ExitFile, read_exit_file

INSIDE = "/tmp/stop"
KIB, MIB = 1024, 1024 * 1024
PAGE = resource.getpagesize()


@pytest.fixture
def stop(home):
    stop = Stop(home / "stop")
    yield stop
    stop.close()


@pytest.fixture
def start(shims, bundle, stop):
    """Start a script that stops, at `$STOP`, until it is let go."""

    def start(script, **options):
        ready = bundle("hello").with_mount(stop.directory, INSIDE)
        ready = ready.with_env(STOP=stop.inside(INSIDE)).with_args("sh", "-c", script)
        return shims.start("hello", ready=shims.saved(ready), **options)

    return start


@pytest.fixture
def disk(home):
    """The containers' directories are on a disk of their own, with ballast in it."""
    with small_disk(home / "containers", 512 * KIB) as disk:
        (disk / "ballast").write_bytes(bytes(256 * KIB))
        yield disk


@pytest.fixture
def viewers():
    """Connect to a container, as often as one likes."""
    with ExitStack() as stack:

        def connect(container):
            viewer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            viewer = stack.enter_context(viewer)
            viewer.settimeout(5)
            viewer.connect(str(container.attach_socket))
            return viewer

        yield connect


def lines(count, letter="x"):
    """A script that writes so many lines, of a kilobyte each."""
    text = letter * 1000
    return f"i=0; while [ $((i += 1)) -le {count} ]; do echo {text} $i; done"


# --- a full disk


def test_a_disk_that_is_full_for_a_while_costs_lines_and_nothing_else(
    start, stop, disk
):
    container = start(f"{lines(2000)}; $STOP; echo and on it goes; exit 3")
    stop.wait()
    eventually(lambda: "cannot write the log, and go on" in shim_log(container))
    (disk / "ballast").unlink()
    stop.let_go()
    assert container.wait(10) == Exit(code=3)
    written = out(container).splitlines()
    assert written[-1] == b"and on it goes"
    assert 0 < len(written) < 2000
    assert all(re.fullmatch(rb"x{1000} \d+", line) for line in written[:-1])
    assert re.search(
        r"the log goes on; \d+ bytes of it are missing", shim_log(container)
    )


def test_a_disk_that_stays_full_does_not_hide_the_end(start, disk):
    container = start(f"{lines(2000)}; exit 3")
    assert container.wait(10) == Exit(code=3)
    assert 0 < out(container).count(b"\n") < 2000
    said = shim_log(container)
    assert "cannot write the log, and go on without: [Errno 28]" in said
    # A small last piece may have had room.
    assert re.search(
        r"\d+ bytes of (the log could not be written|it are missing)", said
    )


def test_trouble_is_told_though_there_is_not_a_page_left(start, stop, disk):
    container = start(f"$STOP; {lines(20)}; exit 3")
    stop.wait()
    fill(disk / "the rest")
    stop.let_go()
    assert container.wait(10) == Exit(code=3)
    assert os.statvfs(disk).f_bfree == 0
    assert "cannot write the log, and go on without: [Errno 28]" in shim_log(container)
    assert "bytes of the log could not be written" in shim_log(container)


def test_a_container_is_not_slowed_down_by_a_full_disk(start, disk):
    """It writes fifty megabytes into the void."""
    container = start("dd if=/dev/zero bs=1M count=50 2> /dev/null; exit 3")
    assert container.wait(10) == Exit(code=3)


def test_on_a_disk_that_is_nearly_full_a_container_is_created_or_that_is_told(
    shims, home
):
    """With any number of free pages, down to none."""
    ends = [end_with(shims, home / "containers", pages) for pages in range(16)]
    told = [end for end in ends if isinstance(end, str)]
    assert all("no space left on device" in words.lower() for words in told)
    assert ends[:3] == told[:3]
    assert ends[len(told) :] == [Exit(code=0)] * (16 - len(told))
    assert len(told) < 14


def end_with(shims, directory, pages):
    """How it ends with so many pages free: an exit, or words."""
    with small_disk(directory, 16 * PAGE) as disk:
        (disk / "ballast").write_bytes(bytes((15 - pages) * PAGE))
        try:
            container = shims.create("hello")
            container.start()
            return container.wait(10)
        except (LaunchFailed, OSError) as error:
            return str(error)
        finally:
            delete(shims.created[-1])
            assert os.listdir(disk) == ["ballast"]


def test_an_exit_file_has_its_room_from_the_beginning(tmp_path):
    with small_disk(tmp_path / "disk", 64 * KIB) as disk:
        exit_file = ExitFile(str(disk / "exit"))
        fill(disk / "ballast")
        assert os.statvfs(disk).f_bfree == 0
        exit_file.write(Exit(code=7, at=1.5))
        assert read_exit_file(disk / "exit") == Exit(code=7)


def fill(file):
    with file.open("wb", 0) as ballast, suppress(OSError):  # ENOSPC
        while ballast.write(bytes(PAGE)):
            pass


def test_an_exit_file_is_told_though_its_directory_has_gone(tmp_path):
    directory = tmp_path / "container"
    directory.mkdir()
    exit_file = ExitFile(str(directory / "exit"))
    shutil.rmtree(directory)
    exit_file.write(Exit(signal=9))
    assert read_exit_file(directory / "exit") == Exit(signal=9)
    assert directory.stat().st_mode & 0o777 == 0o700


TALKS = """
from conman_lab.shim import diary
diary.keep(sys.argv[1])
for number in range(4000):
    diary.tell("x" * 100)
    diary.tell_error(ValueError("y" * 100))
"""


def test_a_shim_that_complains_in_a_circle_fills_no_disk(tmp_path):
    said_by(TALKS, tmp_path / "shim.log")
    assert LONGEST <= (tmp_path / "shim.log").stat().st_size < LONGEST + 1000


# --- no descriptors


def limit_descriptors(pid, most):
    """As `prlimit --nofile=MOST:MOST --pid PID`."""
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))


def test_without_descriptors_nothing_is_lost_but_viewers(start, stop, viewers):
    container = start("echo one; $STOP; echo two; echo err >&2; exit 3")
    stop.wait()
    eventually(lambda: out(container) == b"one\n")
    limit_descriptors(container.keeper, max(opened(container.keeper)) + 2)
    crowd = [viewers(container) for _ in range(10)]
    eventually(lambda: "cannot let a viewer in: [Errno 24]" in shim_log(container))
    os.kill(container.keeper, signal.SIGUSR1)
    eventually(lambda: "cannot open the log: [Errno 24]" in shim_log(container))
    stop.let_go()
    assert container.wait(10) == Exit(code=3)
    assert (out(container), err(container)) == (b"one\ntwo\n", b"err\n")
    received = [viewer.recv(100) for viewer in crowd]
    let_in = [first for first in received if first]
    assert 0 < len(let_in) < len(crowd)
    assert set(let_in) == {b"\x02two\n"}


def test_with_no_descriptor_more_nothing_is_lost_but_viewers(start, stop, viewers):
    """Below what it has already: not even the one that it has spared can be used."""
    container = start("echo one; $STOP; echo two; exit 3", log_size=4 * KIB)
    stop.wait()
    limit_descriptors(container.keeper, 3)
    viewer = viewers(container)
    eventually(lambda: "no viewers any more" in shim_log(container))
    stop.let_go()
    assert container.wait(10) == Exit(code=3)
    assert out(container) == b"one\ntwo\n"
    with pytest.raises(ConnectionResetError):
        viewer.recv(100)


def test_a_log_that_cannot_be_rotated_grows_on(start, stop):
    container = start(f"$STOP; {lines(50)}; exit 3", log_size=10 * KIB)
    stop.wait()
    limit_descriptors(container.keeper, 3)
    stop.let_go()
    assert container.wait(10) == Exit(code=3)
    moved = container.directory / "log.1"
    assert moved.read_bytes().count(b"\n") == 50
    assert "cannot open the log: [Errno 24]" in shim_log(container)
    assert shim_log(container).count("\n") == 1


# --- somebody tidies up


def test_a_log_that_was_removed_is_begun_again(start, stop):
    container = start("echo one; $STOP; echo two; exit 3")
    stop.wait()
    eventually(lambda: out(container) == b"one\n")
    container.log.unlink()
    stop.let_go()
    assert container.wait(10) == Exit(code=3)
    assert out(container) == b"two\n"
    assert "somebody has removed the log: another one is begun" in shim_log(container)


def test_a_directory_that_was_removed_is_made_again(start, stop):
    """All that is said from now on, and the end; the shim's pid is lost with the rest."""
    container = start("echo one; $STOP; echo two; exit 3")
    stop.wait()
    eventually(lambda: out(container) == b"one\n")
    keeper = container.shim
    shutil.rmtree(container.directory)
    stop.let_go()
    assert keeper.wait(10)
    assert read_exit_file(container.directory / "exit") == Exit(code=3)
    assert out(container) == b"two\n"
    assert "somebody has removed the log: another one is begun" in shim_log(container)


# --- viewers, and a container, that do as they like


def test_a_viewer_that_never_reads_is_dropped_and_nobody_waits(start, stop, viewers):
    container = start(f"$STOP; {lines(20_000)}; exit 3")
    stop.wait()
    viewer = viewers(container)
    stop.let_go()
    assert container.wait(20) == Exit(code=3)
    assert out(container).count(b"\n") == 20_000
    assert len(out(container)) > 20 * MIB * 0.9
    assert "a viewer did not keep up, and was dropped" in shim_log(container)
    assert viewer.recv(10_000)[:100] == b"\x02" + b"x" * 99


def test_a_viewer_that_only_types_disturbs_nobody(start, stop, viewers):
    container = start(f"$STOP; {lines(100)}; exit 3")
    stop.wait()
    viewer = viewers(container)
    viewer.setblocking(False)
    stop.let_go()
    sent = 0
    while not (container.directory / "exit").exists():
        try:
            viewer.send(b"y" * 8192)
            sent += 1
        except BlockingIOError:
            continue
        except OSError:  # it has ended
            break
    assert container.wait(10) == Exit(code=3)
    assert sent > 0
    assert out(container).count(b"\n") == 100
    assert shim_log(container) == ""


def test_a_container_that_closes_its_stdout_has_a_stderr_and_an_end(start):
    container = start("echo one; exec >&-; echo two >&2; sleep 1.2; exit 3")
    assert container.wait(10) == Exit(code=3)
    assert (out(container), err(container)) == (b"one\n", b"two\n")
    assert "nobody had its stdout open in the last 1 s" in shim_log(container)
    assert "stderr" not in shim_log(container)


def test_the_exit_file_is_waited_for_in_vain_only_as_long_as_one_says(start, stop):
    container = start("$STOP")
    stop.wait()
    assert not wait_for_file(container.directory / "exit", 0.05)
    stop.let_go()
    assert container.wait(10) == Exit(code=0)
