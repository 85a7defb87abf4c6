"""The runtime's program, called: what it is given, what it says, how it fails.

Where its words go is the one difficulty.  `create` and `exec` hand their own stderr on
to the container, so from them we ask for a log file of the runtime's own; from the
others we read stderr.

Each call is a session of its own: a notebook's interrupt button signals our whole group.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conman_lab.errors import RuntimeFailed

from . import cgroups

CRUN_ON_HYBRID = (
    "crun does not work where cgroup v1 and v2 are mounted side by side, as here: "
    "take runc, or boot with systemd.unified_cgroup_hierarchy=1"
)

Words = list[str]


@dataclass(frozen=True)
class Completed:
    """What a command in a container did: its exit `status`, and what it wrote."""

    status: int  # negative: the runtime died of that signal
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True)
class Stdio:
    """Descriptors that a container gets as its 0, 1 and 2; by default /dev/null."""

    stdin: int = subprocess.DEVNULL
    stdout: int = subprocess.DEVNULL
    stderr: int = subprocess.DEVNULL


NULL = Stdio()


def captured(command: Words, stdin: bytes | None = None) -> Completed:
    """Run it in the foreground, to the end of all that it writes; None: /dev/null."""
    nothing = subprocess.DEVNULL if stdin is None else None
    done = subprocess.run(
        command,
        stdin=nothing,
        input=stdin,
        capture_output=True,
        start_new_session=True,
    )
    return Completed(done.returncode, done.stdout, done.stderr)


def handed_on(command: Words, stdio: Stdio) -> int:
    """Wait for the command alone: the container it leaves keeps our stdio open."""
    return subprocess.run(
        command,
        stdin=stdio.stdin,
        stdout=stdio.stdout,
        stderr=stdio.stderr,
        start_new_session=True,
    ).returncode


@contextmanager
def log_file(directory: Path) -> Iterator[Path]:
    """A file for the runtime's own words, for the time of one call."""
    with tempfile.NamedTemporaryFile(dir=directory, prefix="log-") as file:
        yield Path(file.name)


def last_words(log: str) -> str:
    """The last error in a log of JSON lines; empty if there is none.

    >>> last_words('{"level": "error", "msg": "no such file"}')
    'no such file'
    """
    words = ""
    for line in log.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:  # it was killed in the middle of a line
            continue
        if isinstance(entry, dict) and entry.get("level") in ("error", "fatal"):
            words = str(entry.get("msg", ""))
    return words


def check(command: Words, verb: str, status: int, words: str) -> None:
    """RuntimeFailed unless the status is 0; `words` are the runtime's own."""
    if status == 0:
        return
    name = Path(command[0]).name
    if name == "crun" and cgroups.mode() is cgroups.Mode.HYBRID:
        words += f"\n{CRUN_ON_HYBRID}"
    raise RuntimeFailed(f"{name} {verb}", command, status, words)
