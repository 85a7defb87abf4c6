"""Promises about what a container finds: a clean process, as if nobody had made it.

All that is not in config.json is inherited, from whoever forked and executed on the way:
descriptors, ignored signals, a priority with the OOM killer.  execve(2) has the list.
"""

import os
from collections.abc import Callable
from pathlib import Path

from .patience import eventually
from .trial import Trial, promise

ASLEEP = "exec sleep 1000"  # and nothing of a shell is left in the process


@promise
def stdin_at_end(trial: Trial) -> None:
    """Its stdin is at its end, so who reads it does not wait."""
    trial.begin("cat; echo $? >/stage/word")
    seen = trial.word()
    trial.expect(seen == "0", "that cat returns 0", f"that cat returned {seen}")


@promise
def three_descriptors(trial: Trial) -> None:
    """It has descriptors 0, 1 and 2, and none of its manager's."""
    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)  # a temptation
    try:
        pid = trial.begin(ASLEEP).pid
    finally:
        os.close(read_end)
        os.close(write_end)
    seen = settled(lambda: sorted(map(int, os.listdir(f"/proc/{pid}/fd"))), [0, 1, 2])
    trial.expect(seen == [0, 1, 2], "0, 1, 2", str(seen))


@promise
def sigpipe(trial: Trial) -> None:
    """A writer whose reader has gone is ended by SIGPIPE, as anywhere.

    Python ignores it and conmon does, and execve(2) keeps what is ignored.
    """
    trial.begin("(yes; echo $? >/stage/word) | true")
    seen = trial.word()
    trial.expect(seen == "141", "that yes is ended by it, 141", seen)


@promise
def signals_ignored(trial: Trial) -> None:
    """No signal is ignored or blocked that it has not ignored or blocked itself."""
    pid = trial.begin(ASLEEP).pid
    seen = settled(lambda: masks(pid), "ignored 0, blocked 0")
    trial.expect(seen == "ignored 0, blocked 0", "none", seen)


@promise
def out_of_memory_score(trial: Trial) -> None:
    """It is as likely to be ended for want of memory as its manager.

    A shim may well protect itself.  That is inherited, proc_pid_oom_score_adj(5).
    """
    ours = Path("/proc/self/oom_score_adj").read_text().strip()
    pid = trial.begin(ASLEEP).pid
    seen = Path(f"/proc/{pid}/oom_score_adj").read_text().strip()
    trial.expect(seen == ours, f"{ours}, as ours", seen)


@promise
def environment(trial: Trial) -> None:
    """Its environment is its bundle's, and nothing of its manager's or its shim's."""
    bundle = trial.bundle(ASLEEP).with_env(MINE="1")
    wanted = {word.partition("=")[0] for word in bundle.config["process"]["env"]}
    pid = trial.begin(bundle).pid
    seen = settled(lambda: variables(pid), wanted)
    trial.expect(seen == wanted, ", ".join(sorted(wanted)), ", ".join(sorted(seen)))


def settled(look: Callable[[], object], wanted: object) -> object:
    """What is seen once the shell has become another program, or at last."""
    eventually(lambda: look() == wanted)
    return look()


def masks(pid: int) -> str:
    """The signals that it ignores, and those that it blocks, as bits; from 1 up."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = dict(line.split(":\t", 1) for line in lines if line.startswith("Sig"))
    ignored, blocked = int(found["SigIgn"], 16), int(found["SigBlk"], 16)
    return f"ignored {ignored:x}, blocked {blocked:x}"


def variables(pid: int) -> set[str]:
    """The names of its environment variables."""
    words = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return {word.partition("=")[0] for word in words if word}
