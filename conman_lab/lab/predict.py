"""Predict, run, explain: a guess beside what was seen.

    >>> predict("Who is the parent of sleep?", "runc", "shim:web")
    Who is the parent of sleep?
      you said  runc
      seen      shim:web
    not so

Who has said nothing yet is told nothing: a fact that comes before the guess is no
surprise any more.  Of a sequence each step is compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import zip_longest

RIGHT, WRONG, OPEN = "just so", "not so", "say first what you expect"
NOTHING = "-"
TONES = {RIGHT: "#4c9a52", WRONG: "#dc4a4a", OPEN: "#b7791f"}


@dataclass(frozen=True)
class Prediction:
    """A question, the learner's guess, and the fact.  Compared as texts, in any case."""

    question: str
    guess: object
    fact: object

    @property
    def verdict(self) -> str:
        """RIGHT, WRONG, or OPEN without a guess."""
        if self.guess is None or self.guess is Ellipsis or self.guess == "":
            return OPEN
        return RIGHT if all(said == seen for said, seen in self._alike()) else WRONG

    @property
    def right(self) -> bool:
        """It was as the learner has said."""
        return self.verdict == RIGHT

    def rows(self) -> list[tuple[str, str]]:
        """What was said and what was seen, step by step."""
        said, seen = _steps(self.guess), _steps(self.fact)
        return [*zip_longest(said, seen, fillvalue=NOTHING)]

    def __str__(self) -> str:
        return "\n".join([self.question, *self._lines(), self.verdict])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        tone = f"color:{TONES[self.verdict]};font-weight:bold"
        head = f"<b>{escape(self.question)}</b>"
        body = "\n".join(escape(line) for line in self._lines())
        verdict = f'<span style="{tone}">{self.verdict}</span>'
        lines = [line for line in (head, body, verdict) if line]
        return f'<pre style="margin:0;padding:2px 0">{chr(10).join(lines)}</pre>'

    def _alike(self) -> list[tuple[str, str]]:
        return [(said.casefold(), seen.casefold()) for said, seen in self.rows()]

    def _lines(self) -> list[str]:
        rows = self.rows()
        if self.verdict == OPEN:
            return []
        if len(rows) == 1:
            return [f"  you said  {rows[0][0]}", f"  seen      {rows[0][1]}"]
        wide = max(len("you said"), *(len(said) for said, _ in rows))
        lines = [f"     {'you said'.ljust(wide)}  seen"]
        for (said, seen), (ours, theirs) in zip(rows, self._alike(), strict=True):
            lines.append(
                f"  {' ' if ours == theirs else '≠'}  {said.ljust(wide)}  {seen}"
            )
        return lines


def predict(question: str, guess: object, fact: object) -> Prediction:
    """Compare them: texts, numbers, or sequences of such."""
    return Prediction(question, guess, fact)


def _steps(answer: object) -> list[str]:
    if isinstance(answer, Sequence) and not isinstance(answer, str | bytes):
        return [str(step).strip() for step in answer] or [NOTHING]
    return [str(answer).strip()]
