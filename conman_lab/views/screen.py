"""A terminal's screen: what a program has written, understood.

pyte does the work, and knows a VT220.  What programs ask of an xterm besides is here:

- what scrolls off the top is kept, some hundred lines of it
- the alternate screen, which vi takes, so that the shell's is as it was when it leaves
- a smaller window loses what is below the cursor first, and keeps the rest
- scrolling by `CSI S` and `T`, repeating by `CSI b`
"""

import copy
import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pyte
from pyte.screens import Cursor, Margins

from .cells import Line, in_html, in_runs, in_text
from .sequences import Sequences

PAST = 500  # lines
ALTERNATE = {47, 1047, 1049}  # three ways to ask for it; all begin with an empty one
CURSOR_KEYS, PASTE = 1 << 5, 2004 << 5  # as pyte keeps private modes: DECCKM, xterm's
UNDRAWN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060\ufe00-\ufe0f]"
)


class Passed(NamedTuple):
    """A line that has scrolled off, and how wide the screen was."""

    line: Line
    columns: int


class Screen(pyte.Screen):
    """`rows` by `columns` characters; `answer` is called with what a program asks."""

    def __init__(
        self, rows: int, columns: int, answer: Callable[[str], object] = str
    ) -> None:
        self._answer = answer
        self._under: tuple[dict[int, Any], Cursor] | None = None  # the other screen
        self._last = " "
        self.past: deque[Passed] = deque(maxlen=PAST)
        self.scrolled = 0  # lines, since it was switched on
        super().__init__(columns, rows)
        self._sequences = Sequences(self)

    def write(self, data: bytes) -> None:
        """Take what a program has written, from wherever the last piece ended."""
        self._sequences.take(data)

    @property
    def rows(self) -> Iterator[Line]:
        """From top to bottom."""
        return (self.buffer[row] for row in range(self.lines))

    @property
    def text(self) -> str:
        """What there is to read: no blanks at the ends of lines, nor lines at the end."""
        lines = (in_text(line, self.columns) for line in self.rows)
        return "\n".join(lines).rstrip("\n")

    @property
    def html(self) -> str:
        """The same in its colours."""
        return in_html(in_runs(line, self.columns) for line in self.rows)

    @property
    def wants_application_keys(self) -> bool:
        """The program has asked for the other sequences for arrows."""
        return CURSOR_KEYS in self.mode

    @property
    def wants_marked_pastes(self) -> bool:
        """It wants to know what was pasted: an editor would indent it."""
        return PASTE in self.mode

    @property
    def alternate(self) -> bool:
        """A program has taken the whole of it."""
        return self._under is not None

    # --- what pyte calls

    def draw(self, data: str) -> None:
        """Draw; pyte would stop at the first character that has no width."""
        if drawn := UNDRAWN.sub("", data):
            self._last = drawn[-1]
            super().draw(drawn)

    def repeat(self, count: int = 1) -> None:
        """REP: the last character once more, `count` times."""
        super().draw(self._last * min(count or 1, self.lines * self.columns))

    def index(self) -> None:
        """Down a line; at the bottom the first one leaves, and is kept."""
        top, bottom = self.margins or Margins(0, self.lines - 1)
        if self.cursor.y == bottom and top == 0 and not self.alternate:
            self._keep(self.buffer[0])
        super().index()

    def scroll_up(self, count: int = 1) -> None:
        """SU: the lines between the margins move up."""
        self._at_the_top(self.delete_lines, count)

    def scroll_down(self, count: int = 1) -> None:
        """SD: they move down."""
        self._at_the_top(self.insert_lines, count)

    def erase_in_display(self, how: int = 0, *args: Any, **kwargs: Any) -> None:
        """ED; 3 is xterm's: the lines that are kept."""
        if how == 3:
            self.past.clear()
        else:
            super().erase_in_display(how, *args, **kwargs)

    def set_mode(self, *modes: int, **kwargs: Any) -> None:
        """SM; among them the way to the alternate screen."""
        if kwargs.get("private") and ALTERNATE & {*modes} and not self.alternate:
            self._under = self.buffer, copy.copy(self.cursor)
            self.buffer = defaultdict(self.buffer.default_factory)  # type: ignore[attr-defined]  # it is one
        super().set_mode(*(mode for mode in modes if mode != 3), **kwargs)

    def reset_mode(self, *modes: int, **kwargs: Any) -> None:
        """RM; among them the way back."""
        if kwargs.get("private") and ALTERNATE & {*modes} and self._under:
            (self.buffer, self.cursor), self._under = self._under, None
            self._fit()
        super().reset_mode(*(mode for mode in modes if mode != 3), **kwargs)

    def reset(self) -> None:
        """RIS: as when it was switched on."""
        self._under = None
        super().reset()

    def save_cursor(self) -> None:
        """DECSC: there is one place for it; pyte would keep as many as are saved."""
        self.savepoints.clear()
        super().save_cursor()

    def restore_cursor(self) -> None:
        """DECRC; and it may be asked for again."""
        kept = copy.deepcopy(self.savepoints)
        super().restore_cursor()
        self.savepoints = kept

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Others, at the bottom and at the right; the cursor's line is never lost."""
        self.lines, self.columns = lines or self.lines, columns or self.columns
        self._fit()

    def write_process_input(self, data: str) -> None:
        """The program has asked where the cursor is, or what we are."""
        self._answer(data)

    # --- helpers

    def _keep(self, line: Line) -> None:
        self.past.append(Passed(line, self.columns))
        self.scrolled += 1

    def _fit(self) -> None:
        """What does not fit goes: below the cursor first, then at the top."""
        for _ in range(self.cursor.y + 1 - self.lines):
            if not self.alternate:
                self._keep(self.buffer[0])
            for row in range(max(self.buffer, default=0)):
                self.buffer[row] = self.buffer[row + 1]
            self.cursor.y -= 1
        for row in [row for row in self.buffer if row >= self.lines]:
            del self.buffer[row]
        for line in self.buffer.values():
            for column in [column for column in line if column >= self.columns]:
                del line[column]
        self.margins = None
        self.tabstops = {*range(8, self.columns, 8)}
        self.ensure_hbounds()
        self.ensure_vbounds()

    def _at_the_top(self, move: Callable[[int], None], count: int) -> None:
        cursor = copy.copy(self.cursor)
        self.cursor.y = self.margins.top if self.margins else 0
        move(count)
        self.cursor = cursor
