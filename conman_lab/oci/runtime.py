"""The verbs of an OCI runtime, called as a program: runc or crun.

It is no daemon.  Each call reads its state directory (`--root`), does one thing and
ends; what stays between `create` and `start` is the container's first process, which
waits for a reader at a fifo.

Where its words go is the one difficulty.  `create` and `exec` hand their own stderr on
to the container, so from them we ask for a log file of the runtime's own; from the
others we read stderr.
https://github.com/opencontainers/runtime-spec/blob/v1.1.0/runtime.md
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conman_lab import places
from conman_lab.errors import BadBundle, NotPossible, RuntimeFailed, RuntimeMissing
from conman_lab.names import check_name, make_private
from conman_lab.spans import span

from . import cgroups
from .bundle import Bundle

CRUN_ON_HYBRID = (
    "crun does not work where cgroup v1 and v2 are mounted side by side, as here: "
    "take runc, or boot with systemd.unified_cgroup_hierarchy=1"
)
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # a user's PATH may lack them

Words = list[str]  # `list` is one of the verbs below
Pids = list[int]
States = list[dict[str, Any]]


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


@dataclass(frozen=True)
class Runtime:
    """`program`, which keeps its state in `home`, and containers below one cgroup."""

    program: Path
    home: Path
    cgroup_parent: str = field(default_factory=places.cgroup_parent)
    debug: bool = False  # it talks: about a hundred lines for each container
    states: Path | None = None  # its state directory; None: in `home`, by its name

    @classmethod
    def find(cls, name: str | None = None, home: Path | None = None) -> "Runtime":
        """The runtime called `name`, or CONMAN_LAB_RUNTIME, or runc; RuntimeMissing."""
        wanted = name or os.environ.get("CONMAN_LAB_RUNTIME") or "runc"
        path = f"{os.environ.get('PATH', os.defpath)}:{SBIN}"
        program = shutil.which(wanted, path=path)
        if program is None:
            raise RuntimeMissing(
                f"there is no {wanted}: install it (./lab setup does), or name another "
                "one in CONMAN_LAB_RUNTIME"
            )
        return cls(Path(program), home or places.home("default"))

    @property
    def name(self) -> str:
        """The program's name: runc, crun."""
        return self.program.name

    @property
    def root(self) -> Path:
        """Its state directory; runc and crun do not read each other's."""
        return self.states or self.home / self.name

    def __str__(self) -> str:
        return self.name

    # --- the life of a container

    def create(
        self,
        id: str,
        bundle: Bundle,
        stdio: Stdio = NULL,
        console_socket: Path | None = None,
        log: Path | None = None,
    ) -> int:
        """Make it, up to its first process, which waits; return that one's pid.

        A bundle that wants a terminal needs the path of a socket on which somebody
        listens: over it the runtime hands out the pty's master.  BadBundle otherwise.
        With a `log` its own words are there, and not in RuntimeFailed.
        """
        if console_socket is None:
            _without_terminal(bundle)
        own = self.place(id, bundle)
        pid_file = own.directory.parent / "pid"
        options = ["--bundle", str(own.directory), "--pid-file", str(pid_file)]
        if console_socket:
            options += ["--console-socket", str(console_socket)]
        with self._forgotten_on_failure(id), self._log() as ours:
            command = self.command("create", *options, id, log=log or ours)
            with span(f"{self} create", id=id):
                status = _run(command, stdio)
            said = last_words(ours.read_text(errors="replace"))
            self._check(command, "create", status, said)
        return int(pid_file.read_text())

    def start(self, id: str) -> None:
        """Let the first process become the container's command."""
        self._call("start", check_name(id))

    def run(self, id: str, bundle: Bundle, stdin: bytes = b"") -> Completed:
        """Create, start, wait, delete, all in one call, in the foreground.

        BadBundle if it wants a terminal: ours is not the container's to have.
        """
        own = self.place(id, _without_terminal(bundle))
        with self._forgotten_on_failure(id):
            done = self._captured(["run", "--bundle", str(own.directory), id], stdin)
        self._forget(id)
        return done

    def exec(
        self,
        id: str,
        *args: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> Completed:
        """Run one command more in a running container, and wait for it."""
        options = ["--cwd", cwd] if cwd else []
        for name, value in (env or {}).items():
            options += ["--env", f"{name}={value}"]
        return self._captured(["exec", *options, check_name(id), *args], stdin)

    def kill(self, id: str, signum: int, everyone: bool = False) -> None:
        """Send a signal to the first process, or to all of them."""
        options = ["--all"] if everyone else []
        self._call("kill", *options, check_name(id), str(int(signum)))

    def pause(self, id: str) -> None:
        """Freeze every process of it.  cgroups(7), freezer."""
        self._call("pause", check_name(id))

    def resume(self, id: str) -> None:
        """Thaw them."""
        self._call("resume", check_name(id))

    def delete(self, id: str, force: bool = False, forget: bool = True) -> None:
        """Remove what is left; `force`: end it first; `forget`: its directory, too."""
        self._call("delete", *(["--force"] if force else []), check_name(id))
        if forget:
            self._forget(id)

    # --- what can be asked

    def state(self, id: str) -> dict[str, Any]:
        """What the spec calls the state: id, pid, status, bundle, annotations."""
        state: dict[str, Any] = json.loads(self._call("state", check_name(id)))
        return state

    def status(self, id: str) -> str:
        """OCI's word: creating, created, running, stopped; runc adds paused."""
        return str(self.state(id)["status"])

    def list(self) -> States:
        """The state of all that it knows."""
        if not self.root.exists():
            return []
        states: States | None = json.loads(self._call("list", "--format", "json"))
        return states or []

    def ps(self, id: str) -> Pids:
        """The pids in the container, as the host counts them."""
        pids: Pids = json.loads(self._call("ps", "--format", "json", check_name(id)))
        return pids

    def stats(self, id: str) -> dict[str, Any]:
        """CPU, memory, pids as the cgroup has counted them; runc only."""
        return dict(self._optional("events", "--stats", check_name(id)).get("data", {}))

    def features(self) -> dict[str, Any]:
        """What it was built with, as JSON; runc since 1.1, crun since 1.8.6."""
        return self._optional("features")

    def version(self) -> str:
        """Its first line about itself, without its name: `1.1.5`."""
        first = self._call("--version").splitlines()[0]
        return first.rpartition(" ")[2]

    # --- how

    def command(self, *words: str, log: Path | str = os.devnull) -> Words:
        """The command line for `words`, with our state directory and a log."""
        debug = ["--debug"] if self.debug else []
        where = ["--root", str(self.root), "--log", str(log), "--log-format", "json"]
        return [str(self.program), *debug, *where, *words]

    def place(self, id: str, bundle: Bundle) -> Bundle:
        """Give the container its own config.json, under our home; return that bundle.

        This is also how we find it again: what is under `containers/` is ours.
        """
        make_private(self.root)
        return bundle.for_container(id, self.home, self.cgroup_parent)

    def _call(self, *words: str) -> str:
        command = self.command(*words)
        make_private(self.root)
        with span(f"{self} {words[0]}"):
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                start_new_session=True,
            )
        said = done.stderr.decode(errors="replace")
        self._check(command, words[0], done.returncode, said)
        return done.stdout.decode(errors="replace")

    def _captured(self, words: Words, stdin: bytes) -> Completed:
        """Run it in the foreground; its failure is the runtime's if that says so."""
        make_private(self.root)
        with self._log() as log:
            command = self.command(*words, log=log)
            with span(f"{self} {words[0]}"):
                done = subprocess.run(
                    command, input=stdin, capture_output=True, start_new_session=True
                )
            if said := last_words(log.read_text(errors="replace")):
                self._check(command, words[0], done.returncode, said)
        return Completed(done.returncode, done.stdout, done.stderr)

    def _optional(self, *words: str) -> dict[str, Any]:
        try:
            return dict(json.loads(self._call(*words)))
        except RuntimeFailed as error:
            if "unknown command" in error.words or "No help topic" in error.words:
                raise NotPossible(
                    f"{self.name} {self.version()} has no `{words[0]}`: take runc"
                ) from None
            raise

    def _check(self, command: Words, verb: str, status: int, words: str) -> None:
        if status == 0:
            return
        if self.name == "crun" and cgroups.mode() is cgroups.Mode.HYBRID:
            words += f"\n{CRUN_ON_HYBRID}"
        raise RuntimeFailed(f"{self.name} {verb}", command, status, words)

    @contextmanager
    def _log(self) -> Iterator[Path]:
        """A file for the runtime's own words, for the time of one call."""
        with tempfile.NamedTemporaryFile(dir=self.home, prefix="log-") as file:
            yield Path(file.name)

    @contextmanager
    def _forgotten_on_failure(self, id: str) -> Iterator[None]:
        """Keep no place for a container that never was; one of that id may be there."""
        try:
            yield
        except RuntimeFailed:
            if not (self.root / id).exists():
                self._forget(id)
            raise

    def _forget(self, id: str) -> None:
        shutil.rmtree(self.home / "containers" / id, ignore_errors=True)


def _without_terminal(bundle: Bundle) -> Bundle:
    """The bundle, if it can do without a console."""
    if bundle.validate().terminal:
        raise BadBundle(
            bundle.directory / "config.json",
            "process.terminal",
            "a terminal needs somebody who holds its other end: give a console "
            "socket, or do without (with_terminal(False))",
        )
    return bundle


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


def _run(command: Words, stdio: Stdio) -> int:
    """Wait for the command alone: the container it leaves keeps our stdio open.

    In a session of its own: a notebook's interrupt button signals our whole group.
    """
    return subprocess.run(
        command,
        stdin=stdio.stdin,
        stdout=stdio.stdout,
        stderr=stdio.stderr,
        start_new_session=True,
    ).returncode
