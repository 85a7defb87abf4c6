"""Conmon: the shim under podman and CRI-O, as a launcher.  It is the oracle.

    us                    [conmon]                          [conmon], the daemon
     |--- fork, exec ------->|
     |    one byte, "go" --->| start pipe
     |                       |--- fork ---------------------->|--- runc create
     |<-- exits 0 -----------| it has written shim.pid for us |
     |<-- {"data": 4242} -------------------------------------| sync pipe
     |<-- {"data": -1, "message": ...} -----------------------| or this

We start it as podman does.  What it cannot tell: its exit file is one number, so a
container that returned 137 looks like one that died of SIGKILL, and we read 129 to 192
as signals; when it ended is when that file was written.
https://github.com/containers/conmon
"""

import json
import os
import select
import signal
import subprocess
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from conman_lab.errors import ExitLost, LabError, LaunchFailed
from conman_lab.files import write_atomically
from conman_lab.identity import Identity
from conman_lab.linux import Exit
from conman_lab.oci import Bundle, Runtime
from conman_lab.oci.program import last_words
from conman_lab.shim.exec import prepare
from conman_lab.shim.kept import Kept, wait_for_end
from conman_lab.shim.launcher import ShimContainer

SYNC_PIPE, START_PIPE = "_OCI_SYNCPIPE", "_OCI_STARTPIPE"


@dataclass(frozen=True)
class Conmon:
    """Runs containers, each under a conmon of its own."""

    runtime: Runtime
    program: Path | str = "/usr/bin/conmon"
    log_size: int = 0
    deadline: float = 30.0  # seconds for the creation; podman gives it 240
    durable: bool = True  # the log is on the disk before the exit is told
    stdin: bool = False  # a pipe that viewers type into
    stdin_once: bool = False  # and at its end with the first of them
    name: str = "Conmon"

    @property
    def home(self) -> Path:
        """The runtime's home is ours."""
        return self.runtime.home

    @property
    def installed(self) -> bool:
        """There is such a program."""
        return os.access(self.program, os.X_OK)

    def create(self, id: str, bundle: Path) -> "ConmonContainer":
        """Create a container under conmon.  LaunchFailed leaves nothing behind."""
        try:
            own = self.runtime.place(id, Bundle.load(bundle))
        except LabError as error:
            raise LaunchFailed(str(error)) from error
        container = ConmonContainer(self.runtime, id, self)
        try:
            self.launch(self._command(own, id), container.directory)
        except LaunchFailed:
            if container.shim:  # it may be waiting for a runtime that hangs,
                container.shim.signal()  # and takes that one with it
            container.delete()
            raise
        return container

    def launch(self, command: list[str], directory: Path) -> None:
        """Start it, and hear its report."""
        with ExitStack() as stack:
            ours, theirs = os.pipe()
            stack.callback(os.close, ours)
            try:
                start(command, directory, theirs)
            finally:
                os.close(theirs)  # or we would wait for our own end of file
                note_identity(directory)
            report = receive(ours, self.deadline)
        if report.get("data", -1) < 0:
            raise LaunchFailed(reason(report, directory))

    def _command(self, own: Bundle, id: str) -> list[str]:
        return [
            *self.words(id, id, own.directory, own.directory.parent),
            *(["--log-size-max", str(self.log_size)] if self.log_size else []),
            *(["-t"] if own.terminal else []),
            *(["-i"] if self.stdin else []),
            *(["--leave-stdin-open"] if self.stdin and not self.stdin_once else []),
        ]

    def words(self, id: str, uuid: str, bundle: Path, place: Path) -> list[str]:
        """The command line's part that is the same for an exec, as podman writes it."""
        log = self.runtime.command(log=place / "runtime.log")[1:]
        return [
            *(str(self.program), "--api-version", "1", "-c", id, "-u", uuid),
            *("-r", str(self.runtime.program), "-b", str(bundle)),
            *("-p", str(place / "pid"), "-P", str(place / "conmon.pid")),
            # podman 4.3 says --exit-dir, and that file is called after the container.
            *("--persist-dir", str(place), "--full-attach"),
            *("-l", f"k8s-file:{place / 'log'}", "--log-level", "error"),
            *([] if self.durable else ["--no-sync-log"]),
            *(f"--runtime-arg={word}" for word in log),
        ]


def start(command: list[str], directory: Path, sync_pipe: int) -> None:
    """Run the front process, which ends at once; LaunchFailed in its own words.

    Before it forks it waits for a byte, so that podman can put it into a cgroup.
    """
    go, told = os.pipe()
    os.write(told, b"\0")
    os.close(told)
    pipes = {SYNC_PIPE: str(sync_pipe), START_PIPE: str(go)}
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **pipes},
            pass_fds=[sync_pipe, go],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=directory,  # 2.1 leaves the file `oom` in its working directory
        )
    except OSError as error:  # ENOENT, EACCES: it is not installed
        raise LaunchFailed(f"cannot start conmon: {error}") from error
    finally:
        os.close(go)
    if done.returncode:
        raise LaunchFailed(done.stderr.decode(errors="replace").strip())


def note_identity(directory: Path) -> None:
    """Write down who it is, as our shim does itself: a pid alone is a seat number."""
    with suppress(FileNotFoundError, ProcessLookupError):  # it never was; it has ended
        conmon = Identity.of(int((directory / "conmon.pid").read_text()))
        note = str(conmon).encode()
        write_atomically(directory / "shim.pid", note, durable=False)


def receive(sync_pipe: int, deadline: float) -> dict[str, int]:
    """Its first line, with which an exec's exit code may have come; the pipe stays open."""
    said = b""
    while b"\n" not in said:
        if not select.select([sync_pipe], [], [], deadline)[0]:
            raise LaunchFailed(f"conmon has reported nothing in {deadline:g} s")
        piece = os.read(sync_pipe, 65536)
        if not piece:
            raise LaunchFailed("conmon died before it could report")
        said += piece
    report: dict[str, int] = json.loads(said.splitlines()[0])
    return report


def reason(report: dict[str, int], directory: Path) -> str:
    """The runtime's own words, else what conmon has made of its stderr."""
    log = directory / "runtime.log"
    said = log.read_text(errors="replace") if log.exists() else ""
    return last_words(said) or str(report.get("message", "")).strip()


class ConmonContainer(ShimContainer):
    """A container, and the files in which conmon tells of it."""

    def __init__(self, runtime: Runtime, id: str, conmon: Conmon) -> None:
        super().__init__(runtime, id)
        self.attach_socket = self.directory / "bundle" / "attach"
        self._conmon = conmon

    def wait(self, timeout: float) -> Exit:
        """Wait for its exit file, or for the end of conmon."""
        return told_by(self, timeout)

    def exec(self, id: str, *args: str, terminal: bool = False) -> Kept:
        """Run one command more in it, under a conmon of its own.  LaunchFailed."""
        options = prepare(self._runtime, self.id, id, *args, terminal=terminal)
        place = Path(options.directory)
        words = self._conmon.words(self.id, id, place, place)
        what = ["-e", "--exec-process-spec", options.file("process.json")]
        self._conmon.launch([*words, *what, *(["-t"] if terminal else [])], place)
        return ConmonExec(id, place)


class ConmonExec(Kept):
    """A command more, and the files in which its conmon tells of it."""

    def wait(self, timeout: float) -> Exit:
        """Wait for its exit file, or for the end of conmon."""
        return told_by(self, timeout)


def told_by(kept: Kept, timeout: float) -> Exit:
    """How it ended, by its exit file.  TimeoutError, ExitLost."""
    if not wait_for_end(kept.directory, kept.shim, timeout):
        raise TimeoutError(f"{kept.id} did not end in {timeout:g} s")
    exit_file = kept.directory / "exit"
    if not exit_file.exists():
        raise ExitLost(f"the conmon of {kept.id} died before its container")
    told, at = int(exit_file.read_text()), exit_file.stat().st_mtime
    return to_exit(told, at, oom=(kept.directory / "oom").exists())


def to_exit(told: int, at: float, oom: bool) -> Exit:
    """What its number means, most likely.

    >>> print(to_exit(7, 0.0, oom=False), to_exit(137, 0.0, oom=True), sep=", ")
    exit code 7, killed by SIGKILL: out of memory
    """
    if 128 < told < 128 + signal.NSIG:
        return Exit(signal=told - 128, at=at, oom=oom)
    return Exit(code=told, at=at)
