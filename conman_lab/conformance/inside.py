"""Promises about what a container finds: a clean process, as if nobody had made it.

All that is not in config.json is inherited, from whoever forked and executed on the way:
descriptors, ignored signals, a priority with the OOM killer.  execve(2) has the list.
"""

import os
from pathlib import Path

from .creation import program
from .patience import eventually
from .trial import Trial, promise

LIBCS = 0b11 << 31  # the signals 32 and 33


@promise
def stdin_at_end(trial: Trial) -> None:
    """Its stdin is at its end, so nobody waits for input."""
    trial.begin("cat; echo $? >/stage/word")
    seen = trial.word()
    trial.expect(seen == "0", "that cat returns 0", f"that cat returned {seen}")


@promise
def three_descriptors(trial: Trial) -> None:
    """It has descriptors 0, 1 and 2, none of its manager's."""
    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)  # a temptation
    try:
        pid = asleep(trial)
    finally:
        os.close(read_end)
        os.close(write_end)
    seen = sorted(map(int, os.listdir(f"/proc/{pid}/fd")))
    trial.expect(seen == [0, 1, 2], "0, 1, 2", str(seen))


@promise
def sigpipe(trial: Trial) -> None:
    """A writer whose reader has gone is ended by SIGPIPE.

    Python ignores it and so does conmon, and execve(2) keeps what is ignored.  runc
    undoes that, because Go does; crun does not.
    """
    trial.begin("(yes; echo $? >/stage/word) | true")
    seen = trial.word()
    trial.expect(seen == "141", "that yes is ended by it, 141", seen)


@promise
def signals_ignored(trial: Trial) -> None:
    """It begins with no signal ignored or blocked."""
    seen = masks(asleep(trial))
    trial.expect(seen == "ignored 0, blocked 0", "none", seen)


@promise
def out_of_memory_score(trial: Trial) -> None:
    """It is as likely a victim, without memory, as its manager.

    A shim may well protect itself.  That is inherited, proc_pid_oom_score_adj(5).
    """
    ours = Path("/proc/self/oom_score_adj").read_text().strip()
    seen = Path(f"/proc/{asleep(trial)}/oom_score_adj").read_text().strip()
    trial.expect(seen == ours, f"{ours}, as ours", seen)


@promise
def environment(trial: Trial) -> None:
    """Its environment is its bundle's, and nothing else."""
    variables = trial.bundle("").config["process"]["env"]
    seen = Path(f"/proc/{asleep(trial)}/environ").read_text().split("\0")[:-1]
    wanted = ", ".join(sorted(variables))
    trial.expect(sorted(seen) == sorted(variables), wanted, ", ".join(sorted(seen)))


def asleep(trial: Trial) -> int:
    """The pid of a sleep(1) that was not started by a shell, once it is one."""
    container = trial.create(trial.bundle("").with_args("sleep", "1000"))
    container.start()
    eventually(lambda: program(container.pid) == "sleep")
    return container.pid


def masks(pid: int) -> str:
    """The signals that it ignores, and those that it blocks, as bits; from 1 up.

    But for 32 and 33: glibc keeps them for itself, and its posix_spawn(3), which
    Python's subprocess calls from 3.13 on, may have a child ignore them for ever.
    """
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = dict(line.split(":\t", 1) for line in lines if line.startswith("Sig"))
    ignored, blocked = (int(found[f"Sig{it}"], 16) & ~LIBCS for it in ("Ign", "Blk"))
    return f"ignored {ignored:x}, blocked {blocked:x}"
