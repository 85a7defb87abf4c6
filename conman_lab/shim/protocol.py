"""What the shim and its manager must agree on, and nothing else.

The manager starts the shim with the write end of a pipe, the sync pipe, whose number is
in `_OCI_SYNCPIPE`, and waits for one line of JSON:

    manager                     shim
       |------ fork, exec ------->|
       |                          |---- runc create
       |<---- {"pid": 4242} ------|     the container is there, and waits in `runc init`
       |<---- {"error": ...} -----|     or it is not, and this is the runtime's reason

End of file and no line: the shim itself has died.  When the container ends the shim
leaves an exit file, which outlives them both.

`json` costs 7 ms and 0.4 MiB, so the shim writes its numbers by hand, and imports it
for words alone.
"""

import os

from conman_lab.record import TYPE_CHECKING, fields, record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

SYNC_PIPE = "_OCI_SYNCPIPE"
DIED = "the shim died before it could report"
LONGEST = 1 << 24  # bytes of a report
SHOWN = 200  # bytes of one that is none


@record
class Options:
    """All that a shim is told.  A field `log_size` is the flag `--log-size`.

    The container's files have fixed names in `directory`; `file` says which.
    """

    id: str
    runtime: str  # the OCI runtime's program, as /usr/sbin/runc
    root: str  # its state directory
    directory: str  # the container's; `bundle` is in it already
    name: str = ""  # what people call the container, if that is not its id
    exec: bool = False  # `runtime exec` in the container `id`, not `runtime create`
    terminal: bool = False  # the bundle, or process.json, wants one
    rows: int = 0  # the terminal's first size; 0: as it is
    columns: int = 0
    stdin: bool = False  # a pipe that viewers type into, not /dev/null
    stdin_once: bool = False  # and at its end when the first who typed has finished
    viewer: int = -1  # a socket that the shim inherits: it sees the first byte, too
    log_size: int = 0  # bytes the log may grow to; 0: as it likes
    deadline: float = 30.0  # seconds that the creation may take
    durable: bool = True  # the log is on the disk before the exit is told
    debug: bool = False  # the runtime talks

    def file(self, name: str) -> str:
        """One of: bundle pid shim.pid shim.log runtime.log log attach ctl exit.

        An exec has a process.json in place of the bundle.
        """
        return f"{self.directory}/{name}"

    @property
    def title(self) -> str:
        """What ps(1) calls the shim: `shim:web`, and of an exec in it `shim:web/1`."""
        command = f"/{os.path.basename(self.directory)}" if self.exec else ""
        return f"shim:{self.name or self.id}{command}"

    def to_argv(self) -> list[str]:
        """As flags: `--id=web --terminal`."""
        given = fields(self).items()
        switches = [_flag(name) for name, value in given if value is True]
        return switches + [
            f"{_flag(name)}={v}" for name, v in given if not isinstance(v, bool)
        ]

    @classmethod
    def usage(cls) -> str:
        """All flags, and what is expected of them: `--id=STR ... [--durable]`."""
        words = []
        for name, kind in cls.__annotations__.items():
            word = _flag(name) + ("" if kind is bool else f"={kind.__name__.upper()}")
            words.append(f"[{word}]" if hasattr(cls, name) else word)
        return " ".join(words)

    @classmethod
    def from_argv(cls, argv: "Sequence[str]") -> "Options":
        """Read flags back; a switch is off unless given.  ValueError: a wrong flag."""
        kinds = cls.__annotations__
        names = {_flag(name): name for name in kinds}
        values: dict[str, Any] = {name: False for name in kinds if kinds[name] is bool}
        for word in argv:
            flag = word.partition("=")[0]
            if flag not in names:
                raise ValueError(f"{flag}: a shim knows {', '.join(names)}")
            values[names[flag]] = _value(word, kinds[names[flag]])
        known = {name for name in kinds if hasattr(cls, name)} | values.keys()
        if missing := [flag for flag, name in names.items() if name not in known]:
            raise ValueError(f"missing: {', '.join(missing)}")
        return cls(**values)


def _flag(field: str) -> str:
    return "--" + field.replace("_", "-")


def _value(word: str, kind: "type[Any]") -> "Any":
    flag, has_value, value = word.partition("=")
    if kind is bool:
        if has_value:
            raise ValueError(f"{word}: a switch is given or not, and has no value")
        return True
    wrong = ValueError(f"{word}: expected {flag}={kind.__name__.upper()}")
    if not has_value:
        raise wrong
    try:
        return kind(value)
    except ValueError:
        raise wrong from None


@record
class Report:
    """The sync pipe's one message: the container's `pid`, or why there is none."""

    pid: int | None = None
    error: str | None = None

    def send(self, fd: int) -> None:
        """Write it and close; a manager that has gone does not concern us any more."""
        try:
            os.write(fd, self._line())
        except BrokenPipeError:
            pass
        finally:
            os.close(fd)

    def _line(self) -> bytes:
        if self.error is None:
            return b'{"pid": %d}\n' % (self.pid or 0)
        import json  # noqa: PLC0415  # see above

        return json.dumps({"error": self.error}).encode() + b"\n"

    @classmethod
    def receive(cls, fd: int) -> "Report":
        """Read it, to the end of the pipe; whatever came instead is an error, too."""
        import json  # noqa: PLC0415

        with os.fdopen(fd, "rb") as pipe:
            line = pipe.readline(LONGEST)
        if not line.endswith(b"\n") and len(line) < LONGEST:
            return cls(error=DIED)
        try:
            report = cls(**json.loads(line))
        except (TypeError, ValueError):  # a learner's own shim has said something else
            report = cls()
        if type(report.pid) is int and report.error is None:
            return report
        if type(report.error) is str and report.pid is None:
            return report
        return cls(error=f"the shim's report is none: {_shown(line)}")


def _shown(line: bytes) -> str:
    text = line[:SHOWN].decode(errors="backslashreplace").rstrip("\n")
    return text + "…" * (len(line) > SHOWN)
