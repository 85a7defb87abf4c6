"""What a container is to be: a bundle, and the wishes of whoever creates it."""

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conman_lab.errors import BadBundle, InvalidArgument
from conman_lab.oci import Bundle
from conman_lab.shim.ctl import LARGEST

from .container import Container, Limits, Policy, Restart
from .store import new_id
from .vocabulary import Source

LEAST_CPUS = 0.01  # 1 ms of each 100 ms: scheduler/sched-bwc.rst; 0 would be no limit


def found(source: Source) -> Bundle:
    """A bundle as it is, or one for a directory that is a root file system."""
    if isinstance(source, Bundle):
        return source
    directory = Path(source).absolute()
    if not directory.is_dir():
        raise BadBundle(directory, "", "there is no such directory: build it first")
    if (directory / "config.json").exists():
        return Bundle.load(directory)
    return Bundle.create(directory, rootfs=directory)


def prepared(
    bundle: Bundle,
    command: tuple[str, ...],
    *,
    env: Mapping[str, str],
    readonly: bool | None,
    limits: Limits,
    terminal: bool,
) -> Bundle:
    """The bundle with these wishes; BadBundle if no runtime could run it."""
    if command:
        bundle = bundle.with_args(*command)
    if env:
        bundle = bundle.with_env(**env)
    if readonly is not None:
        bundle = bundle.with_readonly(readonly)
    if terminal:
        bundle = bundle.with_terminal()
    if limits != Limits():
        bundle = bundle.with_limits(limits.memory, limits.pids, limits.cpus)
    return bundle.validate()


def container(name: str, bundle: Bundle, **wishes: Any) -> Container:
    """Who it will be.  A root file system can be written unless its bundle says no."""
    return Container(
        id=new_id(),
        name=name,
        command=tuple(bundle.args),
        rootfs=str(bundle.rootfs),
        readonly=bool(bundle.config["root"].get("readonly", False)),
        terminal=bundle.terminal,
        created_at=time.time(),
        **wishes,
    )


def check(
    labels: Mapping[str, str], limits: Limits, restart: Restart, auto_remove: bool
) -> None:
    """InvalidArgument for what JSON, a cgroup or a clock could not make sense of."""
    for word in (*labels, *labels.values()):
        if not isinstance(word, str):
            raise InvalidArgument(f"labels are words, and {word!r} is none")
    for name, limit in vars(limits).items():
        if limit is not None and not 0 < limit < math.inf:  # nor a NaN
            raise InvalidArgument(f"a limit is more than 0, and {name} is {limit}")
    if limits.cpus is not None and limits.cpus < LEAST_CPUS:
        raise InvalidArgument(f"cpus is {LEAST_CPUS} or more, not {limits.cpus:g}")
    if restart.limit < 0:
        raise InvalidArgument(
            f"a container is restarted 0 times or more, not {restart.limit}"
        )
    if auto_remove and restart.policy is not Policy.NO:
        raise InvalidArgument(
            f"a container that has ended is started again ({restart.policy}) or "
            "removed: take one of restart and auto_remove"
        )


def check_window(rows: int, columns: int) -> None:
    """InvalidArgument for a size that no terminal can have."""
    if not (0 <= rows <= LARGEST and 0 <= columns <= LARGEST):
        raise InvalidArgument(
            f"a window has 0 to {LARGEST} rows and columns, not {rows} and {columns}"
        )
