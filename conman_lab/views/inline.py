"""HTML that has its style in itself, and takes the page's colour for its text.

A notebook that is opened untrusted, or on a dark page, gets no other.
"""

from html import escape

from .words import HUES

# All of these can be read on white and on black.
FAINT = "opacity:0.6"
NAME = "color:#3b82d0;font-weight:bold"
WRONG = "color:#d55e00"
ENDED = "text-decoration:line-through"
PRE = "margin:0;padding:2px 0;line-height:1.5;white-space:pre;overflow-x:auto"
CHIP = "border:1px solid;border-radius:8px;padding:0 5px;font-size:11px"


def block(lines: str) -> str:
    """Letters of one width, as they stand."""
    return f'<pre style="{PRE}">{lines}</pre>'


def chip(kind: str, style: str = "") -> str:
    """A namespace."""
    return span(f"color:{HUES[kind]};{CHIP}{style}", kind)


def span(style: str, text: str) -> str:
    """Somebody else's text may be anything: it is escaped, and so are its quotes."""
    if not (style and text):
        return escape(text)
    return f'<span style="{style}">{escape(text)}</span>'
