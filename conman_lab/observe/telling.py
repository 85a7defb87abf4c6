"""A trace in letters: a tree that is the same at each run, and a table with the times.

P1 python -m ipykernel_launcher
├─ P2 runc … create --bundle …/hello web  (exit code 0)
│  ├─ P3 runc init → runc:[0:PARENT]  (exit code 0)
│  ├─ P4 runc:[1:CHILD]  (exit code 0)
│  └─ P5 runc:[2:INIT] → sleep 600  (adopted by init)
└─ P6 runc … start web  (exit code 0)
"""

from collections.abc import Iterator, Mapping, Sequence

from .events import Mark, Span
from .lives import INIT, Key, Life

NOTHING = "no processes"

Names = Mapping[Key, str]


def tree(lives: Sequence[Life]) -> str:
    """Without pids and times: what a test can compare."""
    names = names_of(lives)
    return (
        "\n".join(
            f"{guide}{life.name} {title(life)}{_in_brackets(facts(life, names))}"
            for life, guide in zip(lives, guides(lives), strict=True)
        )
        or NOTHING
    )


def names_of(lives: Sequence[Life]) -> Names:
    """P1, P2 ... by key."""
    return {life.key: life.name for life in lives}


def title(life: Life) -> str:
    """All that it was called, one after the other."""
    return " → ".join(life.titles)


def facts(life: Life, names: Names) -> list[str]:
    """Who adopted it, and how it ended."""
    said = [
        f"adopted by {names.get(adoption.adopter, INIT)}"
        if adoption.adopter is not None
        else f"adopted by {INIT}"
        for adoption in life.adoptions
    ]
    return [*said, how] if (how := ending(life)) else said


def ending(life: Life) -> str:
    """Nothing while it lives; polling may know that it has ended, and not how."""
    if life.exit and (life.exit.code, life.exit.signal) != (None, None):
        return str(life.exit)
    return "ended" if life.ended_at is not None else ""


def guides(lives: Sequence[Life]) -> list[str]:
    """What leads to each in a drawn tree: `│  └─ `."""
    drawn: list[str] = []
    goes_on: set[int] = set()  # the depths at which a sibling is still to come
    for life in reversed(lives):
        deeper = {depth for depth in goes_on if depth <= life.depth}
        branch = "├─ " if life.depth in deeper else "└─ "
        above = ("│  " if depth in deeper else "   " for depth in range(1, life.depth))
        drawn.append("".join(above) + branch if life.depth else "")
        goes_on = deeper | {life.depth}
    return drawn[::-1]


def table(lives: Sequence[Life], spans: Sequence[Span], marks: Sequence[Mark]) -> str:
    """With pids and times, in milliseconds since the trace began."""
    rows = [("name", "pid", "born", "ended", "lived", "what"), *_rows(lives)]
    widths = [max(len(row[at]) for row in rows) for at in range(5)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *_right(row[1:5], widths[1:]), row[5]])
        for row in rows
    ]
    for span in spans:
        took = (span.ended_at - span.began_at) * 1000
        lines.append(f"{_ms(span.began_at)} ms  {span.name}: {took:.2f} ms")
    lines += [f"{_ms(mark.at)} ms  mark: {mark.text}" for mark in marks]
    return "\n".join(lines)


def _rows(lives: Sequence[Life]) -> Iterator[tuple[str, ...]]:
    names = names_of(lives)
    for life in lives:
        born = "before" if life.seen else _ms(life.born_at)
        ended, lived = "", ""
        if life.ended_at is not None:
            ended, lived = _ms(life.ended_at), _ms(life.ended_at - life.born_at)
        what = f"{title(life)}{_in_brackets(facts(life, names))}"
        yield life.name, str(life.pid), born, ended, "" if life.seen else lived, what


def _right(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]


def _in_brackets(said: Sequence[str]) -> str:
    return f"  ({', '.join(said)})" if said else ""


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f}"
