"""What a program writes to its terminal, taken apart: text, and control sequences.

It comes in pieces, and a sequence, or a character, may be in two of them.  pyte takes it
apart, and makes text of what it does not know; so xterm's private sequences, and strings
for other devices, are taken out before.  Nothing that a program writes is an error.
"""

import codecs
import re

import pyte

MORE = {  # what programs ask of an xterm, and a VT220 has not
    "S": "scroll_up",
    "T": "scroll_down",
    "b": "repeat",
    "s": "save_cursor",
    "u": "restore_cursor",
}
UNKNOWN = re.compile(
    r"\x1b[P^_X][^\x07\x1b]{0,4096}(?:\x1b\\|\x07)"  # DCS, PM, APC, SOS
    r"|\x1b\[[<=>][\d;]*[@-~]|\x1b\[[\d;]*\x20[@-~]"
)
UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*\x20?|[P^_X][^\x07\x1b]*\x1b?|)$")
LONGEST = 4096  # characters of a sequence that is still to come
COLONS = re.compile(r"\x1b\[[\d;]*:[\d;:]*m")  # ITU T.416's way to give a colour
COLOUR = re.compile(r"([34]8):2:\d*:(?=\d+:\d+:\d)")  # in a colour space, or in none


class Sequences(pyte.Stream):
    """Tells a screen what is asked of it."""

    def __init__(self, screen: pyte.Screen) -> None:
        self.csi = {**pyte.Stream.csi, **MORE}
        super().__init__(screen)
        self.use_utf8 = False  # of its text; with it, lines drawn by `ESC ( 0` are text
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def take(self, data: bytes) -> None:
        """Go on, where the last piece has ended."""
        text = self._rest + self._decoder.decode(data)
        unfinished = UNFINISHED.search(text, max(0, len(text) - LONGEST))
        end = unfinished.start() if unfinished else len(text)
        text, self._rest = text[:end], text[end:]
        self.feed(COLONS.sub(_with_semicolons, UNKNOWN.sub("", text)))

    def _send_to_parser(self, data: str) -> bool | None:
        """After a sequence that has made no sense pyte begins anew; and so do we."""
        try:
            return super()._send_to_parser(data)
        except Exception:  # noqa: BLE001  # three parameters, where it takes two
            return None


def _with_semicolons(sequence: re.Match[str]) -> str:
    """`38:2::R:G:B` as pyte knows it, `38;2;R;G;B`."""
    return COLOUR.sub(r"\1:2:", sequence[0]).replace(":", ";")
