"""A process in a few words, and the colours that go with it."""

from conman_lab.observe import words
from conman_lab.observe.procfs import Process

HUES = {  # of the namespaces; all can be read on white and on black
    "cgroup": "#8a8f98",
    "ipc": "#b7791f",
    "mnt": "#4c9a52",
    "net": "#3b82d0",
    "pid": "#c2588f",
    "time": "#8a8f98",
    "user": "#dc4a4a",
    "uts": "#8f6fd1",
}


def in_words(process: Process) -> str:
    """Its command line, shortened; its comm, if it has none: a zombie, `runc init`."""
    return words.in_words(process.command or (_comm(process),))


def _comm(process: Process) -> str:
    """`runc init` calls itself runc:[2:INIT] while it has no other command line."""
    return "runc init" if process.comm.startswith("runc:[") else process.comm
