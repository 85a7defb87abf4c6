"""A manager in another process, with the methods of one in ours.

    manager = Client("/run/conmand.sock")     # or Manager(root): the rest stays as it is
    manager.create("web", "bundles/sleeper")

What `Manager` raises is raised here, in the same words.  Calls block; several threads
may call at once, each over a connection of its own, which is kept for the next one.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Self

from conman_lab.linux import Exit
from conman_lab.oci import Bundle, Completed

from .answers import Event, Record, Stats, Version
from .container import NEVER, UNLIMITED, Container, Limits, Restart, Status
from .remote import RemoteSession
from .vocabulary import Facts, List, Names, Source
from .wire import convert, parts
from .wire.call import Call
from .wire.channel import Channel
from .wire.schema import METHODS
from .wire.streams import Replies

DEFAULT_SOCKET = Path("/run/conmand.sock")


class Client:
    """The daemon that listens on `socket`; nobody is called before the first call.

    Unreachable: no daemon answers there, or it went in the middle.  PermissionError.
    """

    def __init__(self, socket: Path | str = DEFAULT_SOCKET) -> None:
        self.socket = Path(socket).absolute()
        self._channel = Channel(self.socket)

    def __repr__(self) -> str:
        return f"Client({str(self.socket)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; a later call would connect again."""
        self._channel.close()

    # --- the life of a container

    def create(
        self,
        name: str,
        source: Source,
        *command: str,
        env: Mapping[str, str] = {},
        readonly: bool | None = None,
        labels: Mapping[str, str] = {},
        limits: Limits = UNLIMITED,
        restart: Restart = NEVER,
        auto_remove: bool = False,
        terminal: bool = False,
        stdin: bool = False,
        stdin_once: bool = True,
        rows: int = 0,
        columns: int = 0,
    ) -> Container:
        """Make a container; `source` is a directory of this machine, or a bundle."""
        reply = self._channel.call(
            METHODS["CreateContainer"],
            name=name,
            **_source(source),
            command=command[0] if command else "",
            args=command[1:],
            env=env,
            readonly=readonly,
            labels=labels,
            limits=parts.limits_message(limits),
            restart=parts.restart_message(restart),
            auto_remove=auto_remove,
            terminal=terminal,
            stdin=stdin,
            stdin_once=stdin_once,
            window={"rows": rows, "columns": columns},
            whole=True,
        )
        return convert.container_of(reply.whole)

    def start(self, ref: str) -> Container:
        """Let its command begin."""
        return self._changed("StartContainer", ref, whole=True)

    def stop(self, ref: str, timeout: float = 10.0) -> Container:
        """SIGTERM, `timeout` seconds, SIGKILL."""
        return self._changed("StopContainer", ref, whole=True, patience=timeout)

    def kill(self, ref: str, signum: int = 15) -> None:
        """Send a signal to its first process."""
        self._about("KillContainer", ref, signal=signum)

    def wait(self, ref: str, timeout: float | None = None) -> Exit:
        """How it ended.  Deadline: not within `timeout` seconds."""
        return parts.exit_of(self._about("WaitContainer", ref, timeout=timeout).exit)

    def pause(self, ref: str) -> Container:
        """Freeze every process of it."""
        return self._changed("PauseContainer", ref)

    def resume(self, ref: str) -> Container:
        """Thaw them."""
        return self._changed("ResumeContainer", ref)

    def remove(self, ref: str, force: bool = False) -> None:
        """Leave nothing of it."""
        self._about("RemoveContainer", ref, force=force, strict=True)

    # --- what can be asked

    def version(self) -> Version:
        """Who answers."""
        return parts.version_of(self._channel.call(METHODS["Version"]))

    def list(
        self, status: Status | None = None, labels: Mapping[str, str] = {}
    ) -> List:
        """All of them, or those of a status and with these labels."""
        state = None if status is None else convert.NUMBER[status]
        wanted = {"whole": True, "state": state, "labels": labels}
        reply = self._channel.call(METHODS["ListContainers"], **wanted)
        return [convert.container_of(it.whole) for it in reply.containers]

    def status(self, ref: str) -> Container:
        """One of them."""
        return self._changed("ContainerStatus", ref, whole=True)

    def inspect(self, ref: str) -> Facts:
        """All that is known of it, as JSON has it."""
        facts: Facts = json.loads(self._about("InspectContainer", ref).json)
        return facts

    def stats(self, ref: str) -> Stats:
        """What it uses by now."""
        return parts.stats_of(self._about("ContainerStats", ref))

    def prune(self) -> Names:
        """Remove all that have ended; their ids."""
        return [*self._channel.call(METHODS["Prune"]).removed]

    # --- streams

    def logs(
        self,
        ref: str,
        since: float | None = None,
        tail: int | None = None,
        follow: bool = False,
    ) -> Iterator[Record]:
        """What it has written; closing the iterator hangs up."""
        wanted: Any = {"since": since, "tail": tail, "follow": follow}
        call = self._channel.begin(METHODS["Logs"], container_id=ref, **wanted)
        return Replies(call, "records", parts.record_of, self._done(call))

    def events(self, since: float | None = None) -> Iterator[Event]:
        """What happens from now on; closing the iterator hangs up."""
        call = self._channel.begin(METHODS["Events"], since=since)
        return Replies(call, "events", parts.event_of, self._done(call))

    def attach(self, ref: str, stdin: bool = False) -> RemoteSession:
        """See what it writes from now on, and type."""
        return self._session(attach={"container_id": ref, "stdin": stdin})

    def exec(
        self,
        ref: str,
        *command: str,
        env: Mapping[str, str] = {},
        cwd: str | None = None,
        terminal: bool = False,
        stdin: bool = False,
        rows: int = 0,
        columns: int = 0,
        log: bool = False,
    ) -> RemoteSession:
        """Run one command more in it."""
        wanted = {"container_id": ref, "command": command, "env": env, "cwd": cwd}
        window = {"rows": rows, "columns": columns}
        how = {"terminal": terminal, "stdin": stdin, "window": window, "log": log}
        return self._session(exec=wanted | how)

    def run_in(
        self,
        ref: str,
        *command: str,
        env: Mapping[str, str] = {},
        cwd: str | None = None,
        timeout: float | None = None,
    ) -> Completed:
        """The same, and wait for it."""
        wanted = {"container_id": ref, "command": command, "env": env, "cwd": cwd}
        done = self._channel.call(METHODS["RunIn"], exec=wanted, timeout=timeout)
        return Completed(done.status, done.stdout, done.stderr)

    # --- how

    def _about(self, name: str, ref: str, **fields: Any) -> Any:
        return self._channel.call(METHODS[name], container_id=ref, **fields)

    def _changed(self, name: str, ref: str, **fields: Any) -> Container:
        return convert.container_of(self._about(name, ref, **fields).whole)

    def _session(self, **request: Any) -> RemoteSession:
        call = self._channel.begin(METHODS["Session"], end=False, **request)
        return RemoteSession(call, self._done(call))

    def _done(self, call: Call) -> Callable[[], None]:
        """What ends it, and has its connection kept if that is still of use."""
        return partial(self._channel.done, call)


def _source(source: Source) -> dict[str, str]:
    """Where it is, for a process with another working directory."""
    if isinstance(source, Bundle):
        return {
            "source": str(source.directory.absolute()),
            "config": json.dumps(source.config),
        }
    return {"source": str(Path(source).absolute())}
