"""What can go wrong, as a tree.

    LabError
    ├── InvalidArgument   what was asked for makes no sense
    │   ├── BadBundle     a bundle that no runtime could run; says file, field, and what is expected
    │   └── BadName       an id or a name that must not reach a path or a command line
    ├── NameTaken         there is a container of that id or name already
    ├── NotFound          there is none, or more than one that it could be
    ├── WrongState        there is, but it is not in a state for that: says which would be
    ├── Deadline          it did not happen in time; a TimeoutError, too
    ├── RuntimeMissing    there is no runc or crun to be found
    ├── RuntimeFailed     it was there, and failed: the command, the status, its own words
    ├── LaunchFailed      a launcher could not create the container
    ├── ExitLost          the container has ended, and nobody can know how
    ├── FellBehind        who looked at a container read too slowly, and has not seen all
    └── NotPossible       this machine cannot do it (no root, no such cgroup): says what to do
        └── Unreachable   no manager answers at the socket, or it has gone in the middle

A room has leaves of its own where only it can raise them: LabTaken, RootTaken, TooLarge.
`OSError` is let through unless we know more than it does.
"""

from collections.abc import Sequence


class LabError(Exception):
    """Everything that conman_lab raises itself."""


class InvalidArgument(LabError):
    """What was asked for makes no sense; the message says what would."""


class BadBundle(InvalidArgument):
    """A bundle that no runtime could run.

    `where` is a file, `field` a path in it as `process.args[0]`.
    """

    def __init__(self, where: object, field: str, expected: str) -> None:
        self.where, self.field, self.expected = where, field, expected
        place = f"{where}: {field}" if field else str(where)
        super().__init__(f"{place}: {expected}")


class BadName(InvalidArgument):
    """An id or a name that must not reach a path or a command line."""


class NameTaken(LabError):
    """There is a container of that id or name already."""


class NotFound(LabError):
    """There is no container of that id or name, or it could be several."""


class WrongState(LabError):
    """The container is not in a state that allows it."""


class Deadline(LabError, TimeoutError):
    """It did not happen in time; whoever waits with `except TimeoutError` hears it."""


class RuntimeMissing(LabError):
    """No OCI runtime is to be found."""


class RuntimeFailed(LabError):
    """The runtime failed: its `command`, its exit `status`, and its own `words`.

    The message names the program and the verb alone: paths differ between machines.
    """

    def __init__(
        self, verb: str, command: Sequence[str], status: int, words: str
    ) -> None:
        self.command, self.status, self.words = tuple(command), status, words.strip()
        ending = (
            f"killed by signal {-status}" if status < 0 else f"exit status {status}"
        )
        said = self.words or "(it said nothing)"
        super().__init__(f"{verb}, {ending}: {said}")


class LaunchFailed(LabError):
    """There is no container; the message says why, mostly in the runtime's words."""


class ExitLost(LabError):
    """The container has ended, and nobody was there to hear how."""


class FellBehind(LabError):
    """A viewer was dropped, because it read too slowly; its container goes on."""


class NotPossible(LabError):
    """This machine cannot do it; the message says what would help."""


class Unreachable(NotPossible):
    """No manager answers at its socket, or it has gone before it could answer."""


def in_words(error: Exception) -> str:
    """As a program says it on stderr; of an OSError the file, and no number.

    >>> in_words(FileNotFoundError(2, "No such file or directory", "/nope"))
    '/nope: No such file or directory'
    """
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
