"""Promises about the end: it is told once, truly, and to whoever asks at any time."""

import time
from functools import partial
from signal import SIGCONT, SIGKILL, SIGSTOP

from conman_lab.identity import Identity
from conman_lab.observe.procfs import snapshot

from .creation import WAIT
from .patience import eventually, patience
from .records import COARSE
from .trial import Trial, promise


@promise
def success(trial: Trial) -> None:
    """A success is told: exit code 0."""
    ends(trial, "true", "exit code 0")


@promise
def failure(trial: Trial) -> None:
    """A failure is told with its code."""
    ends(trial, "exit 7", "exit code 7")


@promise
def largest_code(trial: Trial) -> None:
    """The largest code there is, 255, is told."""
    ends(trial, "exit 255", "exit code 255")


@promise
def killed(trial: Trial) -> None:
    """A death by a signal is told, and by which one."""
    container = trial.begin(WAIT)
    container.kill(SIGKILL)
    seen = trial.told(trial.end_of, container)
    trial.expect(seen == "killed by SIGKILL", "killed by SIGKILL", seen)


@promise
def crashed(trial: Trial) -> None:
    """A crash is told as the signal that it was."""
    ends(trial, "f() { f; }; f", "killed by SIGSEGV")  # it has no stack left


@promise
def code_or_signal(trial: Trial) -> None:
    """The code 137 is not taken for a death by SIGKILL.

    A shell says 128 + signal for its child's death, and is then itself no victim.
    """
    ends(trial, "exit 137", "exit code 137")


@promise
def out_of_memory(trial: Trial) -> None:
    """A death for want of memory is told as such."""
    eater = """awk 'BEGIN { for (s = "x"; ; s = s s) length(s) }'"""
    container = trial.begin(trial.bundle(f"exec {eater}").with_limits(memory=1 << 25))
    seen = trial.told(trial.end_of, container)
    wanted = "killed by SIGKILL: out of memory"
    trial.expect(seen == wanted, wanted, seen)


@promise
def not_for_memory(trial: Trial) -> None:
    """A death that had another reason is not put down to memory."""
    container = trial.begin(trial.bundle(WAIT).with_limits(memory=1 << 25))
    container.kill(SIGKILL)
    seen = trial.told(trial.end_of, container)
    trial.expect(seen == "killed by SIGKILL", "killed by SIGKILL", seen)


@promise
def exit_time(trial: Trial) -> None:
    """When it ended is told, in seconds since 1970."""
    container = trial.begin(WAIT)
    cued_at = time.time()
    trial.cue()
    at = trial.end_of(container).at or 0.0
    good = cued_at - COARSE <= at <= time.time() + COARSE
    seen = "then" if good else f"{at - cued_at:+.3f} s from then"
    trial.expect(good, "between its cue and now", seen)


@promise
def before_start(trial: Trial) -> None:
    """A death between create and start is told."""
    container = trial.create(WAIT)
    Identity.of(container.pid).signal(SIGKILL)
    seen = trial.told(trial.end_of, container)
    trial.expect(seen == "killed by SIGKILL", "killed by SIGKILL", seen)


@promise
def asked_late(trial: Trial) -> None:
    """It can be asked for when all is over, and again."""
    container = trial.begin(f"{WAIT}; exit 7")
    processes = [Identity.of(pid) for pid in (container.pid, container.keeper) if pid]
    trial.cue()
    for process in processes:
        process.wait(patience())
    seen = [trial.told(trial.end_of, container) for _ in range(2)]
    trial.expect(seen == ["exit code 7"] * 2, "exit code 7, twice", ", ".join(seen))


@promise
def deadline(trial: Trial) -> None:
    """To wait for one that lives ends at the deadline."""
    container = trial.begin(WAIT)
    seen = trial.told(partial(container.wait, 0.05)).partition(":")[0]
    trial.expect(seen == "TimeoutError", "TimeoutError", seen)


@promise
def stopped(trial: Trial) -> None:
    """One that was stopped has not ended.

    Its parent gets SIGCHLD for that as well, and waitpid(2) can be asked about it.
    """
    container = trial.begin(f"{WAIT}; exit 7")
    container.kill(SIGSTOP)
    seen = [trial.told(partial(container.wait, 0.1)).partition(":")[0]]
    container.kill(SIGCONT)
    trial.cue()
    seen += [trial.told(trial.end_of, container)]
    wanted = ["TimeoutError", "exit code 7"]
    trial.expect(seen == wanted, "not ended, then exit code 7", ", ".join(seen))


@promise
def its_children(trial: Trial) -> None:
    """The end of its orphans is not taken for its own."""
    container = trial.begin(trial.forking_twice(f"(exit 8); {WAIT}; exit 7"))
    orphan = trial.orphan()
    orphan.signal()
    eventually(lambda: not snapshot([orphan.pid]))  # its keeper has heard of its end
    trial.cue()
    seen = trial.told(trial.end_of, container)
    trial.expect(seen == "exit code 7", "exit code 7", seen)


@promise
def stray(trial: Trial) -> None:
    """It is told even if an orphan holds the output open."""
    container = trial.begin(trial.forking_twice(f"{WAIT}; exit 7"))
    trial.orphan()
    trial.cue()
    seen = trial.told(trial.end_of, container)
    trial.expect(seen == "exit code 7", "exit code 7", seen)


@promise
def outputs_closed(trial: Trial) -> None:
    """One that has closed its outputs has not ended."""
    container = trial.begin(f"exec >&- 2>&-; {WAIT}; exit 7")
    seen = [trial.told(partial(container.wait, 0.1)).partition(":")[0]]
    trial.cue()
    seen += [trial.told(trial.end_of, container)]
    wanted = ["TimeoutError", "exit code 7"]
    trial.expect(seen == wanted, "not ended, then exit code 7", ", ".join(seen))


def ends(trial: Trial, script: str, wanted: str) -> None:
    """Expect that it ends so."""
    seen = trial.told(trial.end_of, trial.begin(script))
    trial.expect(seen == wanted, wanted, seen)
