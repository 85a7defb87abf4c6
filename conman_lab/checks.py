"""A promise in words, a body that raises when it is not kept, and the evidence.

Pitfalls, conformance and exercises are all this one idea:

    Check("exit-code", "the exit code is never lost", body).run(launcher) -> Verdict

The body receives a launcher and tells as evidence what it saw.  `expect` ends it when a
fact is not as promised.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from textwrap import wrap

from .errors import LabError
from .launcher import Launcher

WIDTH = 88  # of what was seen, so that a cell does not break it in the middle of a word


class Broken(AssertionError):
    """The promise is not kept: what was expected, and what was seen."""

    def __init__(self, expected: str, seen: str) -> None:
        self.expected, self.seen = expected, seen
        super().__init__(f"expected {expected}; saw {seen}")


@dataclass
class Evidence:
    """What a body saw, in the order in which it saw it."""

    lines: list[str] = field(default_factory=list)
    tree: str = ""  # the processes at the decisive moment, with stable names

    def note(self, line: str) -> None:
        """Add a line."""
        self.lines.append(line)

    def expect(self, kept: object, expected: str, seen: str) -> None:
        """Note what was seen, and end the check if it is not what was promised."""
        self.note(seen)
        if not kept:
            raise Broken(expected, seen)


Body = Callable[[Launcher, Evidence], object]


@dataclass(frozen=True)
class Check:
    """`name` for a table, `promise` for a person, `body` for the machine."""

    name: str
    promise: str
    body: Body

    def run(self, launcher: Launcher) -> "Verdict":
        """Try it for real.  A LabError or a time-out breaks the promise, too."""
        evidence = Evidence()
        broken = None
        try:
            self.body(launcher, evidence)
        except Broken as why:
            broken = why
        except (LabError, OSError) as error:  # TimeoutError is an OSError
            broken = Broken(f"that {self.promise}", f"{type(error).__name__}: {error}")
        return Verdict(self, launcher.name, broken, evidence)


@dataclass(frozen=True)
class Verdict:
    """Whether a launcher keeps a promise, and what was seen."""

    check: Check
    launcher: str
    broken: Broken | None
    evidence: Evidence

    @property
    def kept(self) -> bool:
        """The promise was kept."""
        return self.broken is None

    def __str__(self) -> str:
        word = "kept" if self.kept else "BROKEN"
        lines = [f"{self.check.name} on {self.launcher}: {word}"]
        lines.append(_told("promise", self.check.promise))
        if self.broken:
            lines.append(_told("expected", self.broken.expected))
            lines.append(_told("saw", self.broken.seen))
        else:
            lines += [_told("saw", line) for line in self.evidence.lines]
        tree = [f"  {line}" for line in self.evidence.tree.splitlines()]
        return "\n".join(lines + tree)

    __repr__ = __str__


def _told(word: str, text: str) -> str:
    """A line with its word before it, and what does not fit below.

    >>> print(_told("saw", "a" * WIDTH + " and more"))  # doctest: +ELLIPSIS
      saw       aaa...aaa
                and more
    """
    lines = wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
    first, *more = lines or [""]
    return "\n".join([f"  {word:10}{first}", *(" " * 12 + line for line in more)])
