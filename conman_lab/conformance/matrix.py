"""The matrix of promises and launchers, and what there is to say about it."""

from collections.abc import Sequence
from typing import Any

from conman_lab.checks import Check, Verdict

from .notes import note_on
from .promises import GROUPS

KEPT, BROKEN, NOTED = "✓", "✗", "○"
LEGEND = f"{KEPT} kept   {BROKEN} broken   {NOTED} broken, and we know why: see below"


def matrix(verdicts: Sequence[Verdict]) -> str:
    """A row for each promise, in its group, and a column for each launcher."""
    names = list(dict.fromkeys(verdict.launcher for verdict in verdicts))
    cells = {(v.check.name, v.launcher): symbol(v) for v in verdicts}
    width = max(len(verdict.check.name) for verdict in verdicts) + 4
    lines = [" " * width + "  ".join(names)]
    for title, group in GROUPS.items():
        tried = [check for check in group if (check.name, names[0]) in cells]
        rows = [_row(check, names, cells, width - 2) for check in tried]
        lines += ["", title, *rows] if rows else []
    return "\n".join([*lines, "", _totals(verdicts, names, width), "", LEGEND])


def _row(
    check: Check, names: list[str], cells: dict[tuple[str, str], str], width: int
) -> str:
    marks = "  ".join(cells[check.name, name].center(len(name)) for name in names)
    return f"  {check.name:{width}}{marks}  {check.promise}"


def _totals(verdicts: Sequence[Verdict], names: list[str], width: int) -> str:
    counts = [
        sum(verdict.kept for verdict in verdicts if verdict.launcher == name)
        for name in names
    ]
    numbers = "  ".join(
        str(n).center(len(name)) for n, name in zip(counts, names, strict=True)
    )
    return f"{'kept':{width}}{numbers}  of {len(verdicts) // len(names)}"


def symbol(verdict: Verdict) -> str:
    """One of three."""
    if verdict.kept:
        return KEPT
    return NOTED if note_on(verdict) else BROKEN


def evidence(verdicts: Sequence[Verdict]) -> str:
    """What was seen of each promise that was broken, and the notes."""
    parts = []
    for verdict in verdicts:
        if not verdict.kept:
            note = note_on(verdict)
            parts.append(f"{verdict}\n  note      {note.why}" if note else f"{verdict}")
    return "\n\n".join(parts)


def rows(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """The same for machines."""
    return [
        {
            "promise": verdict.check.name,
            "words": verdict.check.promise,
            "launcher": verdict.launcher,
            "kept": verdict.kept,
            "expected": verdict.broken.expected if verdict.broken else None,
            "saw": verdict.broken.seen if verdict.broken else None,
            "evidence": verdict.evidence.lines,
            "tree": verdict.evidence.tree,
            "note": note.why if (note := note_on(verdict)) else None,
        }
        for verdict in verdicts
    ]
