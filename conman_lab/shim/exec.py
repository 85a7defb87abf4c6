"""A command more in a running container: a shim with another verb.

    containers/web/             runc create --bundle ...         under one shim
    containers/web/execs/ps/    runc exec --process ... web      under another

It has a pid, a log, viewers, perhaps a terminal, and an exit of its own, and none of that
is mistaken for the container's.  When the container ends, the kernel ends all that is in
its pid namespace, pid_namespaces(7), and the exec's shim tells: killed by SIGKILL.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conman_lab.files import write_atomically
from conman_lab.names import check_name, make_private, taking
from conman_lab.oci import Bundle, Runtime

from .protocol import Options


def prepare(
    runtime: Runtime,
    container: str,
    id: str,
    *args: str,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    terminal: bool = False,
    stdin: bool = False,
    stdin_once: bool = True,
    rows: int = 0,
    columns: int = 0,
    name: str = "",
) -> Options:
    """Make the place of the exec `id`; the options are for `launch` or `launch_watched`.

    The command gets all that the container's own has, user, capabilities, environment,
    but what is given here.  BadName, BadBundle, NameTaken.
    """
    place = runtime.home / "containers" / check_name(container)
    own = Bundle.load(place / "bundle").with_args(*args).with_terminal(terminal)
    own = own.with_env(**env or {}).with_cwd(cwd or own.config["process"]["cwd"])
    process = own.validate().config["process"]
    if rows and columns:  # it runs at once, and may ask at once
        process |= {"consoleSize": {"height": rows, "width": columns}}
    directory = _make(place, id, process)
    return Options(
        id=container,
        name=name,
        exec=True,
        runtime=str(runtime.program),
        root=str(runtime.root),
        directory=str(directory),
        terminal=terminal,
        stdin=stdin,
        stdin_once=stdin_once,
        rows=rows,
        columns=columns,
        debug=runtime.debug,
    )


def _make(place: Path, id: str, process: dict[str, Any]) -> Path:
    """The directory of the exec `id`, with what is to run."""
    directory = make_private(place / "execs") / check_name(id)
    taken = f"there is an exec {id!r} in {place.name!r} already: take another id"
    with taking(directory, taken):
        text = json.dumps(process).encode()
        write_atomically(directory / "process.json", text, durable=False)
    return directory
