"""Promises that an elder breaks, looked at: the promise was right, and this is why.

A note is true as long as the promise is broken; a test says so.
"""

from dataclasses import dataclass

from conman_lab.checks import Verdict


@dataclass(frozen=True)
class Note:
    """Why `launcher` breaks `promise`."""

    promise: str
    launcher: str
    why: str


NOTES = (
    Note(
        "code-or-signal",
        "Conmon",
        "its exit file has one number for both, 128 + signal, as a shell's $? has; "
        "so podman says 137 for either",
    ),
    Note(
        "viewer-sleeps",
        "Conmon",
        "it writes to a viewer with a write(2) that waits, and meanwhile does nothing "
        "else; see https://github.com/cri-o/cri-o/pull/7945",
    ),
)


def note_on(verdict: Verdict) -> Note | None:
    """The note on it, if there is one, and it is needed."""
    what = (verdict.check.name, verdict.launcher)
    notes = {(note.promise, note.launcher): note for note in NOTES}
    return None if verdict.kept else notes.get(what)
