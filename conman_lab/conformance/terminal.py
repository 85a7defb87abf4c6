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


def on_terminal(trial: Trial, script: str) -> Bundle:
    """The script, in a container with a terminal."""
    return trial.bundle(script).with_terminal()
