"""The verbs of an OCI runtime, called as a program: runc or crun.

It is no daemon.  Each call reads its state directory (`--root`), does one thing and
ends; what stays between `create` and `start` is the container's first process, which
waits for a reader at a fifo.

How it is called, and where its words go, is in program.py.
https://github.com/opencontainers/runtime-spec/blob/v1.1.0/runtime.md
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conman_lab import places
from conman_lab.errors import BadBundle, NotPossible, RuntimeFailed, RuntimeMissing
from conman_lab.names import check_name, make_private
from conman_lab.spans import span

from .bundle import Bundle
from .program import (
    NULL,
    Completed,
    Stdio,
    Words,
    captured,
    check,
    handed_on,
    last_words,
    log_file,
)

SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # a user's PATH may lack them

Pids = list[int]  # `list` is one of the verbs below
States = list[dict[str, Any]]


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
        with self._placed(id, bundle) as own, log_file(self.home) as ours:
            pid_file = own.directory.parent / "pid"
            options = ["--bundle", str(own.directory), "--pid-file", str(pid_file)]
            if console_socket:
                options += ["--console-socket", str(console_socket)]
            command = self.command("create", *options, id, log=log or ours)
            with span(f"{self} create", id=id):
                status = handed_on(command, stdio)
            said = last_words(ours.read_text(errors="replace"))
            check(command, "create", status, said)
            return int(pid_file.read_text())

    def start(self, id: str) -> None:
        """Let the first process become the container's command."""
        self._call("start", check_name(id))

    def run(self, id: str, bundle: Bundle, stdin: bytes = b"") -> Completed:
        """Create, start, wait, delete, all in one call, in the foreground.

        BadBundle if it wants a terminal: ours is not the container's to have.
        """
        with self._placed(id, _without_terminal(bundle)) as own:
            return self._captured(["run", "--bundle", str(own.directory), id], stdin)

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
            done = captured(command)
        check(command, words[0], done.status, done.stderr.decode(errors="replace"))
        return done.stdout.decode(errors="replace")

    def _captured(self, words: Words, stdin: bytes) -> Completed:
        """Run it in the foreground; its failure is the runtime's if that says so."""
        make_private(self.root)
        with log_file(self.home) as log:
            command = self.command(*words, log=log)
            with span(f"{self} {words[0]}"):
                done = captured(command, stdin)
            if said := last_words(log.read_text(errors="replace")):
                check(command, words[0], done.status, said)
        return done

    def _optional(self, *words: str) -> dict[str, Any]:
        try:
            return dict(json.loads(self._call(*words)))
        except RuntimeFailed as error:
            if "unknown command" in error.words or "No help topic" in error.words:
                raise NotPossible(
                    f"{self.name} {self.version()} has no `{words[0]}`: take runc"
                ) from None
            raise

    @contextmanager
    def _placed(self, id: str, bundle: Bundle) -> Iterator[Bundle]:
        """Its place, kept for no container that never was, or has been deleted.

        But one whose `runc run` was killed lives on, and is found by its place.
        """
        own = self.place(id, bundle)
        try:
            yield own
        finally:
            if not (self.root / id).exists():
                self._forget(id)

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
