"""Promises about a command more in a container: it has a life and an end of its own.

A launcher that can do it has containers with `exec(id, *args, terminal=...)`, which gives
what has a log and can be waited for, as a container can.
"""

from typing import Any

from conman_lab.checks import Broken
from conman_lab.errors import LaunchFailed
from conman_lab.launcher import Launched
from conman_lab.stream import Stream

from .creation import WAIT
from .patience import patience
from .trial import Trial, promise


@promise
def exec_exit(trial: Trial) -> None:
    """A command more has an exit of its own."""
    container = trial.begin(f"{WAIT}; exit 7")
    command = run_in(container, "exit 5")
    expect_told(trial, command, "exit code 5")
    trial.cue()
    expect_told(trial, container, "exit code 7")


@promise
def exec_killed(trial: Trial) -> None:
    """That it is killed is not the container's death."""
    container = trial.begin(f"{WAIT}; exit 7")
    expect_told(trial, run_in(container, "kill -KILL $$"), "killed by SIGKILL")
    trial.cue()
    expect_told(trial, container, "exit code 7")


@promise
def exec_output(trial: Trial) -> None:
    """What it writes is kept apart from the container's."""
    container = trial.begin(f"{WAIT}; echo mine")
    command = run_in(container, "echo out; echo err >&2; printf end")
    command.wait(patience())
    trial.cue()
    container.wait(patience())
    seen = [command.output(Stream.STDOUT), command.output(Stream.STDERR)]
    seen += [container.output(Stream.STDOUT)]
    wanted = [b"out\nend", b"err\n", b"mine\n"]
    trial.expect(seen == wanted, str(wanted), str(seen))


@promise
def exec_terminal(trial: Trial) -> None:
    """It can have a terminal, though the container has none."""
    container = trial.begin(WAIT)
    command = run_in(container, "test -t 0 && test -t 2 && echo yes", terminal=True)
    command.wait(patience())
    seen = command.output(Stream.STDOUT)
    trial.expect(seen == b"yes\r\n", r"b'yes\r\n'", str(seen))


@promise
def exec_container_ends(trial: Trial) -> None:
    """The end of the container is its end, and that is told."""
    container = trial.begin(WAIT)
    command = run_in(container, "echo here >/stage/word; exec sleep 1000")
    trial.word()
    trial.cue()
    expect_told(trial, container, "exit code 0")
    expect_told(trial, command, "killed by SIGKILL")


@promise
def exec_in_own_words(trial: Trial) -> None:
    """That there is no such command is told in the runtime's words."""
    container = trial.begin(WAIT)
    try:
        run_in(container, None)
    except LaunchFailed as why:
        said = trial.steady(str(why))
    else:
        raise Broken("a refusal", "a command")
    known = "executable file not found" in said or "not found" in said
    trial.expect(known, "that no-such-program was not found", said)


def run_in(container: Launched, script: str | None, terminal: bool = False) -> Launched:
    """Run a script in it; or None, what there is not."""
    run: Any = getattr(container, "exec", None)
    if run is None:
        raise Broken("a way to run a command more", "none")
    words = ("no-such-program",) if script is None else ("sh", "-c", script)
    command: Launched = run("more", *words, terminal=terminal)
    return command


def expect_told(trial: Trial, what: Launched, wanted: str) -> None:
    """Expect that it ends like that."""
    seen = trial.told(trial.end_of, what)
    trial.expect(seen == wanted, wanted, seen)
