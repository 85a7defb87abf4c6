"""The orphan: its parent has ended, and its grandparent does not get it.

A process whose parent ends goes to the nearest subreaper above, else to the first one
of its pid namespace.  In a pid namespace of its own a container keeps its orphans.  In
the host's (`podman run --pid=host`, a pod's `hostPID`) they come out: one `&` too many
in a script, and there is a process that belongs to no container and to no manager, and
whose end nobody will hear.

A shim is a subreaper, and not for its container's first process alone: whatever is
orphaned in there is its own, and is reaped by it.
"""

from conman_lab.checks import Check, Evidence
from conman_lab.launcher import Launcher
from conman_lab.observe.procfs import snapshot

from .stage import Stage

FORK_TWICE = "(read cue </stage/cue & echo $! >/stage/word)"  # and ( ) ends at once
SCRIPT = f"{FORK_TWICE}; echo left >/stage/word; read cue </stage/cue"


def experiment(launcher: Launcher, evidence: Evidence) -> None:
    """A container forks twice, in the host's pid namespace, and one is left."""
    with Stage(launcher, evidence, "orphan") as stage:
        bundle = stage.bundle(SCRIPT).without_namespaces("pid")
        container = stage.create(bundle)
        stage.start(container)
        grandchild = int(stage.word())
        stage.word()  # that its parent has ended
        stage.look(container, grandchild=grandchild)

        parent = snapshot([grandchild])[grandchild].ppid
        kept = parent == container.keeper
        seen = "the keeper" if kept else "init"
        wanted = "the keeper as the grandchild's parent"
        evidence.expect(kept, wanted, f"{seen} as its parent")


CHECK = Check("orphan", "what a container orphans, its keeper adopts", experiment)
