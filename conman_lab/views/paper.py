"""Figures to print and to show: made with matplotlib, without pyplot.

Pyplot keeps figures alive behind our back, and IPython knows how to show a figure only
where pyplot was imported.  So a `Plot` shows itself; and what it shows is the same bytes
for the same data, as long as matplotlib is the same.
"""

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 9.0  # inches: that of a notebook's cell
INCH = 96  # of a page's pixels, as CSS has it
DPI = 144  # sharp on a page that shows two pixels for one
INK, PALE = "#333333", "#999999"
STYLE: dict[Any, Any] = {  # matplotlib has a type of 300 names for it
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
    "font.size": 9,
    "axes.edgecolor": PALE,
    "axes.labelcolor": INK,
    "axes.titlesize": "medium",
    "axes.titlelocation": "left",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "conman-lab",
}


class Plot:
    """A figure that shows itself in a notebook; `words` is what a text says of it."""

    def __init__(self, figure: "Figure", words: str) -> None:
        self.figure, self.words = figure, words

    def save(self, path: Path | str) -> None:
        """Write a PNG, SVG or PDF, by the name's end."""
        kind = Path(path).suffix.lstrip(".").lower() or "png"
        Path(path).write_bytes(self._bytes(kind))

    def __str__(self) -> str:
        return self.words

    __repr__ = __str__

    def _repr_png_(self) -> tuple[bytes, dict[str, Any]]:
        """The picture, and how large it is meant to be."""
        width = round(self.figure.get_figwidth() * INCH)
        return self._bytes("png"), {"width": width}

    def _bytes(self, kind: str) -> bytes:
        """Without the time and the program that a file would else tell."""
        from matplotlib import rc_context  # noqa: PLC0415

        nothing = {"png": ("Software",), "svg": ("Date",), "pdf": ("CreationDate",)}
        metadata = dict.fromkeys(nothing.get(kind, ()))
        file = io.BytesIO()
        with rc_context(STYLE), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph")  # of what no font has is a box
            self.figure.savefig(file, format=kind, dpi=DPI, metadata=metadata)
        return file.getvalue()


def plain(axes: "Axes", *gone: str) -> "Axes":
    """Without the lines that tell nothing; `gone` names more of them than two."""
    axes.spines[["top", "right", *gone]].set_visible(False)
    axes.tick_params(length=3, color=PALE)
    return axes
