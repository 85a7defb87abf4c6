"""The processes at the decisive moment, in few words that are the same everywhere.

    manager
    init
    └─ shim
       └─ sh, the container

Whoever adopts orphans here is called init: on a desktop it may be `systemd --user`,
which is a subreaper for all that one user starts, PR_SET_CHILD_SUBREAPER(2const).
"""

import os
from collections.abc import Iterator

from conman_lab.launcher import Launched
from conman_lab.observe.procfs import ZOMBIE, Process, Tree, tree_of


def draw(container: Launched, manager: int, *others: int) -> str:
    """The manager, and below it or below init: keeper, container, and `others`."""
    keeper = [container.keeper] if container.keeper else []
    trees = tree_of(*keeper, container.pid, *others)
    ours = [tree for tree in trees if tree.process.ppid == manager]
    adopted = [tree for tree in trees if tree.process.ppid != manager]
    lives = os.path.exists(f"/proc/{manager}")
    lines = ["manager" if lives else "manager, dead", *_below(ours, container)]
    if adopted:
        lines += ["init", *_below(adopted, container)]
    return "\n".join(lines)


def _below(trees: list[Tree], container: Launched, indent: str = "") -> Iterator[str]:
    for tree in trees:
        last = tree is trees[-1]
        yield f"{indent}{'└─' if last else '├─'} {_name(tree.process, container)}"
        deeper = indent + ("   " if last else "│  ")
        yield from _below(list(tree.children), container, deeper)


def _name(process: Process, container: Launched) -> str:
    """Its comm; `runc:[2:INIT]` is runc init, and `shim:web` a shim."""
    comm = process.comm
    name = "runc init" if comm.startswith("runc:[") else comm.partition(":")[0]
    dead = ", dead" if process.state == ZOMBIE else ""
    role = ", the container" if process.pid == container.pid else ""
    return f"{name}{role}{dead}"
