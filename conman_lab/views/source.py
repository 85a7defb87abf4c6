"""The library is the lesson: show a part of it, or what changes between two.

    show(Naive.create)           the source, as it stands in its file
    show_map(store)              what a module opens with: its facts and its picture
    diff(Naive.create, better)   what goes, and what comes

As text it is the exact source, so a notebook's stored output differs as soon as the
code does, and the lesson cannot drift from it.
"""

import difflib
import inspect
import textwrap
from collections.abc import Iterable
from html import escape

# All of these can be read on white and on black.
TONES = {
    "Keyword": "color:#3b82d0;font-weight:bold",
    "Comment": "color:#8a8f98;font-style:italic",
    "String": "color:#4c9a52",
    "Number": "color:#b7791f",
    "Name.Function": "color:#8f6fd1;font-weight:bold",
    "Name.Class": "color:#8f6fd1;font-weight:bold",
    "Name.Decorator": "color:#b7791f",
}
SIDES = {"-": "color:#dc4a4a", "+": "color:#2f9e44", "…": "color:#8a8f98"}
PRE = "margin:0;padding:2px 0;line-height:1.4;overflow-x:auto"


def show(*objects: object) -> "Source":
    """The source of functions, classes, modules of the library."""
    return Source("\n\n".join(source_of(each).rstrip() for each in objects))


def show_map(thing: object) -> "Map":
    """The docstring of a module, in which it draws what it is about."""
    return Map(inspect.getdoc(thing) or "")


def diff(old: object, new: object) -> "Difference":
    """What changes from `old` to `new`: functions, classes, or texts."""
    return Difference(_text(old), _text(new))


def source_of(thing: object) -> str:
    """As in its file, but moved to the left edge.  TypeError if it has none."""
    if isinstance(thing, property):
        thing = thing.fget
    try:
        source = inspect.getsource(inspect.unwrap(thing))  # type: ignore[arg-type]  # TypeError is told below
    except (TypeError, OSError) as error:
        raise TypeError(
            f"{thing!r} has no source to be shown: give a function, a class or a module"
        ) from error
    return textwrap.dedent(source)


class Source:
    """Some source: exact as text, in colours as HTML."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from pygments import lex  # noqa: PLC0415  # 30 ms, for a notebook alone
        from pygments.lexers import PythonLexer  # noqa: PLC0415
        from pygments.token import string_to_tokentype  # noqa: PLC0415

        tones = [(string_to_tokentype(name), tone) for name, tone in TONES.items()]
        tokens = lex(self.text, PythonLexer(stripnl=False, ensurenl=False))
        return _block(
            _span(next((tone for kind, tone in tones if token in kind), ""), text)
            for token, text in tokens
        )


class Map:
    """Words and pictures made of them: the same as text and on a page."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return _block([escape(self.text)])


class Difference:
    """A unified diff without its line numbers: they are of no file that anybody has."""

    def __init__(self, old: str, new: str) -> None:
        lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="")
        hunks = ["…" if line.startswith("@@") else line for line in lines]
        self.lines = hunks[3:]  # the names of no files, and the first @@

    def __str__(self) -> str:
        return "\n".join(self.lines) or "no difference"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        lines = str(self).splitlines(keepends=True)
        return _block(_span(SIDES.get(line[:1], ""), line) for line in lines)


def _text(thing: object) -> str:
    return thing if isinstance(thing, str) else source_of(thing)


def _block(spans: Iterable[str]) -> str:
    return f'<pre style="{PRE}">{"".join(spans)}</pre>'


def _span(style: str, text: str) -> str:
    return f'<span style="{style}">{escape(text)}</span>' if style else escape(text)
