"""Viewers on a socket: each sees all of it as it was written, or is dropped and told so.

What a viewer is, is here as short as it gets: connect, receive messages of one byte
that names the stream and the bytes themselves, until an empty one, which is the end.
"""

import os
import socket
import stat
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from apart import said_by
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conman_lab.errors import FellBehind
from conman_lab.shim.attach import MESSAGE, AttachServer
from conman_lab.shim.guest import BEHIND, Guest
from conman_lab.shim.loop import Loop
from conman_lab.shim.stdin import Stdin
from conman_lab.shim.viewer import Viewer
from conman_lab.stream import Stream

OUT, ERR = Stream.STDOUT, Stream.STDERR
KIND = socket.SOCK_SEQPACKET


@pytest.fixture
def complaints():
    return []


@pytest.fixture
def server(loop, tmp_path, complaints):
    server = AttachServer(loop, str(tmp_path), complaints.append)
    yield server
    for viewer in list(server._viewers):
        server._drop(viewer)
    server._listener.close()
    os.close(server._spare)


@pytest.fixture
def viewers(server, loop, tmp_path):
    """Connect viewers, each let in; they are closed at the end."""
    with ExitStack() as stack:

        def connect(let_in=True):
            viewer = stack.enter_context(socket.socket(socket.AF_UNIX, KIND))
            viewer.settimeout(5)
            viewer.connect(str(tmp_path / "attach"))
            if let_in:
                count = len(server._viewers)
                assert loop.run_until(lambda: len(server._viewers) > count, 5)
            return viewer

        yield connect


def messages(viewer):
    """All that it is sent, to the end."""
    found = []
    while message := viewer.recv(64 * 1024):
        found.append(message)
    return found


def put_together(found):
    texts = dict.fromkeys(Stream, b"")
    for message in found:
        texts[Stream(message[0])] += message[1:]
    return texts


def test_a_viewer_sees_what_is_written_from_now_on(server, viewers):
    server.broadcast(OUT, b"too early")
    viewer = viewers()
    server.broadcast(OUT, b"out")
    server.broadcast(ERR, b"err")
    server.close()
    assert messages(viewer) == [b"\x02out", b"\x03err"]


def test_a_message_is_no_longer_than_a_client_reads(server, viewers):
    """The clients of conmon read 8192 bytes and the one in front."""
    viewer = viewers()
    text = bytes(range(256)) * 100
    server.broadcast(OUT, text)
    server.close()
    found = messages(viewer)
    assert [len(message) for message in found] == [MESSAGE + 1] * 3 + [
        len(text) % MESSAGE + 1
    ]
    assert put_together(found)[OUT] == text


@settings(max_examples=50, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(Stream), st.binary(max_size=3 * MESSAGE))))
def test_any_bytes_are_seen_as_they_were_written(tmp_path_factory, pieces):
    directory = tmp_path_factory.mktemp("a")
    loop = Loop()
    server = AttachServer(loop, str(directory))
    with socket.socket(socket.AF_UNIX, KIND) as viewer:
        viewer.connect(str(directory / "attach"))
        loop.run_once(5)
        for stream, chunk in pieces:
            server.broadcast(stream, chunk)
        server.close()
        seen = put_together(messages(viewer))
    loop.close()
    os.close(server._spare)
    for stream in Stream:
        assert seen[stream] == b"".join(
            chunk for each, chunk in pieces if each is stream
        )


def test_nothing_is_no_message(server, viewers):
    """An empty chunk means "no more for now"; an empty message would be the end."""
    viewer = viewers()
    server.broadcast(OUT, b"")
    server.broadcast(OUT, b"x")
    server.close()
    assert messages(viewer) == [b"\x02x"]


def test_two_viewers_see_the_same(server, viewers):
    both = [viewers(), viewers()]
    for number in range(1000):
        server.broadcast(OUT, b"line %d\n" % number)
    server.close()
    first, second = map(messages, both)
    assert first == second
    assert len(first) == 1000


def test_a_viewer_that_leaves_does_not_disturb_the_other(server, viewers, loop):
    leaving, staying = viewers(), viewers()
    server.broadcast(OUT, b"one")
    leaving.close()
    server.broadcast(OUT, b"two")  # EPIPE
    loop.run_once(0)
    server.broadcast(OUT, b"three")
    assert len(server._viewers) == 1
    server.close()
    assert messages(staying) == [b"\x02one", b"\x02two", b"\x02three"]


def test_a_viewer_that_has_left_is_noticed_without_output(server, viewers, loop):
    viewers().close()
    assert loop.run_until(lambda: not server._viewers, 5)


def test_what_a_viewer_types_is_read_by_nobody_and_hurts_nobody(server, viewers, loop):
    viewer = viewers()
    for _ in range(100):
        viewer.send(b"x" * MESSAGE)
        loop.run_once(0)
    server.broadcast(OUT, b"still here")
    server.close()
    assert messages(viewer) == [b"\x02still here"]


def test_a_viewer_that_types_as_all_ends_sees_the_end(server, viewers):
    """unix(7) resets a connection that is closed with something unread in it."""
    viewer = viewers()
    server.broadcast(OUT, b"last words")
    viewer.send(b"wait!")
    server.close()
    assert messages(viewer) == [b"\x02last words"]


def test_a_viewer_that_does_not_keep_up_is_dropped_and_that_is_told(
    server, viewers, complaints
):
    slow, quick = viewers(), viewers()
    chunk, seen = b"x" * MESSAGE, 0
    for _ in range(4 * BEHIND // MESSAGE):
        server.broadcast(OUT, chunk)
        seen += len(quick.recv(MESSAGE + 1)) - 1
    assert len(server._viewers) == 1
    assert seen == 4 * BEHIND
    server.close()
    assert messages(quick) == []
    *before, last = messages(slow)
    late = sum(len(message) - 1 for message in before)
    assert 0 < late <= BEHIND  # what it was sent before is still there for it
    assert last == b"\x02"  # and that it has not seen the next one on stdout
    assert complaints == ["a viewer did not keep up, and was dropped"]


@pytest.mark.parametrize("size", [1, 100, MESSAGE])
def test_who_is_dropped_is_told_however_much_fits_no_more(server, viewers, size):
    """As the last of it is written, perhaps: what ends now was not all seen."""
    slow = viewers()
    while server._viewers:
        server.broadcast(ERR, b"x" * size)
    server.close()
    viewer = Viewer(slow, Path())
    seen = []
    with pytest.raises(FellBehind, match="came faster than it was read here"):
        seen.extend(viewer)
    assert len(seen) > 1000
    assert {(stream, len(text)) for stream, text in seen} == {(ERR, size)}
    assert viewer.read(5) is None


def test_a_user_who_may_lag_less_is_told_as_well():
    """Whose shim is no root's has the buffer that everybody may have, socket(7)."""
    assert said_by(AS_A_USER) == "8193 1 1\n"


AS_A_USER = """
import os, socket
from conman_lab.shim.guest import Guest

os.setuid(65534)
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
guest = Guest(fileno=ours.detach())
guest.setblocking(False)
guest.allow_lag()
try:
    while True:
        guest.send(b"\\2" + bytes(8192))
except BlockingIOError:
    guest.tell_that_it_misses(b"\\2")
guest.hang_up()
lengths = [len(message) for message in iter(lambda: theirs.recv(9000), b"")]
print(*dict.fromkeys(lengths), lengths.count(1))
"""


def test_who_types_in_the_very_moment_of_the_end_sees_it():
    """Between our last look and close(2) it may still type; or it would be reset."""
    ours, viewer = socket.socketpair(socket.AF_UNIX, KIND)

    class Closing(Guest):
        def close(self):
            """The other end is quicker."""
            with suppress(BrokenPipeError):
                viewer.send(b"wait!")
            super().close()

    with viewer:
        guest = Closing(fileno=ours.detach())
        guest.send(b"\x02last words")
        guest.hang_up()
        assert messages(viewer) == [b"\x02last words"]


def test_who_has_typed_and_does_not_keep_up_sees_an_end_and_types_on(loop, tmp_path):
    mine, theirs = os.pipe()
    server = AttachServer(loop, str(tmp_path), [].append, Stdin(loop, theirs))
    with socket.socket(socket.AF_UNIX, KIND) as viewer:
        viewer.settimeout(5)
        viewer.connect(str(tmp_path / "attach"))
        viewer.send(b"typed")
        assert loop.run_until(lambda: any(it.has_typed for it in server._viewers), 5)
        for _ in range(2 * BEHIND // MESSAGE):
            server.broadcast(OUT, b"x" * MESSAGE)
        assert not server._viewers
        assert len(messages(viewer)) > 1  # to an end, though nobody has closed
        viewer.send(b" and on")
        assert loop.run_once(5)
        assert os.read(mine, 100) == b"typed and on"
    server.close()
    for fd in (mine, theirs, server._spare):
        os.close(fd)


def test_a_viewer_may_be_late(server, viewers, complaints):
    """A megabyte of it, while its terminal scrolls."""
    viewer = viewers()
    for _ in range(128):
        server.broadcast(OUT, b"x" * MESSAGE)
    server.close()
    assert len(messages(viewer)) == 128
    assert complaints == []


def test_the_socket_is_ours_alone_and_goes_at_the_end(server, tmp_path):
    mode = os.stat(tmp_path / "attach").st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    server.close()
    assert not (tmp_path / "attach").exists()


def test_a_directory_that_was_removed_is_no_trouble_at_the_end(server, tmp_path):
    (tmp_path / "attach").unlink()
    server.close()


def test_nobody_can_connect_after_the_end(server, viewers):
    server.close()
    with pytest.raises(FileNotFoundError):
        viewers(let_in=False)


def test_whoever_was_not_let_in_at_the_end_sees_it_too(server, viewers):
    viewer = viewers(let_in=False)
    server.close()
    with pytest.raises(ConnectionResetError):
        viewer.recv(1)


def test_a_path_may_be_longer_than_an_address(loop, tmp_path):
    """107 bytes, unix(7)."""
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    server = AttachServer(loop, str(deep))
    assert len(str(deep / "attach")) > 200
    assert (deep / "attach").is_socket()
    with socket.socket(socket.AF_UNIX, KIND) as viewer:
        where = os.open(deep, os.O_PATH)
        viewer.connect(f"/proc/self/fd/{where}/attach")
        os.close(where)
        loop.run_once(5)
        server.broadcast(OUT, b"hello")
        server.close()
        assert messages(viewer) == [b"\x02hello"]
    os.close(server._spare)


CROWD = """
import os, resource, socket
from conman_lab.shim.attach import AttachServer
from conman_lab.shim.guest import BEHIND
from conman_lab.shim.loop import Loop
from conman_lab.stream import Stream

def connect():
    viewer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    viewer.settimeout(5)
    viewer.connect(sys.argv[1] + "/attach")
    return viewer

def most():
    spare = os.dup(0)
    os.close(spare)
    return spare

loop = Loop()
server = AttachServer(loop, sys.argv[1])
first = connect()
loop.run_once(5)
kept = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2)]
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]) or most(), hard))
for viewer in kept:
    viewer.settimeout(0.2)
    viewer.connect(sys.argv[1] + "/attach")
rounds = 0
while loop.run_once(0):
    rounds += 1
    if rounds == 100:
        break
print("rounds:", rounds < 10)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
server.broadcast(Stream.STDOUT, b"hello")
server.close()
print("first:", first.recv(100), first.recv(100))
for viewer in kept:
    try:
        print("late:", viewer.recv(100))
    except ConnectionResetError:
        print("late: reset")
"""


def test_without_descriptors_a_viewer_is_turned_away(tmp_path):
    """EMFILE: it would stay in the queue, and epoll would tell of it for ever."""
    assert said_by(CROWD, tmp_path, 0).splitlines() == [
        "cannot let a viewer in: [Errno 24] Too many open files",
        "cannot let a viewer in: [Errno 24] Too many open files",
        "rounds: True",
        "first: b'\\x02hello' b''",
        "late: b''",
        "late: b''",
    ]


def test_with_a_limit_below_what_is_open_nobody_is_let_in_any_more(tmp_path):
    """prlimit(1) on a shim: even the descriptor that we had spared is out of reach."""
    assert said_by(CROWD, tmp_path, 3).splitlines() == [
        "cannot let a viewer in: [Errno 24] Too many open files",
        "nor turn it away: no viewers any more",
        "rounds: True",
        "first: b'\\x02hello' b''",
        "late: reset",
        "late: reset",
    ]
