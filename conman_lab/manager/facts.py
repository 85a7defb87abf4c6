"""What has become of a container, as the files and the kernel tell it.

    first process   exit file   shim      status
    gone            there       any       EXITED
    lives           none        lives     CREATED while it waits at its fifo, RUNNING then
    lives           none        gone      the same, but nobody will hear how it ends
    gone            none        lives     as before: its shim is about to tell
    gone            none        gone      UNKNOWN
    lives           there       lives     as if there were none: it is another run's

No runtime is asked: that is a program to start, 10 ms for each container.  A process is
a pid and a start time, so the next one of that pid is not taken for it.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from conman_lab.identity import Identity, boot_id
from conman_lab.linux import Exit
from conman_lab.oci import Runtime
from conman_lab.shim.exitfile import read_exit_file

from .container import Container, Status
from .store import Store

NOBODY_HEARS = "its shim has died: how it ends will not be known"
LOST = "its shim died before it did: how it ended is not known"


@dataclass(frozen=True)
class Facts:
    """What is so, of one container."""

    exit: Exit | None
    lives: bool  # its first process
    kept: bool  # its shim lives
    waits: bool  # it has not been started
    started_at: float | None

    @property
    def status(self) -> Status:
        """The table above."""
        if self.exit:
            return Status.EXITED
        if self.lives or self.kept:
            return Status.CREATED if self.waits else Status.RUNNING
        return Status.UNKNOWN

    @property
    def message(self) -> str:
        """What is wrong."""
        if self.exit or self.kept:
            return ""
        return NOBODY_HEARS if self.lives else LOST


def look(container: Container, store: Store, runtime: Runtime) -> Container:
    """The container as it is now."""
    if not container.process:  # its state.json could not be read
        return container
    facts = gather(container, store, runtime)
    return replace(
        container,
        status=facts.status,
        exit=facts.exit,
        started_at=facts.started_at,
        message=facts.message,
    )


def gather(container: Container, store: Store, runtime: Runtime) -> Facts:
    """Look at who might still tell first, and at what has been told last.

    In this order nothing is missed: when the shim has gone, its exit file is there, or
    never will be.
    """
    directory = store.directory(container.id)
    shim = shim_of(directory)
    kept = shim is not None and shim.alive
    lives = first_process(container).alive
    exit = None if lives else exit_of(directory)
    waits = fifo(runtime, container.id).exists()
    begun = exit is not None or not waits
    started_at = _started_at(container.id, store, runtime) if begun else None
    return Facts(exit, lives, kept, waits, started_at)


def exit_of(directory: Path, name: str = "exit") -> Exit | None:
    """How it ended, if its shim has told; no learner's shim can make us fall."""
    try:
        return read_exit_file(directory / name)
    except (ValueError, TypeError):
        return None


def shim_of(directory: Path) -> Identity | None:
    """Its shim, living or dead."""
    return Identity.read(directory / "shim.pid")


def shims_of(directory: Path) -> list[Identity]:
    """Its own, and those of the commands in it; living or dead."""
    notes = [directory / "shim.pid", *directory.glob("execs/*/shim.pid")]
    return [shim for note in notes if (shim := Identity.read(note))]


def first_process(container: Container) -> Identity:
    """As we wrote it down when it was created."""
    return Identity.parse(container.process)


def identity(pid: int) -> Identity:
    """Of a process that was there just now; somebody may have killed it by now."""
    try:
        return Identity.of(pid)
    except ProcessLookupError:
        return Identity(pid, 0, boot_id())


def fifo(runtime: Runtime, id: str) -> Path:
    """Where it waits for `start`, which removes it: runc's own idea of "created"."""
    return runtime.root / id / "exec.fifo"


def _started_at(id: str, store: Store, runtime: Runtime) -> float | None:
    """When it was; of one that somebody else has started, when the fifo went."""
    noted = store.noted(id, "started")
    if noted is None and not fifo(runtime, id).exists():
        with suppress(OSError):  # ENOENT: the runtime knows nothing of it
            return (runtime.root / id).stat().st_mtime
    return noted
