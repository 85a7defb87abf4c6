"""One thread, one `select`: what the shim's loop promises to its callbacks."""

import os
import signal
import time
from functools import partial
from types import SimpleNamespace

import pytest
from facts import ends

from conman_lab.shim.loop import FORWARDED, Loop, forward_signals

OURS = (*FORWARDED, signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2)


@pytest.fixture
def loops():
    """Make loops; what they do to the process's signals is undone.

    A signal that is meant for a loop, and comes too early or too late, kills nobody.
    """
    before = {signum: signal.getsignal(signum) for signum in OURS}
    for signum in OURS:
        signal.signal(signum, hear)
    made = []

    def make(complain=None):
        made.append(Loop(complain))
        return made[-1]

    yield make
    for each in reversed(made):
        each.close()
    for signum, handler in before.items():
        signal.signal(signum, handler)


def hear(signum, frame):
    """Do nothing."""


@pytest.fixture
def loop(loops):
    return loops()


@pytest.fixture
def pipe():
    """Make pipes; whatever is still open of them is closed."""
    made = []

    def make():
        read_end, write_end = (os.fdopen(fd, mode, 0) for fd, mode in opened())
        made.extend((read_end, write_end))
        return SimpleNamespace(
            fd=read_end.fileno(), write=write_end.write, hang_up=write_end.close
        )

    def opened():
        return zip(os.pipe(), ("rb", "wb"), strict=True)

    yield make
    for end in made:
        end.close()


def test_a_readable_descriptor_is_called_back(loop, pipe):
    it, seen = pipe(), []
    loop.on_readable(it.fd, lambda: seen.append(os.read(it.fd, 100)))
    it.write(b"ping")
    assert loop.run_until(lambda: seen, 5)
    assert seen == [b"ping"]


def test_a_hang_up_is_readable_too(loop, pipe):
    it, seen = pipe(), []
    loop.on_readable(it.fd, lambda: seen.append(os.read(it.fd, 100)))
    it.hang_up()
    assert loop.run_until(lambda: seen, 5)
    assert seen == [b""]


def test_what_was_written_before_the_hang_up_comes_first(loop, pipe):
    it, seen = pipe(), []
    loop.on_readable(it.fd, lambda: seen.append(os.read(it.fd, 100)))
    it.write(b"last words")
    it.hang_up()
    assert loop.run_until(lambda: len(seen) == 2, 5)
    assert seen == [b"last words", b""]


def test_a_forgotten_descriptor_is_silent(loop, pipe):
    it, seen = pipe(), []
    loop.on_readable(it.fd, lambda: seen.append("called"))
    loop.forget(it.fd)
    it.write(b"ping")
    assert not loop.run_until(lambda: seen, 0.02)


def test_a_callback_may_close_another_s_descriptor(loop, pipe):
    """Both are ready in one round; whoever is first forgets the other."""
    one, two = pipe(), pipe()
    called = []

    def close(me, other):
        called.append(me.fd)
        loop.forget(other.fd)

    loop.on_readable(one.fd, partial(close, one, two))
    loop.on_readable(two.fd, partial(close, two, one))
    one.write(b"x")
    two.write(b"x")
    assert loop.run_once(5) == 2  # the kernel has named both
    assert len(called) == 1


def test_a_number_that_is_used_again_in_one_round_is_another_descriptor(loop, pipe):
    """close(2) frees the lowest number, and the next open(2) takes it."""
    one, two, late = pipe(), pipe(), pipe()
    called = []

    def replace(other):
        called.append("first")
        loop.forget(other.fd)
        os.dup2(late.fd, other.fd)
        loop.on_readable(other.fd, partial(called.append, "too early"))

    loop.on_readable(one.fd, partial(replace, two))
    loop.on_readable(two.fd, partial(replace, one))
    one.write(b"x")
    two.write(b"x")
    loop.run_once(5)
    assert called == ["first"]


def test_a_signal_is_called_back_from_the_loop_not_from_its_handler(loop):
    seen = []
    loop.on_signal(signal.SIGUSR1, partial(seen.append, "usr1"))
    os.kill(os.getpid(), signal.SIGUSR1)
    assert seen == []
    assert loop.run_until(lambda: seen, 5)
    assert seen == ["usr1"]


def test_a_signal_wakes_a_loop_that_waits_for_ever(loop):
    """The alarm comes while it is in epoll_wait(2), and nothing else ever would."""
    seen = []
    before = signal.getsignal(signal.SIGALRM)
    loop.on_signal(signal.SIGALRM, partial(seen.append, "woken"))
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    try:
        assert loop.run_until(lambda: seen)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_any_number_of_signals_is_one_call(loop):
    seen = []
    loop.on_signal(signal.SIGUSR1, partial(seen.append, 1))
    for _ in range(100_000):  # more than the wakeup pipe holds: 64 KiB
        os.kill(os.getpid(), signal.SIGUSR1)
    loop.run_once(5)
    assert seen == [1]


def test_two_signals_are_two_calls(loop):
    seen = []
    for signum in (signal.SIGUSR1, signal.SIGUSR2):
        loop.on_signal(signum, partial(seen.append, signum))
        os.kill(os.getpid(), signum)
    loop.run_once(5)
    assert sorted(seen) == [signal.SIGUSR1, signal.SIGUSR2]


@pytest.mark.parametrize("first", FORWARDED)
def test_a_signal_whose_callback_fails_does_not_swallow_the_others(loops, first):
    """SIGHUP to a container that has gone; and its SIGCHLD, in the same read."""
    complaints, seen = [], []
    loop = loops(complaints.append)

    def fail():
        raise ProcessLookupError

    loop.on_signal(first, fail)
    loop.on_signal(signal.SIGCHLD, partial(seen.append, "reaped"))
    os.kill(os.getpid(), first)
    os.kill(os.getpid(), signal.SIGCHLD)
    loop.run_once(5)
    assert seen == ["reaped"]
    assert [type(error) for error in complaints] == [ProcessLookupError]


def test_a_signal_that_nobody_asked_about_is_nobody_s(loops):
    """Python has a handler for SIGINT from the start, and writes to the wakeup fd."""
    complaints, seen = [], []
    loop = loops(complaints.append)
    loop.on_signal(signal.SIGUSR1, partial(seen.append, "usr1"))
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGUSR1)
    loop.run_once(5)
    assert seen == ["usr1"]
    assert complaints == []


def test_it_waits_no_longer_than_it_was_told(loop):
    began_at = time.monotonic()
    assert loop.run_until(lambda: False, 0.05) is False
    assert 0.05 <= time.monotonic() - began_at < 2


def test_other_people_s_news_do_not_prolong_a_deadline(loop, pipe):
    """A descriptor that is always ready: each round is short, and there are many."""
    it, rounds = pipe(), []
    it.write(b"never read")
    loop.on_readable(it.fd, partial(rounds.append, 1))
    began_at = time.monotonic()
    assert loop.run_until(lambda: False, 0.05) is False
    assert time.monotonic() - began_at < 2
    assert len(rounds) > 1


class Measured(Loop):
    """Keeps how long each round was to wait at most."""

    def __init__(self):
        super().__init__()
        self.waits = []

    def run_once(self, timeout=None):
        """As before."""
        self.waits.append(timeout)
        return super().run_once(timeout)


def test_a_round_waits_for_what_is_left_of_the_deadline(pipe):
    """News in its last moment would double it, if each round had all of it."""
    loop, it = Measured(), pipe()
    try:
        it.write(b"x")
        loop.on_readable(it.fd, lambda: os.read(it.fd, 1))
        assert not loop.run_until(lambda: False, 0.05)
    finally:
        loop.close()
    first, *others = loop.waits
    assert others
    assert all(0 < wait < first <= 0.05 for wait in others)


def test_what_is_done_already_is_not_waited_for(loop):
    assert loop.run_until(lambda: True) is True


def test_nothing_ready_is_no_call(loop):
    assert loop.run_once(0) == 0


def test_a_callback_that_fails_is_told_and_the_others_are_called(loops, pipe):
    complaints, seen = [], []
    loop = loops(complaints.append)
    bad, good = pipe(), pipe()

    def fail():
        os.read(bad.fd, 1)
        raise ValueError("it fell")

    loop.on_readable(bad.fd, fail)
    loop.on_readable(good.fd, lambda: seen.append(os.read(good.fd, 1)))
    bad.write(b"x")
    good.write(b"x")
    loop.run_once(5)
    assert [str(error) for error in complaints] == ["it fell"]
    assert seen == [b"x"]


def test_a_loop_that_nobody_listens_to_lets_errors_through(loop, pipe):
    """In a cell: one sees at once what one has written."""
    it = pipe()
    it.write(b"x")
    loop.on_readable(it.fd, partial(int, "no number"))
    with pytest.raises(ValueError, match="no number"):
        loop.run_once(5)


@pytest.mark.parametrize("signum", FORWARDED)
def test_a_signal_is_forwarded(loop, signum):
    container = os.posix_spawn("/bin/sleep", ["sleep", "60"], {}, setsigdef=FORWARDED)
    forward_signals(loop, container)
    os.kill(os.getpid(), signum)
    loop.run_once(5)
    assert ends(container)
    _, status = os.waitpid(container, 0)
    assert os.WTERMSIG(status) == signum


@pytest.mark.parametrize("signum", FORWARDED)
def test_a_signal_to_who_has_just_been_reaped_is_no_trouble(loops, signum):
    """As it ends, somebody stops it; both signals come in the same read."""
    complaints = []
    loop = loops(complaints.append)
    container = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(container, 0)
    forward_signals(loop, container)
    os.kill(os.getpid(), signum)
    assert loop.run_once(5) == 1
    assert complaints == []


def test_a_closed_loop_gives_back_what_it_had():
    """In a notebook's kernel it was a guest."""
    ours = [signal.getsignal(signum) for signum in OURS]
    descriptors = os.listdir("/proc/self/fd")
    loop = Loop()
    for signum in OURS:
        loop.on_signal(signum, list)
        loop.on_signal(signum, list)
    loop.close()
    assert [signal.getsignal(signum) for signum in OURS] == ours
    assert signal.set_wakeup_fd(-1) == -1
    assert os.listdir("/proc/self/fd") == descriptors


def test_a_loop_beside_another_gives_the_signals_back_to_it(loop):
    seen = []
    loop.on_signal(signal.SIGUSR1, partial(seen.append, "usr1"))
    other = Loop()
    other.on_signal(signal.SIGUSR1, list)
    other.close()
    os.kill(os.getpid(), signal.SIGUSR1)
    assert loop.run_until(lambda: seen, 5)


def test_the_wakeup_pipe_is_not_a_child_s(loop):
    """A container that inherited it could wake us, and keep us awake."""
    told = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(told)
    assert not os.get_inheritable(told)
    assert not os.get_inheritable(loop._wakeup)
