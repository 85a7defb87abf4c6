"""The fifo: what makes sense is done, and what makes none is passed over."""

import os
import stat

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conman_lab.shim.ctl import LONGEST, Ctl


@pytest.fixture
def tell(loop, tmp_path):
    """Write it to the fifo; what was done by then."""
    done = []
    ctl = Ctl(
        loop,
        str(tmp_path),
        lambda: done.append("reopen"),
        lambda rows, columns: done.append((rows, columns)),
    )

    def give(*pieces):
        done.clear()
        for piece in (*pieces, b"\n"):
            (tmp_path / "ctl").write_bytes(piece)
            loop.run_once(1)
        return list(done)

    yield give
    loop.forget(ctl._fd)
    os.close(ctl._fd)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"1 24 80", (24, 80)),
        (b"1 0010 0020", (10, 20)),
        (b"  1\t24   80  and more 7", (24, 80)),
        (b"1 65535 65535", (65535, 65535)),
        (b"2 0 0", "reopen"),
    ],
)
def test_what_makes_sense_is_done(tell, line, expected):
    assert tell(line) == [expected]


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"1", b"1 24", b"1 24 x", b"1 0x10 80", b"1 -1 80", b"1 24.0 80"),
        *(b"1 65536 80", b"3 1 1", b"0 0 0", b"\xff\xfe 1 1", "1 \u0664 80".encode()),
    ],
)
def test_what_makes_none_is_passed_over(tell, line):
    assert tell(line) == []
    assert tell(b"1 1 2") == [(1, 2)]


def test_a_line_may_come_in_pieces_and_lines_at_once(tell):
    assert tell(b"1 2", b"4 8", b"0") == [(24, 80)]
    assert tell(b"1 1 2\n2 0 0\n1 3 4") == [(1, 2), "reopen", (3, 4)]


def test_a_line_without_an_end_takes_no_room(tell):
    assert tell(*[b"9" * 4096] * 20) == []
    assert tell(b"1 1 2") == [(1, 2)]
    assert LONGEST < 4096


@settings(max_examples=100, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.binary(max_size=200))
def test_no_line_is_a_danger(tell, line):
    tell(line)
    assert tell(b"1 1 2")[-1:] == [(1, 2)]


def test_it_is_ours_alone_and_takes_the_place_of_an_older_one(loop, tmp_path):
    (tmp_path / "ctl").write_text("somebody's")
    ctl = Ctl(loop, str(tmp_path), loop.close, print)
    mode = os.stat(tmp_path / "ctl").st_mode
    assert stat.S_ISFIFO(mode)
    assert stat.S_IMODE(mode) == 0o600
    os.close(ctl._fd)
