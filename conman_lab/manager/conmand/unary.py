"""One question, one answer: a function for each method, and how long it takes.

They run in threads, and know messages on one side and the manager on the other.
"""

import json
import signal
from collections.abc import Callable
from functools import partial
from typing import Any

from conman_lab.errors import NotFound
from conman_lab.manager.container import Container
from conman_lab.manager.vocabulary import Containers
from conman_lab.manager.wire import convert, parts
from conman_lab.manager.wire.schema import METHODS

from . import asked
from .rows import Rows
from .threads import Kind

Answer = Callable[[Containers, Any], Any]  # a request's message to a reply's


def version(manager: Containers, request: Any) -> Any:
    """Who we are, and our runtime."""
    it = manager.version()
    return METHODS["Version"].reply(
        version=it.version,
        runtime_name=it.runtime_name,
        runtime_version=it.runtime_version,
    )


def create(manager: Containers, request: Any) -> Any:
    """Make a container, in conman's words or in ours."""
    command = [request.command] if request.command else []
    window = request.window
    made = manager.create(
        request.name,
        asked.source(request),
        *command,
        *request.args,
        env=dict(request.env),
        readonly=asked.readonly(request),
        labels=dict(request.labels),
        limits=parts.limits_of(request.limits),
        restart=asked.restart(request),
        auto_remove=request.auto_remove,
        terminal=request.terminal,
        stdin=request.stdin,
        stdin_once=request.stdin_once,
        rows=window.rows,
        columns=window.columns,
    )
    return METHODS["CreateContainer"].reply(
        container_id=made.id,
        whole=convert.whole_message(made) if request.whole else None,
    )


def stop(manager: Containers, request: Any) -> Any:
    """End it; conman counts in whole seconds."""
    if not request.HasField("patience"):
        request.patience = request.timeout
    patience = asked.seconds(request, "patience") or 0.0
    stopped = manager.stop(request.container_id, patience)
    return _changed("StopContainer", stopped, request)


def remove(manager: Containers, request: Any) -> Any:
    """Leave nothing of it; for conman what is gone already is no error."""
    try:
        manager.remove(request.container_id, force=request.force)
    except NotFound:
        if request.strict:
            raise
    return METHODS["RemoveContainer"].reply()


def list_all(rows: Rows, manager: Containers, request: Any) -> Any:
    """All of them, or some."""
    found = manager.list(asked.status(request), dict(request.labels))
    return rows.packed(found, request.whole)


def status(manager: Containers, request: Any) -> Any:
    """One of them."""
    it = manager.status(request.container_id)
    reply = METHODS["ContainerStatus"].reply
    if request.whole:
        return reply(whole=convert.whole_message(it))
    return reply(status=convert.state_message(it))


def inspect(manager: Containers, request: Any) -> Any:
    """All that is known, as JSON."""
    facts = json.dumps(manager.inspect(request.container_id))
    return METHODS["InspectContainer"].reply(json=facts)


def kill(manager: Containers, request: Any) -> Any:
    """Send a signal; SIGTERM, if nobody says which."""
    wanted = request.signal if request.HasField("signal") else signal.SIGTERM
    manager.kill(request.container_id, wanted)
    return METHODS["KillContainer"].reply()


def stats(manager: Containers, request: Any) -> Any:
    """What it uses."""
    return parts.stats_message(manager.stats(request.container_id))


def prune(manager: Containers, request: Any) -> Any:
    """Remove all that have ended."""
    return METHODS["Prune"].reply(removed=manager.prune())


def run_in(manager: Containers, request: Any) -> Any:
    """Run a command, and collect what it says."""
    wanted = request.exec
    done = manager.run_in(
        wanted.container_id,
        *wanted.command,
        env=dict(wanted.env),
        **parts.given(wanted, "cwd"),
        timeout=asked.seconds(request, "timeout"),
    )
    return METHODS["RunIn"].reply(
        status=done.status, stdout=done.stdout, stderr=done.stderr
    )


def _simply(name: str, verb: str, manager: Containers, request: Any) -> Any:
    """A verb that takes a container and returns it."""
    return _changed(name, getattr(manager, verb)(request.container_id), request)


def _changed(name: str, container: Container, request: Any) -> Any:
    """Nothing for conman's client; for ours, what has become of it."""
    wanted = getattr(request, "whole", True)
    return METHODS[name].reply(
        whole=convert.whole_message(container) if wanted else None
    )


UNARY: dict[str, tuple[Kind, Answer]] = {
    "Version": (Kind.LOOK, version),
    "CreateContainer": (Kind.CHANGE, create),
    "StartContainer": (Kind.CHANGE, partial(_simply, "StartContainer", "start")),
    "StopContainer": (Kind.WAIT, stop),
    "RemoveContainer": (Kind.WAIT, remove),
    "ListContainers": (Kind.LOOK, partial(list_all, Rows())),
    "ContainerStatus": (Kind.LOOK, status),
    "KillContainer": (Kind.CHANGE, kill),
    "PauseContainer": (Kind.CHANGE, partial(_simply, "PauseContainer", "pause")),
    "ResumeContainer": (Kind.CHANGE, partial(_simply, "ResumeContainer", "resume")),
    "InspectContainer": (Kind.LOOK, inspect),
    "ContainerStats": (Kind.LOOK, stats),
    "Prune": (Kind.WAIT, prune),
    "RunIn": (Kind.WAIT, run_in),
}
