"""The processes at the decisive moment, in few words that are the same everywhere.

    manager
    init
    └─ shim
       └─ sh, the container

Whoever adopts orphans here is called init: on a desktop it may be `systemd --user`,
which is a subreaper for all that one user starts, PR_SET_CHILD_SUBREAPER(2const).
"""

import os
from collections.abc import Iterator, Mapping

from conman_lab.launcher import Launched
from conman_lab.observe.procfs import ZOMBIE, Process, Tree, tree_of

Lines = Iterator[str]


def draw(container: Launched | None, manager: int, others: Mapping[str, int]) -> str:
    """The manager, and below it or below init: keeper, container, others by role."""
    roles = {pid: role for role, pid in others.items()}
    keepers = []
    if container:
        roles[container.pid] = "the container"
        keepers = [container.keeper] if container.keeper else []
    trees = tree_of(*keepers, *roles)
    ours = [tree for tree in trees if tree.process.ppid == manager]
    adopted = [tree for tree in trees if tree.process.ppid != manager]
    lives = os.path.exists(f"/proc/{manager}")
    lines = ["manager" if lives else "manager, dead", *_below(ours, roles)]
    if adopted:
        lines += ["init", *_below(adopted, roles)]
    return "\n".join(lines)


def _below(trees: list[Tree], roles: Mapping[int, str], indent: str = "") -> Lines:
    for tree in trees:
        last = tree is trees[-1]
        yield f"{indent}{'└─' if last else '├─'} {_name(tree.process, roles)}"
        deeper = indent + ("   " if last else "│  ")
        yield from _below(list(tree.children), roles, deeper)


def _name(process: Process, roles: Mapping[int, str]) -> str:
    """Its comm, and its role; `runc:[2:INIT]` is runc init, and `shim:web` a shim."""
    comm = process.comm
    name = "runc init" if comm.startswith("runc:[") else comm.partition(":")[0]
    role = f", {roles[process.pid]}" if process.pid in roles else ""
    dead = ", dead" if process.state == ZOMBIE else ""
    return f"{name}{role}{dead}"
