"""A line of a screen, cell by cell, in runs of one style: for a page, and as HTML.

A run is its text, its styles, and two colours.  A colour is a name, for which the page
has its own red, or `#rrggbb`; `ink` and `paper` are what a text has that asks for none.
"""

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from itertools import groupby
from operator import itemgetter

from pyte.screens import Char, wcwidth

Line = Mapping[int, Char]
Run = tuple[str, str, str, str]  # text, styles, ink, paper

NAMES = {  # pyte's, that are not ours
    "brown": "yellow",
    "brightbrown": "brightyellow",
    "bfightmagenta": "brightmagenta",  # a slip of 0.8.2
}
STYLES = {
    "bold": "font-weight:bold",
    "italics": "font-style:italic",
    "underscore": "text-decoration:underline",
    "strikethrough": "text-decoration:line-through",
}
PALETTE = {  # of the HTML, which is dark on any page, as terminals are
    "ink": "#d7dce2",
    "paper": "#1c2027",
    "black": "#3b424d",
    "red": "#e5646b",
    "green": "#7fbf6a",
    "yellow": "#d9ae5f",
    "blue": "#6aa5ea",
    "magenta": "#c98be0",
    "cyan": "#55bcc9",
    "white": "#c3cad3",
    "brightblack": "#7a8494",
    "brightred": "#ff868c",
    "brightgreen": "#9fdb8b",
    "brightyellow": "#f2cb80",
    "brightblue": "#8fc0ff",
    "brightmagenta": "#e0acf5",
    "brightcyan": "#7adbe7",
    "brightwhite": "#ffffff",
}
PRE = (
    "margin:0;padding:8px 12px;border-radius:6px;line-height:1.25;overflow-x:auto;"
    f"width:max-content;max-width:100%;box-sizing:border-box;"
    f"color:{PALETTE['ink']};background-color:{PALETTE['paper']}"
)


def cells(line: Line, columns: int) -> Iterator[tuple[Char, bool]]:
    """Each character, and whether it is wide: then the next cell is no character.

    Half of a wide one may have been overwritten; the other half is a blank.
    """
    column = 0
    while column < columns:
        char = line[column]
        follows = column + 1 < columns and not line[column + 1].data
        wide = bool(char.data) and follows and wcwidth(char.data[0]) == 2
        yield (char if char.data else char._replace(data=" ")), wide
        column += 2 if wide else 1


def in_text(line: Line, columns: int) -> str:
    """What there is to read, without the blanks at the end."""
    return "".join(char.data for char, _ in cells(line, columns)).rstrip()


def in_runs(line: Line, columns: int) -> list[Run]:
    """Characters of one style together, without blanks at the end that nobody sees."""
    styled = ((_style(char, wide), char.data) for char, wide in cells(line, columns))
    runs = [
        ("".join(text for _, text in run), *style)
        for style, run in groupby(styled, key=itemgetter(0))
    ]
    if runs and runs[-1][1:] == ("", "ink", "paper"):
        text = runs.pop()[0].rstrip()
        runs += [(text, "", "ink", "paper")] * bool(text)
    return runs


def in_html(lines: Iterable[list[Run]]) -> str:
    """A block that needs no style but its own, and says nothing to a page's."""
    rows = ("".join(_span(*run) for run in line) for line in lines)
    text = "\n".join(rows).rstrip("\n")
    return f'<pre style="{PRE}">{text or " "}</pre>'


def _style(char: Char, wide: bool) -> tuple[str, str, str]:
    styles = [style for style in STYLES if getattr(char, style)]
    ink, paper = _colour(char.fg, "ink"), _colour(char.bg, "paper")
    if char.reverse:
        ink, paper = paper, ink
    return " ".join(styles + ["wide"] * wide), ink, paper


def _colour(name: str, default: str) -> str:
    if name == "default":
        return default
    name = NAMES.get(name, name)
    return name if name in PALETTE else f"#{name}"


def _span(text: str, styles: str, ink: str, paper: str) -> str:
    parts = [STYLES[style] for style in styles.split() if style in STYLES]
    parts += [f"color:{PALETTE.get(ink, ink)}"] * (ink != "ink")
    parts += [f"background-color:{PALETTE.get(paper, paper)}"] * (paper != "paper")
    if not parts:
        return escape(text)
    return f'<span style="{";".join(parts)}">{escape(text)}</span>'
