"""Two traces, side by side: what there is in one and not in the other, by shape.

Pids and times differ between any two runs, and say nothing.  A process's shape is what
it was called, how it ended, whether somebody adopted it, and the same of all above it.

    - runc … create web > runc init → runc:[0:PARENT]  (exit code 0)
    + crun … create web  (exit code 0)
"""

from collections import Counter
from collections.abc import Sequence

from .lives import Life
from .telling import ending, title

SAME = "the same processes, by what they were called and how they ended"


def difference(old: Sequence[Life], new: Sequence[Life]) -> str:
    """A line for each process that is in one of them; SAME if there is none."""
    before, after = _shapes(old), _shapes(new)
    gone, come = Counter(before) - Counter(after), Counter(after) - Counter(before)
    lines = [*_lines("-", before, gone), *_lines("+", after, come)]
    return "\n".join(lines) or SAME


def _lines(sign: str, shapes: list[str], wanted: Counter[str]) -> list[str]:
    lines = []
    for shape in shapes:
        if wanted[shape] > 0:
            wanted[shape] -= 1
            lines.append(f"{sign} {shape}")
    return lines


def _shapes(lives: Sequence[Life]) -> list[str]:
    paths: dict[int, str] = {}
    shapes = []
    for life in lives:
        above = f"{paths[life.parent]} > " if life.parent in paths else ""
        paths[life.key] = above + title(life)
        said = [*filter(None, ["adopted" * bool(life.adoptions), ending(life)])]
        shapes.append(paths[life.key] + (f"  ({', '.join(said)})" if said else ""))
    return shapes
