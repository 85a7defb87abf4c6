"""Promises about the keeper: somebody stays, is nobody's child, and goes at the end."""

import os
from pathlib import Path
from signal import SIGTERM, SIGUSR1

from conman_lab.checks import Broken
from conman_lab.identity import Identity
from conman_lab.launcher import Launched
from conman_lab.observe.procfs import Process, snapshot

from .creation import WAIT
from .patience import eventually, patience
from .trial import Trial, promise


@promise
def somebody_stays(trial: Trial) -> None:
    """Somebody stays with it, and is its parent."""
    container = trial.begin(WAIT)
    keeper = keeper_of(container)
    parent = snapshot([container.pid])[container.pid].ppid
    seen = "its keeper" if parent == keeper.pid else "somebody else"
    trial.expect(parent == keeper.pid, "its keeper for a parent", seen)


@promise
def nobodys_child(trial: Trial) -> None:
    """Its keeper is no child of ours to be waited for."""
    ppid = keeper_of(trial.begin(WAIT)).ppid
    seen = "our child" if ppid == os.getpid() else "adopted"
    trial.expect(seen == "adopted", "adopted", seen)


@promise
def own_session(trial: Trial) -> None:
    """Its keeper has its own session, and no terminal."""
    keeper = keeper_of(trial.begin(WAIT))
    terminal = (
        Path(f"/proc/{keeper.pid}/stat").read_text().rpartition(")")[2].split()[4]
    )
    seen = "its own" if keeper.session == keeper.pid else "another's"
    seen += ", no terminal" if terminal == "0" else ", a terminal"
    trial.expect(seen == "its own, no terminal", "its own, no terminal", seen)


@promise
def stdio_let_go(trial: Trial) -> None:
    """Its keeper does not hold our stdin and stdout.

    Or `conman-lab ... | less` would not end before the container does.
    """
    keeper = keeper_of(trial.begin(WAIT))
    seen = [os.readlink(f"/proc/{keeper.pid}/fd/{number}") for number in (0, 1)]
    trial.expect(seen == ["/dev/null"] * 2, "/dev/null, twice", ", ".join(seen))


@promise
def known_by_name(trial: Trial) -> None:
    """Whose keeper it is can be seen in ps."""
    command = keeper_of(trial.begin(WAIT)).command
    seen = any(trial.id in word for word in command)
    trial.expect(seen, "the container's name", "it" if seen else "no name")


@promise
def outlives_manager(trial: Trial) -> None:
    """It outlives its manager, and the next one hears its end."""
    manager = trial.manager()
    container = trial.create(f"{WAIT}; echo still here; exit 7", manager)
    trial.start(container)
    manager.die()
    trial.cue()
    seen = f"{trial.told(trial.end_of, container)}, {trial.written(container)!r}"
    wanted = r"exit code 7, b'still here\n'"
    trial.expect(seen == wanted, wanted, seen)


@promise
def forwards(trial: Trial) -> None:
    """What is sent to its keeper, SIGTERM, comes to it."""
    container = begin_trapping(trial, "exit 42", "TERM")
    keeper = Identity.of(keeper_of(container).pid)
    keeper.signal(SIGTERM)
    seen = trial.told(trial.end_of, container)
    trial.expect(seen == "exit code 42", "its trap, exit code 42", seen)


@promise
def kill(trial: Trial) -> None:
    """A signal that is sent to it comes to it."""
    container = begin_trapping(trial, "echo trapped >/stage/word", "USR1")
    container.kill(SIGUSR1)
    seen = trial.told(trial.word)
    trial.expect(seen == "trapped", "its trap's word", seen)


@promise
def orphans_reaped(trial: Trial) -> None:
    """Its orphans are reaped when they end, while it goes on."""
    container = trial.begin(trial.forking_twice(WAIT))
    keeper_of(container)
    orphan = trial.orphan()
    orphan.signal()
    gone = eventually(lambda: not snapshot([orphan.pid]))
    trial.expect(gone, "no trace of it", "no trace" if gone else "a zombie")


@promise
def keeper_goes(trial: Trial) -> None:
    """Its keeper goes when it has ended."""
    container = trial.begin(WAIT)
    keeper = Identity.of(keeper_of(container).pid)
    trial.cue()
    gone = keeper.wait(patience())
    trial.expect(gone, "gone", "gone" if gone else "still there")


def keeper_of(container: Launched) -> Process:
    """Who stays with it; there must be somebody."""
    keeper = container.keeper
    if not keeper:
        raise Broken("somebody who stays", "nobody")
    return snapshot([keeper])[keeper]


def begin_trapping(trial: Trial, action: str, signal: str) -> Launched:
    """Begin a shell that does `action` on a signal, and wait until it is ready for it.

    Only `wait` is interrupted by a trap, so it waits for a child.
    """
    ready = f"trap '{action}' {signal}; echo ready >/stage/word"
    container = trial.begin(f"{WAIT}; {ready}; sleep 1000 & wait; wait")
    trial.cue()
    trial.word()
    return container
