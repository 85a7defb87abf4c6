"""Promises about the creation: a living process that waits, or a reason why not."""

import os
from functools import partial

from conman_lab.observe.procfs import ZOMBIE, snapshot

from .patience import eventually
from .trial import Trial, promise

WAIT = "read cue </stage/cue"


@promise
def living_pid(trial: Trial) -> None:
    """Create tells the pid of a living process."""
    found = snapshot([trial.create("exit").pid]).values()
    comms = [process.comm for process in found if process.state != ZOMBIE]
    trial.expect(comms, "a process", ", ".join(comms) or "none")


@promise
def waits_for_start(trial: Trial) -> None:
    """The command does not begin before it is started."""
    pid = trial.create(WAIT).pid
    trial.expect(program(pid) != "sh", "the runtime's process", program(pid))


@promise
def becomes_command(trial: Trial) -> None:
    """The process that was created becomes the command."""
    pid = trial.begin(WAIT).pid
    trial.expect(program(pid) == "sh", "sh", program(pid))


@promise
def in_own_words(trial: Trial) -> None:
    """A failure is told in the runtime's own words."""
    said = trial.refused(trial.bundle("").with_args("no-such-program"))
    known = '"no-such-program": executable file not found' in said  # runc's
    known = known or "`no-such-program` not found" in said  # crun's
    trial.expect(known, "that no-such-program was not found", said)


@promise
def bad_rootfs(trial: Trial) -> None:
    """A missing root file system is refused, and named."""
    said = trial.refused(trial.bundle("").with_rootfs("/no/rootfs"))
    trial.expect("/no/rootfs" in said, "/no/rootfs by name", said)


@promise
def half_way(trial: Trial) -> None:
    """A creation that fails half way leaves nothing behind.

    What is mounted is seen by `runc init`, in the namespaces and the cgroup that it has.
    """
    said = trial.refused(trial.bundle("").with_mount("/no/source", "/mnt"))
    trial.expect("/no/source" in said, "/no/source by name", said)
    gone = eventually(lambda: not trial.left())
    trial.expect(gone, "nothing left", f"left: {', '.join(trial.left()) or 'nothing'}")


@promise
def name_taken(trial: Trial) -> None:
    """A name that is taken is refused, and its owner lives on."""
    owner = trial.begin(WAIT)
    said = trial.refused("exit")
    trial.expect("already" in said, "that there is one already", said)
    trial.expect(program(owner.pid) == "sh", "the owner, living", program(owner.pid))


@promise
def name_free_again(trial: Trial) -> None:
    """A name is free again once its container is deleted."""
    trial.begin(WAIT).delete()
    container = trial.begin("echo again; exit")
    seen = trial.written(container)
    trial.expect(seen == b"again\n", r"b'again\n'", str(seen))


@promise
def two_at_a_time(trial: Trial) -> None:
    """Two containers at a time are kept apart."""
    with Trial(trial.launcher, trial.evidence, f"{trial.id}-2") as second:
        pairs = [(trial, trial.begin(f"{WAIT}; echo 1"))]
        pairs += [(second, second.begin(f"{WAIT}; echo 2"))]
        for where, _ in pairs:
            where.cue()
        seen = [where.written(container) for where, container in pairs]
    trial.expect(seen == [b"1\n", b"2\n"], r"b'1\n' and b'2\n'", str(seen))


@promise
def nothing_kept_open(trial: Trial) -> None:
    """Who has created and deleted one has nothing more open."""
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(2):
        trial.begin("exit").delete()
    after = len(os.listdir("/proc/self/fd"))
    trial.expect(
        after <= before, "as many as before", f"{after - before:+} descriptors"
    )


def program(pid: int) -> str:
    """The first word of its command line; what starts as one is execve(2)'s to say."""
    process = eventually(partial(snapshot, [pid])).get(pid)
    return process.command[0] if process and process.command else "nobody"
