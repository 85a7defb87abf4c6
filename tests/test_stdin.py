"""What viewers type: all of it arrives, and who does not read it stops only who types."""

import hashlib
import os
import random
import signal
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Thread

import pytest
from eventually import eventually
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shims import opened, out, shim_log

from conman_lab.errors import FellBehind
from conman_lab.linux import Exit
from conman_lab.shim.attach import AttachServer
from conman_lab.shim.loop import Loop
from conman_lab.shim.stdin import Stdin
from conman_lab.shim.viewer import Viewer
from conman_lab.stream import Stream

MIB = 1024 * 1024


@pytest.fixture
def attach():
    """Attach to it; let go at the end."""
    with ExitStack() as stack:
        yield lambda container: stack.enter_context(container.attach())


def seen_by(viewer):
    """All that it sees of stdout, to the end."""
    return b"".join(text for stream, text in viewer if stream is Stream.STDOUT)


def until(viewer, what, timeout=10):
    """What it sees, until it has seen that."""
    seen = b""
    while what not in seen:
        message = viewer.read(timeout)
        assert message, f"it ended after {seen!r}"
        seen += message[1]
    return seen


class Typist(Thread):
    """Types until it is done, or it is over."""

    def __init__(self, viewer, text):
        super().__init__(daemon=True)
        self._viewer, self._text = viewer, text
        self.typed, self.over = 0, False
        self.start()

    def run(self):
        """What a thread does."""
        try:
            for start in range(0, len(self._text), 8192):
                self._viewer.send(self._text[start : start + 8192])
                self.typed += len(self._text[start : start + 8192])
        except OSError:  # EPIPE, ECONNRESET
            self.over = True


def stuck(typist):
    """It has typed what there is room for, and waits."""
    seen, since = -1, 0.0
    while time.monotonic() - since < 0.2:
        if typist.typed != seen:
            seen, since = typist.typed, time.monotonic()
        typist.join(0.01)
    return seen


# --- with a container


def test_what_is_typed_arrives_and_the_end_too(shims, attach):
    container = shims.start("cat", stdin=True, stdin_once=True)
    viewer = attach(container)
    viewer.send(b"hello\n")
    viewer.end_input()
    assert seen_by(viewer) == b"hello\n"
    assert container.wait(10) == Exit(code=0)
    assert out(container) == b"hello\n"
    assert shim_log(container) == ""


def test_what_is_typed_before_the_start_arrives(shims, attach):
    container = shims.create("cat", stdin=True, stdin_once=True)
    viewer = attach(container)
    typist = Typist(viewer, b"early\n" * 20_000)  # more than a pipe holds
    stuck(typist)
    container.start()
    typist.join(10)
    viewer.end_input()
    assert seen_by(viewer) == b"early\n" * 20_000


def test_it_stays_open_for_the_next_one(shims, attach):
    container = shims.start("cat", stdin=True)
    for word in (b"one\n", b"two\n", b"three\n"):
        with container.attach() as viewer:
            viewer.send(word)
            until(viewer, word)
            viewer.end_input()
    viewer = attach(container)
    viewer.send(b"four\n")
    until(viewer, b"four\n")
    assert out(container) == b"one\ntwo\nthree\nfour\n"


def test_all_who_look_may_type(shims, attach):
    container = shims.start("cat", stdin=True)
    before = len(opened(container.keeper))
    viewers = [attach(container) for _ in range(10)]
    eventually(lambda: len(opened(container.keeper)) == before + 10)  # all are let in
    for number, viewer in enumerate(viewers):
        viewer.send(b"from %d\n" % number)
    words = {b"from %d" % number for number in range(10)}
    eventually(lambda: set(out(container).splitlines()) == words)
    for viewer in viewers:
        seen = b""
        while seen.count(b"\n") < 10:
            seen += viewer.read(10)[1]
        assert set(seen.splitlines()) == words


def test_once_it_ends_with_the_first_who_typed_though_another_looks_on(shims, attach):
    container = shims.start("cat", stdin=True, stdin_once=True)
    looking, typing = attach(container), attach(container)
    typing.send(b"all I have\n")
    typing.close()
    assert seen_by(looking) == b"all I have\n"
    assert container.wait(10) == Exit(code=0)


def test_who_has_only_looked_ends_nothing(shims, attach):
    container = shims.start("cat", stdin=True, stdin_once=True)
    viewer = attach(container)
    container.attach().close()
    viewer.send(b"still open\n")
    until(viewer, b"still open\n")


def test_nothing_typed_and_the_end_is_an_end(shims, attach):
    """`attach -i </dev/null`."""
    container = shims.start("cat", stdin=True, stdin_once=True)
    attach(container).end_input()
    assert container.wait(10) == Exit(code=0)


def test_who_types_and_leaves_at_once_has_typed_all_of_it(shims):
    container = shims.start("cat", "wc", "-c", stdin=True, stdin_once=True)
    with container.attach() as viewer:
        viewer.send(bytes(10 * MIB))
    assert container.wait(10) == Exit(code=0)
    assert int(out(container)) == 10 * MIB


def test_who_leaves_is_not_shown_any_more_and_has_typed_all_of_it(shims):
    """It writes meanwhile, to one who has left, and is still heard."""
    script = "while read line; do echo got $line; done"
    container = shims.create("cat", "sh", "-c", script, stdin=True, stdin_once=True)
    with container.attach() as viewer:
        viewer.send(b"".join(b"%d\n" % number for number in range(5000)))
    container.start()
    assert container.wait(30) == Exit(code=0)
    assert out(container) == b"".join(b"got %d\n" % number for number in range(5000))


def test_without_stdin_what_is_typed_is_for_nobody(shims, attach):
    container = shims.start("ticker")
    viewer = attach(container)
    viewer.send(bytes(MIB))
    viewer.end_input()
    until(viewer, b"tick 3")
    assert container.keeper


# --- that does not read


def test_a_container_that_never_reads_stops_nobody_else(shims, attach):
    container = shims.start("ticker", stdin=True)
    looking = attach(container)
    typists = [Typist(attach(container), bytes(20 * MIB)) for _ in range(3)]
    assert all(stuck(typist) < MIB for typist in typists)
    before = out(container)
    until(looking, b"tick ")
    eventually(lambda: len(out(container)) > len(before))
    assert memory(container.keeper) < 24 * MIB
    container.kill(signal.SIGTERM)
    assert container.wait(10) == Exit(code=0)
    for typist in typists:
        typist.join(10)
        assert typist.over


def memory(pid):
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_what_was_typed_to_a_container_that_did_not_read_is_not_lost(shims, attach):
    container = shims.start("cat", stdin=True, stdin_once=True)
    os.kill(container.pid, signal.SIGSTOP)
    text = random.Random(7).randbytes(20 * MIB)
    viewer = attach(container)
    typist = Typist(viewer, text)
    assert stuck(typist) < MIB
    os.kill(container.pid, signal.SIGCONT)
    typist.join(30)
    viewer.end_input()
    assert container.wait(10) == Exit(code=0)
    assert out(container) == text


def test_who_has_typed_to_a_shim_that_dies_sees_the_end(shims, attach):
    """What it had not read resets the connection, unix(7)."""
    container = shims.start("cat", stdin=True)
    viewer = attach(container)
    viewer.send(b"hello\n")
    until(viewer, b"hello\n")
    shim = container.shim
    shim.signal(signal.SIGSTOP)
    viewer.send(b"is anybody there?\n")
    shim.signal(signal.SIGKILL)
    assert shim.wait(5)
    assert viewer.read(5) is None


def test_a_container_that_closes_its_stdin_lives_on(shims, attach):
    script = "exec <&-; echo closed; while :; do echo tick; sleep 0.1; done"
    container = shims.start("cat", "sh", "-c", script, stdin=True)
    viewer = attach(container)
    eventually(lambda: b"closed\n" in out(container))
    typist = Typist(viewer, bytes(20 * MIB))
    typist.join(10)
    assert typist.typed == 20 * MIB  # to nobody
    until(viewer, b"tick")
    assert container.keeper
    assert shim_log(container) == ""


def test_one_that_stops_reading_in_the_middle_lives_on(shims, attach):
    """EPIPE while somebody waits."""
    script = (
        "head -c 10 >/dev/null; read cue </tmp/cue; exec <&-; echo closed; sleep 60"
    )
    make = "mkfifo /tmp/cue; "
    container = shims.start("cat", "sh", "-c", make + script, stdin=True)
    viewer = attach(container)
    typists = [Typist(attach(container), bytes(5 * MIB)) for _ in range(2)]
    assert all(stuck(typist) < MIB for typist in typists)
    go = Path(f"/proc/{container.pid}/root/tmp/cue")
    go.write_text("go\n")
    until(viewer, b"closed")
    for typist in typists:
        typist.join(10)
        assert typist.typed == 5 * MIB


# --- two hundred megabytes


def test_a_stream_through_stdin_comes_back_as_it_was_beside_a_slow_viewer(
    shims, attach
):
    """The slow one never reads, and is dropped; nobody waits for it."""
    container = shims.start("cat", stdin=True, stdin_once=True, log_size=MIB)
    viewer, slow = attach(container), attach(container)
    block = random.Random(5).randbytes(MIB)
    sent, came = hashlib.md5(), hashlib.md5()

    def type_all():
        for number in range(200):
            text = number.to_bytes(4, "big") + block
            sent.update(text)
            viewer.send(text)
        viewer.end_input()

    typist = Thread(target=type_all, daemon=True)
    typist.start()
    count = 0
    for _, text in viewer:
        came.update(text)
        count += len(text)
    typist.join(10)
    assert count == 200 * (MIB + 4)
    assert came.hexdigest() == sent.hexdigest()
    assert container.wait(10) == Exit(code=0)
    late = []
    with pytest.raises(FellBehind):
        late.extend(slow)
    assert 0 < sum(len(text) for _, text in late) < 16 * MIB
    assert "a viewer did not keep up, and was dropped" in shim_log(container)


# --- the parts alone


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def drained(loop, fd):
    """All that comes out of the pipe while the loop runs, until there is no more."""
    os.set_blocking(fd, False)
    seen = b""
    while True:
        loop.run_once(0)
        try:
            chunk = os.read(fd, 65536)
        except BlockingIOError:
            if not loop.run_once(0):
                return seen
            continue
        if not chunk:
            return seen
        seen += chunk


@settings(max_examples=50, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=100_000)))
def test_whatever_is_typed_in_whatever_pieces_comes_out_in_their_order(pieces):
    loop, (mine, theirs) = Loop(), os.pipe()
    stdin = Stdin(loop, theirs, once=True)
    typed, seen = b"", b""
    for text in pieces:
        done = []
        typed += text
        if not stdin.write(text, partial(done.append, True)):
            while not done:
                seen += drained(loop, mine)
    stdin.finish()
    seen += drained(loop, mine)
    assert seen == typed
    assert os.read(mine, 1) == b""  # and it is closed
    os.close(mine)
    loop.close()


def test_who_comes_later_waits_behind_those_who_wait(loop, pipe):
    mine, theirs = pipe
    stdin, order = Stdin(loop, os.dup(theirs)), []
    letters = "abc"
    for letter in letters:
        fits = stdin.write(letter.encode() * 50_000, partial(order.append, letter))
        assert fits == (letter == "a")
    assert drained(loop, mine) == b"".join(
        letter.encode() * 50_000 for letter in letters
    )
    assert order == ["b", "c"]
    assert stdin.write(b"d", order.clear)


def test_the_end_waits_for_those_who_wait(loop, pipe):
    mine, theirs = pipe
    stdin, done = Stdin(loop, os.dup(theirs), once=True), []
    assert not stdin.write(b"a" * 100_000, partial(done.append, "a"))
    stdin.finish()
    assert stdin.write(b"too late", done.clear)
    assert drained(loop, mine) == b"a" * 100_000
    assert done == ["a"]


def test_a_reader_who_goes_frees_those_who_wait(loop):
    mine, theirs = os.pipe()
    stdin, done = Stdin(loop, theirs), []
    for letter in "ab":
        assert not stdin.write(bytes(100_000), partial(done.append, letter))
    os.close(mine)
    assert loop.run_until(lambda: len(done) == 2, 5)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(theirs)
    assert stdin.write(b"to nobody", done.clear)


def test_what_is_typed_to_a_terminal_that_has_not_come_waits_for_it(loop, pipe):
    mine, theirs = pipe
    stdin, done = Stdin(loop), []
    assert not stdin.write(b"early", partial(done.append, "early"))
    stdin.begin(os.dup(theirs))
    assert not os.get_blocking(theirs)
    assert drained(loop, mine) == b"early"
    assert done == ["early"]


def test_who_is_half_closed_and_then_leaves_is_let_go(loop, tmp_path):
    """Nothing tells of that one, so it is looked for when the next one comes."""
    server = AttachServer(loop, str(tmp_path), stdin=None)
    with Viewer.connect(tmp_path) as viewer:
        assert loop.run_until(lambda: server._viewers, 5)
        viewer.end_input()
        assert loop.run_until(lambda: not server._typists, 5)
        assert len(server._viewers) == 1
        assert loop.run_once(0.05) == 0  # and it does not call for ever
    with Viewer.connect(tmp_path):
        assert loop.run_until(lambda: server._typists, 5)
        assert len(server._viewers) == 1
        server.close()
