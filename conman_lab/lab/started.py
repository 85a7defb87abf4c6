"""Processes that cannot run before they are noted.

We could be killed between fork and the note, and nobody would find the process again.
So it starts behind a gate, as a shell that reads one line:

    us --fork--> sh: read        its pid and start time go to processes/PID
       --line--> sh: exec        the same process, now the command
       --dead--> sh: EOF, exit   it has never run

It is in a cgroup of the lab as well, and so are all its descendants, whoever their
parent is by then.
"""

import errno
import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from conman_lab.files import write_atomically
from conman_lab.identity import Identity
from conman_lab.names import make_private
from conman_lab.oci import cgroups

GATE = 'read -r line && exec "$@" </dev/null'
CGROUP = "_started"  # no container's: a name cannot begin with _, see names.check_name

Started = subprocess.Popen[bytes]


def start(command: list[str], home: Path, cgroup: str) -> Started:
    """Start `command` in a session of its own, without input; note it.

    Nor output: a kernel shows what its children write in whichever cell runs just then.
    FileNotFoundError: there is no such program.
    """
    if shutil.which(command[0]) is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), command[0])
    process = subprocess.Popen(
        ["/bin/sh", "-c", GATE, *command[:1], *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a notebook's interrupt button signals our group
    )
    _note(process.pid, home)
    _join(process.pid, f"{cgroup}/{CGROUP}")
    _open_gate(process)
    process.args = command  # as its repr shows it
    return process


def _note(pid: int, home: Path) -> None:
    note = make_private(home / "processes") / str(pid)
    write_atomically(note, str(Identity.of(pid)).encode(), durable=False)


def _join(pid: int, cgroup: str) -> None:
    directory = cgroups.tree("pids") / cgroup
    with suppress(OSError):  # no root, or no such tree: then there is the note alone
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "cgroup.procs").write_text(str(pid))


def _open_gate(process: Started) -> None:
    """Let it go, and return when it is the command and no longer our shell.

    exec(2) tells nobody but /proc: the pipe is closed some instructions before it.
    """
    assert process.stdin
    process.stdin.write(b"\n")
    process.stdin.close()
    while process.poll() is None and not _is_through(process.pid):
        time.sleep(0.001)


def _is_through(pid: int) -> bool:
    """In the middle of exec(2) there is no command line at all."""
    command_line = Path(f"/proc/{pid}/cmdline").read_bytes()
    return command_line != b"" and GATE.encode() not in command_line
