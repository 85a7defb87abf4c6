"""A terminal's screen, its keys, and the line to a program on a real pty."""

import os
import re
import socket
import threading
from contextlib import closing, contextmanager

import pytest
from eventually import eventually
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ptys import Pty
from shims import shim_log

from conman_lab.errors import Deadline, InvalidArgument, WrongState
from conman_lab.manager.manager import Manager
from conman_lab.shim.guest import Guest
from conman_lab.shim.viewer import KIND, Viewer
from conman_lab.views import terminal
from conman_lab.views.cells import in_runs
from conman_lab.views.keys import in_bytes
from conman_lab.views.line import KEPT, Line
from conman_lab.views.screen import PAST, Screen
from conman_lab.views.window import Window

SHELL = ("busybox", "sh")


def screen(text, rows=4, columns=20):
    """A screen on which this was written."""
    made = Screen(rows, columns)
    made.write(text.encode())
    return made


def runs(made, row=0):
    return in_runs(made.buffer[row], made.columns)


# --- the screen


@pytest.mark.parametrize(
    ("sequence", "styles", "ink", "paper"),
    [
        ("1", "bold", "ink", "paper"),
        ("3;4", "italics underscore", "ink", "paper"),
        ("9", "strikethrough", "ink", "paper"),
        ("7", "", "paper", "ink"),
        ("31", "", "red", "paper"),
        ("33;44", "", "yellow", "blue"),
        ("93;105", "", "brightyellow", "brightmagenta"),
        ("38;5;208", "", "#ff8700", "paper"),
        ("48;5;17", "", "ink", "#00005f"),
        ("38;2;1;2;255", "", "#0102ff", "paper"),
        ("38:2::1:2:255", "", "#0102ff", "paper"),
        ("38:2:1:2:255;1", "bold", "#0102ff", "paper"),
        ("31;7", "", "paper", "red"),
    ],
)
def test_styles_and_colours_are_understood(sequence, styles, ink, paper):
    assert runs(screen(f"\x1b[{sequence}mx\x1b[0m")) == [("x", styles, ink, paper)]


def test_runs_of_one_style_are_together_and_blanks_at_the_end_are_none():
    made = screen("ab\x1b[31mcd\x1b[0m e   ")
    assert [run[0] for run in runs(made)] == ["ab", "cd", " e"]
    assert [run[0] for run in runs(screen("\x1b[7m  "))] == ["  "]


def test_a_wide_character_has_two_cells_and_half_of_one_is_a_blank():
    made = screen("a日b")
    assert made.text == "a日b"
    assert [run[:2] for run in runs(made)] == [("a", ""), ("日", "wide"), ("b", "")]
    made.write(b"\rxy")  # over the first half
    assert made.text == "xy b"


def test_a_character_may_come_in_two_pieces_and_so_may_a_sequence():
    made = screen("")
    for byte in "é\x1b[31mr\x1b[0m\x1b[38:5:208mo\x1bPq\x1b\\x".encode():
        made.write(bytes([byte]))
    assert made.text == "érox"
    assert [run[2] for run in runs(made)] == ["ink", "red", "#ff8700"]


@pytest.mark.parametrize(
    "unknown",
    [
        "\x1b[>4;2m",
        "\x1b[=1c",
        "\x1b[<u",
        "\x1b[2 q",
        "\x1bP+q544e\x1b\\",
        "\x1b_any\x1b\\",
        "\x1b]0;title\x07",
        "\x1b]8;;http://x\x1b\\",
        "\x1b[1;2;3;4;5A",
        "\x1b[?9999h",
        "\u200b\ufe0f\x01\x7f",
    ],
)
def test_what_nobody_knows_is_no_text_and_no_style(unknown):
    assert runs(screen(f"a{unknown}b")) == [("ab", "", "ink", "paper")]


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.binary(max_size=40) | st.sampled_from([
    b"\x1b[", b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[r", b"\x1b[2;3r", b"\xe6\x97\xa5",
    b"\x1b[99;99H", b"\x1b[S", b"\x1b[T", b"\x1b7", b"\x1b8", b"\x1bc", b"\x1b[L", b"\n",
    b"\x1b[?3h", b"\x1b[9999b", b"\x1b[P", b"\x1b[4h", b"\x1b[?6h", b"\x1bM", b"\x1bP",
])), st.lists(st.tuples(st.integers(1, 9), st.integers(1, 30)), max_size=3))  # fmt: skip
def test_whatever_is_written_there_is_a_screen(pieces, sizes):
    made = Screen(5, 20)
    for number, piece in enumerate(pieces):
        made.write(piece)
        if number < len(sizes):
            made.resize(*sizes[number])
        assert 0 <= made.cursor.y < made.lines
        assert 0 <= made.cursor.x <= made.columns
        assert len(made.text.splitlines()) <= made.lines
        assert "</pre>" in made.html
        for row in range(made.lines):
            width = sum(len(run[0]) for run in runs(made, row))
            assert width <= made.columns or not made.text.isascii()


def test_the_alternate_screen_leaves_the_other_as_it_was():
    made = screen("before\r\n$ ")
    made.write(b"\x1b[?1049h\x1b[Hin vi\r\n~")
    assert made.alternate
    assert made.text == "in vi\n~"
    made.write(b"\n" * 9 + b"\x1b[?1049l")
    assert made.text == "before\n$"
    assert (made.cursor.y, made.cursor.x) == (1, 2)
    assert not made.past


def test_what_scrolls_off_is_kept_as_much_as_there_is_room_for():
    made = screen("\r\n".join(map(str, range(PAST + 100))))
    assert made.scrolled == PAST + 96
    first, last = (in_runs(*made.past[at])[0][0] for at in (0, -1))
    assert (first, last) == ("96", str(PAST + 95))
    made.write(b"\x1b[3J")
    assert not made.past


def test_between_margins_nothing_is_kept():
    made = screen("\x1b[2;3r\x1b[3;1Ha\r\nb\r\nc")
    assert made.text == "\nb\nc"
    assert not made.past


def test_a_smaller_window_keeps_the_line_of_the_cursor():
    made = screen("1\r\n2\r\n3", rows=5)
    made.resize(3, 10)
    assert (made.text, made.scrolled) == ("1\n2\n3", 0)
    made.resize(2, 10)
    assert (made.text, made.scrolled, made.cursor.y) == ("2\n3", 1, 1)
    made.resize(4, 30)
    assert made.text == "2\n3"


def test_it_scrolls_and_repeats_as_it_is_asked():
    made = screen("1\r\n2\r\n3\x1b[S")
    assert made.text == "2\n3"
    made.write(b"\x1b[T")
    assert made.text == "\n2\n3"
    assert screen("=\x1b[4b|").text == "=====|"
    assert screen("\x1b(0lqk\x1b(B x").text == "┌─┐ x"


def test_a_saved_cursor_can_be_restored_twice():
    made = screen("ab\x1b7cd\x1b8x\x1b8y")
    assert made.text == "abyd"


def test_a_program_that_asks_is_answered():
    answers = []
    made = Screen(4, 20, answers.append)
    made.write(b"ab\x1b[6n\x1b[5n\x1b[c")
    assert answers == ["\x1b[1;3R", "\x1b[0n", "\x1b[?6c"]


def test_the_html_says_what_the_text_says_and_somebody_elses_tags_are_text():
    made = screen("<b>\x1b[1;31m&\x1b[0m")
    assert '<span style="font-weight:bold;color:#e5646b">&amp;</span>' in made.html
    assert "&lt;b&gt;" in made.html
    assert re.sub("<[^>]*>", "", made.html).strip() == "&lt;b&gt;&amp;"


# --- the keys


@pytest.mark.parametrize(
    ("key", "sent"),
    [
        ("a", b"a"),
        ("é", "é".encode()),
        ("-", b"-"),
        ("Enter", b"\r"),
        ("Tab", b"\t"),
        ("shift-Tab", b"\x1b[Z"),
        ("Backspace", b"\x7f"),
        ("ctrl-Backspace", b"\b"),
        ("Escape", b"\x1b"),
        ("ctrl-a", b"\x01"),
        ("ctrl-C", b"\x03"),
        ("ctrl-z", b"\x1a"),
        ("ctrl-[", b"\x1b"),
        ("ctrl-\\", b"\x1c"),
        ("ctrl-_", b"\x1f"),
        ("ctrl-Space", b"\0"),
        ("ctrl-?", b"\x7f"),
        ("alt-b", b"\x1bb"),
        ("alt--", b"\x1b-"),
        ("ctrl-alt-c", b"\x1b\x03"),
        ("Up", b"\x1b[A"),
        ("ctrl-Left", b"\x1b[1;5D"),
        ("shift-alt-Home", b"\x1b[1;4H"),
        ("F1", b"\x1bOP"),
        ("shift-F1", b"\x1b[1;2P"),
        ("F5", b"\x1b[15~"),
        ("F6", b"\x1b[17~"),
        ("F10", b"\x1b[21~"),
        ("F11", b"\x1b[23~"),
        ("F12", b"\x1b[24~"),
        ("Delete", b"\x1b[3~"),
        ("ctrl-PageDown", b"\x1b[6;5~"),
    ],
)
def test_a_key_is_what_xterm_sends(key, sent):
    assert in_bytes(key) == sent


def test_arrows_are_others_if_the_program_has_asked_for_it():
    assert in_bytes("Down", application=True) == b"\x1bOB"
    assert in_bytes("ctrl-Down", application=True) == b"\x1b[1;5B"
    made = screen("\x1b[?1h")
    assert made.wants_application_keys
    made.write(b"\x1b[?1l")
    assert not made.wants_application_keys


@pytest.mark.parametrize("key", ["", "F99", "hyper-a", "Ab", "ctrl-"])
def test_a_key_that_is_none_is_said_so(key):
    with pytest.raises(InvalidArgument):
        in_bytes(key)


# --- the line, and all of it


@pytest.fixture(autouse=True)
def without_a_page(monkeypatch):
    monkeypatch.setenv("CONMAN_LAB_FREEZE", "1")


@contextmanager
def shell(*command, **size):
    """A terminal, and a shell that waits at its prompt."""
    with Pty(*(command or SHELL)) as session:
        shown = terminal(session, **size)
        try:
            if not command:
                shown.wait_for("test$")
            yield shown
        finally:
            session.process.kill()
            shown.wait()


@contextmanager
def left_after(shown):
    """Leave it after the block."""
    try:
        yield shown
    finally:
        shown.close()
        assert shown.wait() == "ended: we have left"


def test_what_is_typed_is_done_and_what_is_said_is_seen():
    with shell() as shown:
        shown.type("echo $((6 * 7))\n")
        shown.wait_for("\n42\n")
        assert str(shown) == shown.screen
        assert shown.screen.endswith("42\ntest$")


def test_the_program_hears_of_its_size():
    with shell(rows=10, columns=50) as shown:
        shown.type("stty size\n")
        shown.wait_for("\n10 50\n")
        shown.resize(12, 66)
        shown.type("stty size\n")
        shown.wait_for("\n12 66\n")


def test_a_control_key_is_for_the_program():
    with shell() as shown:
        # It says so itself: by then it is in the foreground, and ctrl-c is for it.
        shown.type("sh -c 'echo ready; exec sleep 600'; echo $((128 + 2))\n")
        shown.wait_for("\nready")
        shown.press("ctrl-c")
        shown.wait_for("^C")
        shown.type("echo still $((40 + 2))\n")
        shown.wait_for("\nstill 42\n")
        assert "\n130\n" not in shown.screen  # the rest of the line was not done


def test_arrows_recall_what_was_typed():
    with shell() as shown:
        shown.type("echo $((20 + 1))\n")
        shown.wait_for("\n21\n")
        shown.type("echo no\n")
        shown.wait_for("\nno\n")
        shown.press("Up", "Up", "Left", "Left", "Backspace")
        shown.type("8\n")
        shown.wait_for("\n28\n")


def test_an_editor_is_edited_with_even_in_a_hurry(tmp_path):
    """A lone Escape must not be read as one key with what comes after it."""
    with shell() as shown:
        shown.type(f"cd {tmp_path}; vi note\n")  # a status line has 80 columns
        shown.wait_for("1/1")
        shown.type("ihello")
        shown.press("Escape")
        shown.type(":wq\n")
        shown.wait_for("test$")
        eventually(lambda: "~" not in shown.screen)
    assert (tmp_path / "note").read_text() == "hello\n"


def test_how_it_has_ended_is_told():
    with shell() as shown:
        shown.type("exit 7\n")
        assert shown.wait() == "ended: exit code 7"
        with pytest.raises(WrongState, match="never came: ended: exit code 7"):
            shown.wait_for("nobody will say that")


def test_what_does_not_come_in_time_is_said_with_what_is_there():
    with shell() as shown, pytest.raises(Deadline, match=r"(?s)in 0.1 s.*test\$"):
        shown.wait_for("nobody says that", timeout=0.1)


def test_of_a_flood_the_end_is_seen_and_no_viewer_is_dropped(shims):
    script = "yes | head -c 1000000; echo done; sleep 600"
    container = shims.create("shell", "sh", "-c", script)
    with left_after(terminal(container)) as shown:
        container.start()
        shown.wait_for("done", timeout=30)
        assert shown.screen.splitlines()[-3:] == ["y", "y", "done"]
    assert "did not keep up" not in shim_log(container)


def test_of_a_flood_whole_lines_are_taken_and_not_more_than_can_be_drawn(tmp_path):
    """All of it waits in the socket, before anybody looks."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, KIND)
    theirs = Guest(fileno=theirs.detach())
    theirs.allow_lag()
    for number in range(200):
        theirs.send(b"\2" + b"%d: and some more\n" % number * 400)
    theirs.close()
    heard = Heard()
    line = Line(Viewer(ours, tmp_path), heard)
    line.open()
    assert heard.ended.wait(5)
    line.close()
    text = b"".join(heard.chunks)
    assert len(text) <= 2 * KEPT
    assert text.startswith(b"19")
    assert text.endswith(b"\n199: and some more\n")


class Heard:
    """Notes what a line tells."""

    def __init__(self):
        self.chunks, self.ended = [], threading.Event()

    def hear(self, data):
        """It was written."""
        self.chunks.append(data)

    def show(self, still):
        """There is no page."""

    def end(self, why):
        """It is over."""
        self.ended.set()


def test_who_types_does_not_wait_for_a_program_that_does_not_read():
    with shell("sh", "-c", "stty raw -echo; echo ready; sleep 600") as shown:
        shown.wait_for("ready")
        shown.type("x" * 1_000_000)
        shown.resize(10, 40)
        assert shown.screen == "ready"


def test_who_leaves_leaves_no_thread_behind():
    before = {*threading.enumerate()}
    with shell() as shown:
        shown.close()
        shown.wait()
    mine = {each for each in threading.enumerate() if each.name.startswith("terminal")}
    eventually(lambda: not any(each.is_alive() for each in mine - before))


def test_a_paste_is_marked_for_who_asks_and_cannot_end_its_mark():
    """`cat -v` shows what it gets; the mark was asked for before it."""
    with shell() as shown:
        shown.type("printf '\\033[?2004h'; cat -v\n")
        eventually(lambda: shown._screen.wants_marked_pastes)
        shown._told({"type": "typed\n"})
        shown.wait_for("\ntyped\ntyped")
        shown._told({"paste": "a\x1b[201~b\n"})
        shown.type("\n")
        shown.wait_for("^[[200~a[201~b")


def test_a_managers_session_is_as_good_and_an_execs_is_too(home, runtime, bundle):
    with closing(Manager(home, runtime=runtime)) as manager:
        manager.create("web", bundle("shell"), terminal=True)
        shown = terminal(manager.attach("web", stdin=True))
        manager.start("web")
        shown.wait_for("container#")
        session = manager.exec("web", "sh", terminal=True, stdin=True)
        other = terminal(session, rows=10, columns=40)
        other.type("stty size; exit 5\n")
        assert other.wait() == "ended: exit code 5"
        assert other.screen.endswith("\n10 40")
        shown.type("exit 3\n")
        assert shown.wait() == "ended: exit code 3"


def test_a_frozen_face_has_no_widget():
    with shell() as shown:
        faces = shown._repr_mimebundle_()
    assert set(faces) == {"text/plain", "text/html"}
    assert faces["text/plain"].endswith("test$")
    assert os.environ["CONMAN_LAB_FREEZE"] == "1"


def test_of_two_pages_none_waits_for_what_the_kernel_has_heard():
    """What both have sent at once may be heard in any order."""
    window = Window("web", str)
    for number in (2.0, 1.0):
        window._hear(None, {"told": [], "number": number}, None)
    assert window.widget.heard == 2.0
