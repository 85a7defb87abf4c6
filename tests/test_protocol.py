"""What shim and manager must agree on: options there and back, one report, or none."""

import json
import os
import signal
from contextlib import suppress
from threading import Thread

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conman_lab.linux import Exit
from conman_lab.record import changed, fields
from conman_lab.shim.exitfile import ExitFile, read_exit_file
from conman_lab.shim.protocol import Options, Report

# What execve(2) can carry: any bytes but null, as Python shows those to us.
WORDS = st.binary().map(lambda word: os.fsdecode(word.replace(b"\0", b"")))
OPTIONS = st.builds(
    Options,
    id=WORDS,
    runtime=WORDS,
    root=WORDS,
    directory=WORDS,
    exec=st.booleans(),
    terminal=st.booleans(),
    rows=st.integers(),
    columns=st.integers(),
    stdin=st.booleans(),
    stdin_once=st.booleans(),
    viewer=st.integers(),
    log_size=st.integers(),
    deadline=st.floats(allow_nan=False),
    durable=st.booleans(),
    debug=st.booleans(),
)
WEB = Options(id="web", runtime="/usr/sbin/runc", root="/run/r", directory="/run/c")
REQUIRED = ["--id=web", "--runtime=/r", "--root=/run", "--directory=/d"]


# --- Options


@given(OPTIONS)
@example(WEB)
@example(changed(WEB, id="--id=--terminal", deadline=float("inf")))
def test_options_survive_a_command_line(options):
    assert Options.from_argv(options.to_argv()) == options


@given(OPTIONS)
def test_options_survive_execve(options):
    """As bytes, which is all that a kernel passes on."""
    passed = [os.fsdecode(os.fsencode(word)) for word in options.to_argv()]
    assert Options.from_argv(passed) == options


@given(OPTIONS, st.randoms())
def test_their_order_does_not_matter(options, random):
    argv = options.to_argv()
    random.shuffle(argv)
    assert Options.from_argv(argv) == options


def test_a_field_is_a_flag():
    argv = changed(WEB, terminal=True, log_size=4096).to_argv()
    assert "--terminal" in argv
    assert "--log-size=4096" in argv


def test_a_switch_that_is_not_given_is_off():
    given = Options.from_argv(REQUIRED)
    switches = [name for name, v in fields(given).items() if isinstance(v, bool)]
    assert switches == [
        *("exec", "terminal", "stdin", "stdin_once", "durable", "debug")
    ]
    assert not any(getattr(given, name) for name in switches)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--idd=web", "--idd: a shim knows --id, --runtime, "),
        ("web", "web: a shim knows --id, "),
        ("-h", "-h: a shim knows --id, "),
        ("--log-size=much", "--log-size=much: expected --log-size=INT"),
        ("--deadline=soon", "--deadline=soon: expected --deadline=FLOAT"),
        ("--id", "--id: expected --id=STR"),
        ("--durable=no", "--durable=no: a switch is given or not, and has no value"),
    ],
)
def test_a_wrong_flag_is_told(word, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Options.from_argv([*REQUIRED, word])


def test_a_missing_flag_is_told():
    with pytest.raises(ValueError, match="missing: --runtime, --directory"):
        Options.from_argv(["--id=web", "--root=/run"])


def test_a_file_has_a_fixed_name_in_the_directory():
    assert WEB.file("log") == "/run/c/log"


# --- Report


def exchange(send):
    """What the manager receives after `send(fd)`, however long it is."""
    ours, theirs = os.pipe()
    sender = Thread(target=send, args=(theirs,))
    sender.start()
    try:
        return Report.receive(ours)
    finally:
        sender.join()


def sent(report):
    return exchange(report.send)


def wrote(line):
    """A shim of somebody else's that writes `line`."""

    def send(fd):
        with os.fdopen(fd, "wb") as pipe, suppress(BrokenPipeError):
            pipe.write(line)

    return exchange(send)


@pytest.mark.parametrize("pid", [1, 4242, 2**22])
def test_a_pid_is_reported(pid):
    assert sent(Report(pid=pid)) == Report(pid=pid)


@given(st.text())
@example("")
@example("two\nlines, and a \0 and a \udcff")
@example("a long story " * 20_000)
def test_an_error_is_reported_word_for_word(words):
    assert sent(Report(error=words)) == Report(error=words)


def test_a_report_is_one_line_of_json():
    ours, theirs = os.pipe()
    Report(pid=7).send(theirs)
    with os.fdopen(ours) as pipe:
        assert pipe.read() == '{"pid": 7}\n'


def test_a_sender_closes_the_pipe():
    _, theirs = pipe = os.pipe()
    Report(pid=7).send(theirs)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(theirs)
    os.close(pipe[0])


def test_a_manager_that_has_gone_is_no_concern_of_the_shim():
    ours, theirs = os.pipe()
    os.close(ours)
    Report(pid=7).send(theirs)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(theirs)


@pytest.mark.parametrize("line", [b"", b"{", b'{"pid": 7}'])
def test_end_of_file_without_a_line_is_a_death(line):
    assert wrote(line) == Report(error="the shim died before it could report")


@pytest.mark.parametrize(
    "line",
    [
        *(b"\n", b"hello\n", b"7\n", b"[]\n", b"null\n", b"\xff\xfe\n", b"{}\n"),
        *(b'{"pid": "7"}\n', b'{"pid": true}\n', b'{"error": 7}\n', b'{"data": 7}\n'),
        *(b'{"pid": 7, "since": 9}\n', b'{"pid": 7, "error": "both"}\n'),
    ],
)
def test_what_is_no_report_is_told_as_it_was(line):
    """A learner's own shim says whatever it says."""
    report = wrote(line)
    assert report.pid is None
    assert report.error.startswith("the shim's report is none: ")
    assert report.error.endswith(line.strip().decode(errors="backslashreplace"))


# --- the exit file


EXITS = st.builds(
    Exit,
    code=st.none() | st.integers(0, 255),
    signal=st.none() | st.integers(1, signal.NSIG - 1),
    at=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    oom=st.booleans(),
)


@given(EXITS)
def test_an_exit_file_is_read_back(tmp_path_factory, how):
    path = tmp_path_factory.mktemp("exit") / "exit"
    ExitFile(str(path)).write(how)
    assert fields(read_exit_file(path)) == fields(how)


@given(EXITS)
def test_an_exit_file_is_json(tmp_path_factory, how):
    path = tmp_path_factory.mktemp("exit") / "exit"
    ExitFile(str(path)).write(how)
    assert json.loads(path.read_text()) == fields(how)
