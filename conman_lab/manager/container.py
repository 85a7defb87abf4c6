"""A container as its manager knows it, and what may be done to it when.

                 create           start            (ends)          remove
    (nothing) ----------> CREATED ------> RUNNING --------> EXITED ---------> (nothing)
                             |              ^ | pause,         ^ |
                             |              | | resume, exec   | |
                             |              '-'                | |
                             +------------- (ends) ------------+ |
                                            ^                    |
                                            '--- restart policy -'

UNKNOWN is none of them: it has ended, and its shim could not tell how.  The names are
the CRI's; the OCI runtime-spec calls EXITED "stopped".  Paused is no status, but a fact
about a running one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from conman_lab.errors import WrongState
from conman_lab.identity import Identity
from conman_lab.linux import Exit


class Status(StrEnum):
    """Where in its life a container is; conman's and the CRI's ContainerState."""

    CREATED = "CREATED"
    RUNNING = "RUNNING"
    EXITED = "EXITED"
    UNKNOWN = "UNKNOWN"


ALIVE = (Status.CREATED, Status.RUNNING)  # there is a first process
_RUNS = {Status.RUNNING: Status.RUNNING}

# The picture above, as data: what an event makes of a status.
TRANSITIONS: Mapping[str, Mapping[Status, Status]] = {
    "start": {Status.CREATED: Status.RUNNING},
    "stop": dict.fromkeys(Status, Status.EXITED) | {Status.UNKNOWN: Status.UNKNOWN},
    "kill": {Status.CREATED: Status.CREATED} | _RUNS,
    "pause": _RUNS,
    "resume": _RUNS,
    "exec in": _RUNS,
    "attach to": {Status.CREATED: Status.CREATED} | _RUNS,
    "measure": {Status.CREATED: Status.CREATED} | _RUNS,
    "restart": {Status.EXITED: Status.RUNNING, Status.UNKNOWN: Status.RUNNING},
}
WAY_OUT: Mapping[Status, str] = {
    Status.CREATED: "start it first",
    Status.RUNNING: "it runs already",
    Status.EXITED: "it has ended; create another one",
    Status.UNKNOWN: "how it ended is lost; remove it, and create another one",
}


class Policy(StrEnum):
    """When a container that has ended is started again."""

    NO = "no"
    ON_FAILURE = "on-failure"  # unless it returned 0
    ALWAYS = "always"  # unless it was asked to stop


@dataclass(frozen=True)
class Restart:
    """A policy, and how many times at most; 0: as often as it takes."""

    policy: Policy = Policy.NO
    limit: int = 0


NEVER = Restart()


@dataclass(frozen=True)
class Limits:
    """At most so many bytes, processes, processors.  None: as the bundle has it."""

    memory: int | None = None
    pids: int | None = None
    cpus: float | None = None


UNLIMITED = Limits()


@dataclass(frozen=True)
class Container:
    """One container; never changed, always replaced.  Times: seconds since 1970.

    What stands above `status` is who it is, and is in state.json; `status` and below it
    are facts, found anew by whoever comes next.
    """

    id: str
    name: str
    command: tuple[str, ...] = ()
    rootfs: str = ""
    readonly: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    restart: Restart = field(default_factory=Restart)
    auto_remove: bool = False  # when it has ended; docker's word for `run --rm`
    terminal: bool = False
    stdin: bool = False  # what viewers type reaches it
    stdin_once: bool = True  # and ends with the first who typed
    created_at: float = 0.0
    process: str = ""  # the first one's Identity, in words
    restarts: int = 0
    status: Status = Status.CREATED
    started_at: float | None = None
    exit: Exit | None = None
    paused: bool = False
    log_path: str = ""
    message: str = ""  # what is wrong with it, in words

    @property
    def pid(self) -> int | None:
        """Its first process, as long as it lives."""
        lives = self.process and self.status in ALIVE
        return Identity.parse(self.process).pid if lives else None

    @property
    def finished_at(self) -> float | None:
        """When it ended."""
        return self.exit.at if self.exit else None

    def may(self, event: str) -> "Container":
        """Return it, if its status allows the event.

        >>> Container(id="1", name="web", status=Status.EXITED).may("start")
        Traceback (most recent call last):
        conman_lab.errors.WrongState: cannot start web, it is EXITED: \
it has ended; create another one
        """
        if self.status not in TRANSITIONS[event]:
            way_out = WAY_OUT[self.status]
            raise WrongState(
                f"cannot {event} {self.name}, it is {self.status}: {way_out}"
            )
        return self

    def __str__(self) -> str:
        paused = " (paused)" if self.paused else ""
        how = f", {self.exit}" if self.exit else ""
        return f"{self.name}: {self.status}{paused}{how}"

    __repr__ = __str__
