"""Promises about deletion: at any time in its life, and nothing is left."""

from functools import partial

from conman_lab.identity import Identity
from conman_lab.launcher import Launched

from .creation import WAIT
from .patience import eventually, patience
from .trial import Trial, promise


@promise
def delete_created(trial: Trial) -> None:
    """One that was never started leaves nothing."""
    leaves_nothing(trial, trial.create(WAIT))


@promise
def delete_running(trial: Trial) -> None:
    """One that is running, and would rather, leaves nothing."""
    leaves_nothing(trial, trial.begin(f"trap '' TERM INT HUP; {WAIT}"))


@promise
def delete_ended(trial: Trial) -> None:
    """One that has ended leaves nothing."""
    container = trial.begin(WAIT)
    process = Identity.of(container.pid)
    trial.cue()
    process.wait(patience())
    leaves_nothing(trial, container)


@promise
def delete_strays(trial: Trial) -> None:
    """Its orphans go with it."""
    container = trial.begin(trial.forking_twice(f"{WAIT}; exit 7"))
    orphan = trial.orphan()
    trial.cue()
    container.delete()
    gone = orphan.wait(patience())
    trial.expect(gone, "it gone", "it gone" if gone else "it living")
    leaves_nothing(trial, container)


@promise
def delete_keeperless(trial: Trial) -> None:
    """One whose keeper was killed leaves nothing."""
    container = trial.begin(WAIT)
    if container.keeper:
        Identity.of(container.keeper).signal()
    leaves_nothing(trial, container)


@promise
def delete_twice(trial: Trial) -> None:
    """To delete it twice does no harm."""
    container = trial.begin(WAIT)
    container.delete()
    seen = trial.told(container.delete)
    trial.expect(seen == "None", "no error", "no error" if seen == "None" else seen)


def leaves_nothing(trial: Trial, container: Launched) -> None:
    """Delete it, and expect that no process, directory or cgroup of it is there."""
    container.delete()
    eventually(partial(nothing, trial))
    left = ", ".join(trial.left()) or "nothing"
    trial.expect(left == "nothing", "nothing left", f"left: {left}")


def nothing(trial: Trial) -> bool:
    """There is no trace of it."""
    return not trial.left()
