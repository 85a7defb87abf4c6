"""Promises about a terminal: a container may have one, and then all goes through it."""

from conman_lab.oci import Bundle

from .creation import WAIT
from .trial import Trial, promise
from .watching import Viewer


@promise
def terminal(trial: Trial) -> None:
    """It has a terminal on 0, 1 and 2, if its bundle says so."""
    which = "for fd in 0 1 2; do test -t $fd && terminals=$terminals$fd; done"
    trial.begin(on_terminal(trial, f"{WAIT}; {which}; echo $terminals >/stage/word"))
    trial.cue()
    seen = trial.word()
    trial.expect(seen == "012", "012", seen or "none")


@promise
def terminal_output(trial: Trial) -> None:
    """What it writes there is recorded, as it is: with CR LF."""
    container = trial.begin(on_terminal(trial, "echo out; echo err >&2"))
    seen = trial.written(container)
    wanted = b"out\r\nerr\r\n"
    trial.expect(seen == wanted, str(wanted), str(seen))


@promise
def terminal_drained(trial: Trial) -> None:
    """Its last words there are not lost."""
    container = trial.begin(on_terminal(trial, "seq 5000; exit 7"))
    seen = len(trial.written(container).splitlines())
    trial.expect(seen == 5000, "5000 lines", f"{seen} lines")
    how = trial.told(trial.end_of, container)
    trial.expect(how == "exit code 7", "exit code 7", how)


@promise
def terminal_watched(trial: Trial) -> None:
    """A viewer sees the terminal."""
    container = trial.begin(on_terminal(trial, f"{WAIT}; echo hello"))
    with Viewer(container) as viewer:
        trial.cue()
        seen = b"".join(message[1:] for message in viewer.messages())
    trial.expect(seen == b"hello\r\n", r"b'hello\r\n'", str(seen))


@promise
def terminal_typed(trial: Trial) -> None:
    """What is typed there is read, and echoed."""
    container = trial.begin(on_terminal(trial, "read line; echo got $line"))
    with Viewer(container) as viewer:
        viewer.type(b"hello\r")
        seen = trial.written(container)
    wanted = b"hello\r\ngot hello\r\n"
    trial.expect(seen == wanted, str(wanted), str(seen))


@promise
def terminal_interrupt(trial: Trial) -> None:
    """Ctrl-C there interrupts what runs in the foreground."""
    script = f"trap 'exit 3' INT; echo set >/stage/word; {WAIT}; exit 4"
    container = trial.begin(on_terminal(trial, script))
    trial.word()
    with Viewer(container) as viewer:
        viewer.type(b"\3")
        seen = trial.told(trial.end_of, container)
    trial.expect(seen == "exit code 3", "exit code 3", seen)


@promise
def terminal_window(trial: Trial) -> None:
    """Its window has the size that is told."""
    script = "trap 'stty size >/stage/word' WINCH; echo set >/stage/word"
    wait = "while :; do sleep 60 & wait; done"
    container = trial.begin(on_terminal(trial, f"{script}; {wait}"))
    trial.word()
    with Viewer(container) as viewer:
        viewer.resize(40, 90)
        seen = trial.word()
    trial.expect(seen == "40 90", "40 90", seen)


@promise
def terminal_opened_again(trial: Trial) -> None:
    """When all have closed it, it may be opened again."""
    script = f"exec <&- >&- 2>&-; {WAIT}; echo again >/dev/console; {WAIT}"
    container = trial.begin(on_terminal(trial, script))
    with Viewer(container) as viewer:
        trial.cue()
        trial.cue()
        seen = b"".join(message[1:] for message in viewer.messages())
    trial.expect(seen == b"again\r\n", r"b'again\r\n'", str(seen))


def on_terminal(trial: Trial, script: str) -> Bundle:
    """The script, in a container with a terminal."""
    return trial.bundle(script).with_terminal()
