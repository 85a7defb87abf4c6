"""How a container begins, and begins again.

    create    directory, root file system, bundle, shim, state.json
    restart   shim, state.json

Each has its order for the sake of whoever comes after a crash: a directory without a
state.json is no container, and an exit file is that of the run before as long as the
first process of state.json lives.
"""

import os
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from conman_lab.errors import LaunchFailed
from conman_lab.files import remove
from conman_lab.oci import Bundle
from conman_lab.shim.launch import launch
from conman_lab.shim.protocol import Options
from conman_lab.spans import spanned

from . import overlay
from .container import Container
from .facts import identity, shims_of
from .house import House
from .register import Entry
from .removal import clear, discard
from .steps import passed

Window = tuple[int, int]  # rows and columns of a terminal; 0: as it is


@spanned("manager create")
def create(
    house: House, container: Container, bundle: Bundle, window: Window = (0, 0)
) -> Container:
    """Make it whole, or leave nothing."""
    with ExitStack() as undo:
        house.register.reserve(container.name)
        undo.callback(house.register.release, container.name)
        directory = house.store.make(container.id)
        container = replace(container, log_path=str(directory / "log"))
        undo.callback(discard, house, container.id)
        passed("create: directory made")
        own = _with_root(bundle, directory, container.readonly)
        passed("create: root file system there")
        own.with_cgroup(f"/{house.group(container.id)}").save()
        passed("create: bundle saved")
        created = _launched(house, container, window)
        passed("create: shim launched")
        house.store.save(created)
        passed("create: state saved")
        entry = Entry(created)
        house.register.add(entry)
        undo.callback(house.register.remove, entry)
        house.listen(entry)
        undo.pop_all()
    house.tell("create", created)
    return house.refresh(entry)


@spanned("manager start")
def start(house: House, entry: Entry, kind: str = "start") -> Container:
    """Let its command begin.  RuntimeFailed.

    That it was started is noted and told first: it may end before the runtime does.
    """
    with ExitStack() as undo:
        house.store.note(entry.id, "started", str(time.time()))
        undo.callback(house.store.forget, entry.id, "started")
        passed("start: noted")
        house.tell(kind, entry.container)
        house.runtime.start(entry.id)
        undo.pop_all()
    passed("start: begun")
    return house.refresh(entry)


@spanned("manager restart")
def again(house: House, entry: Entry) -> None:
    """Run it once more, in the same directory, with the same log."""
    id, directory = entry.id, house.store.directory(entry.id)
    clear(house, id, shims_of(directory))
    _keep_exit(directory)
    house.store.forget(id, "pid", "shim.pid", "attach", "ctl")
    passed("restart: cleared")
    created = _launched(house, entry.container)
    passed("restart: shim launched")
    created = replace(created, restarts=created.restarts + 1)
    house.store.save(created)
    passed("restart: state saved")
    house.store.forget(id, "exit", "started")
    passed("restart: exit kept")
    house.renew(entry, created)
    start(house, entry, "restart")


def _with_root(bundle: Bundle, directory: Path, readonly: bool) -> Bundle:
    """Share the bundle's root file system; one that is written gets a layer over it."""
    rootfs = bundle.rootfs if readonly else overlay.mount(directory, bundle.rootfs)
    return replace(bundle.with_rootfs(rootfs), directory=directory / "bundle")


def _launched(house: House, container: Container, window: Window = (0, 0)) -> Container:
    """Start its shim, and with it the container, up to `start`."""
    options = Options(
        id=container.id,
        name=container.name,
        runtime=str(house.runtime.program),
        root=str(house.runtime.root),
        directory=str(house.store.directory(container.id)),
        terminal=container.terminal,
        rows=window[0],
        columns=window[1],
        stdin=container.stdin,
        stdin_once=container.stdin_once,
        debug=house.runtime.debug,
    )
    try:
        pid = launch(options, zygote=house.zygote)
    except LaunchFailed as error:
        raise LaunchFailed(f"cannot create {container.name}: {error}") from error
    return replace(container, process=str(identity(pid)))


def _keep_exit(directory: Path) -> None:
    """The exit of the run before, under a second name; the first may be replaced."""
    before = directory / "exit.before"
    with suppress(FileNotFoundError):  # it was lost
        link = directory / "exit.link"
        remove(link)
        os.link(directory / "exit", link)
        link.replace(before)
