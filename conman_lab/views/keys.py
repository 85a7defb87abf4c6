r"""Keys as a terminal sends them: one byte, or an escape sequence.

A key has its name in the page, `Enter` or `F5`, with `ctrl-`, `alt-` or `shift-` before
it.  What is sent is xterm's, https://invisible-island.net/xterm/ctlseqs/ctlseqs.html:

    >>> in_bytes("ctrl-c"), in_bytes("Enter"), in_bytes("alt-b")
    (b'\x03', b'\r', b'\x1bb')

ctrl-c is no signal: it is byte 3, and what becomes of it the terminal's other end
decides, termios(3).  And an arrow is two different sequences, as the program has asked
for by DECCKM, "application cursor keys":

    >>> in_bytes("Up"), in_bytes("Up", application=True)
    (b'\x1b[A', b'\x1bOA')
"""

from conman_lab.errors import InvalidArgument

ESC = "\x1b"
PLAIN = {"Enter": "\r", "Tab": "\t", "Backspace": "\x7f", "Escape": ESC, "Space": " "}
SHIFTED = {"Tab": ESC + "[Z"}
CURSOR = dict(
    zip(("Up", "Down", "Right", "Left", "Home", "End"), "ABCDHF", strict=True)
)
FUNCTION = dict(zip(("F1", "F2", "F3", "F4"), "PQRS", strict=True))
NUMBERED = {
    "Insert": 2,
    "Delete": 3,
    "PageUp": 5,
    "PageDown": 6,
    **{f"F{n}": n + 10 for n in (5,)},
    **{f"F{n}": n + 11 for n in range(6, 11)},  # there was an F11 between, once
    **{f"F{n}": n + 12 for n in (11, 12)},
}
MODIFIERS = {"shift": 1, "alt": 2, "ctrl": 4}  # xterm's; 1 + their sum is sent


def in_bytes(key: str, application: bool = False) -> bytes:
    """What is sent for `key`.  InvalidArgument: there is no such key."""
    held, name = _taken_apart(key)
    if name in CURSOR or name in FUNCTION:
        return _letter(held, name, application).encode()
    if name in NUMBERED:
        modifier = f";{held + 1}" if held else ""
        return f"{ESC}[{NUMBERED[name]}{modifier}~".encode()
    text = PLAIN.get(name, name if len(name) == 1 else None)
    if text is None:
        raise InvalidArgument(f"{key}: no key; there are {', '.join(_names())}")
    if held & MODIFIERS["shift"]:
        text = SHIFTED.get(name, text)
    if held & MODIFIERS["ctrl"]:
        text = _control(text)
    return ((ESC if held & MODIFIERS["alt"] else "") + text).encode()


def _taken_apart(key: str) -> tuple[int, str]:
    words, name = key.split("-"), "-"
    if key != "-" and not key.endswith("--"):
        name = words.pop()
    words = [word for word in words if word]
    if unknown := set(words) - set(MODIFIERS):
        raise InvalidArgument(f"{key}: {', '.join(unknown)} cannot be held down")
    return sum(MODIFIERS[word] for word in set(words)), name


def _letter(held: int, name: str, application: bool) -> str:
    letter = CURSOR.get(name) or FUNCTION[name]
    if held:
        return f"{ESC}[1;{held + 1}{letter}"
    return ESC + ("O" if application or name in FUNCTION else "[") + letter


def _control(text: str) -> str:
    """The lower five bits, as on every terminal since the Teletype; ctrl-? is DEL."""
    if text == "\x7f":
        return "\b"
    if text == "?":
        return "\x7f"
    if text == " ":
        return "\0"
    return chr(ord(text) & 0x1F) if "@" <= text.upper() <= "_" else text


def _names() -> list[str]:
    return [*PLAIN, *CURSOR, *FUNCTION, *NUMBERED]
