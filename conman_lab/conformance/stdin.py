"""Promises about stdin: what a viewer types arrives, all of it, and nobody else waits.

A launcher gives a container a stdin if it is made so: `replace(launcher, stdin=True)`.
"""

import time
from contextlib import suppress
from dataclasses import replace
from threading import Thread
from typing import Any

from conman_lab.checks import Broken
from conman_lab.launcher import Launched

from .creation import WAIT
from .patience import patience
from .trial import Trial, promise
from .watching import Viewer

MIB = 1024 * 1024


@promise
def stdin_arrives(trial: Trial) -> None:
    """What a viewer types arrives at its stdin."""
    container = reader(trial, "read line; echo got $line")
    with Viewer(container) as viewer:
        viewer.type(b"hello\n")
        expect_written(trial, container, b"got hello\n")


@promise
def stdin_ends(trial: Trial) -> None:
    """The end of what is typed is the end of its stdin."""
    container = reader(trial, "cat; echo end", once=True)
    with Viewer(container) as viewer:
        viewer.type(b"hello\n")
        viewer.finish()
        expect_written(trial, container, b"hello\nend\n")


@promise
def stdin_stays_open(trial: Trial) -> None:
    """If it is to stay open, the next viewer types on."""
    container = reader(
        trial, "read one; echo said >/stage/word; read two; echo $one $two"
    )
    with Viewer(container) as first:
        first.type(b"1\n")
        first.finish()
        trial.word()
    with Viewer(container) as second:
        second.type(b"2\n")
        expect_written(trial, container, b"1 2\n")


@promise
def stdin_of_all(trial: Trial) -> None:
    """All who look may type."""
    container = reader(
        trial, "read one; echo said >/stage/word; read two; echo $one $two"
    )
    with Viewer(container) as first, Viewer(container) as second:
        first.type(b"1\n")
        trial.word()
        second.type(b"2\n")
        expect_written(trial, container, b"1 2\n")


@promise
def stdin_waits(trial: Trial) -> None:
    """What is typed to one who does not read yet is not lost."""
    container = reader(trial, f"{WAIT}; wc -c", once=True)
    with Viewer(container) as viewer:
        typist = types_on(viewer)
        trial.cue()
        typist.join(patience())
        viewer.finish()
        expect_written(trial, container, b"%d\n" % MIB)


@promise
def stdin_unread(trial: Trial) -> None:
    """One who never reads stops only who types."""
    container = reader(trial, f"{WAIT}; echo out; {WAIT}")
    with Viewer(container) as looking, Viewer(container) as viewer:
        types_on(viewer)
        trial.cue()
        seen = looking.next()  # before it ends, and frees who waits for it
    trial.expect(seen == b"\2out\n", "the line", str(seen))


@promise
def stdin_closed(trial: Trial) -> None:
    """It may close its stdin, and lives on."""
    container = reader(trial, f"exec <&-; echo closed >/stage/word; {WAIT}; echo out")
    trial.word()
    with Viewer(container) as viewer:
        for _ in range(3):
            viewer.type(b"to nobody\n")
        trial.cue()
        expect_written(trial, container, b"out\n")


def reader(trial: Trial, script: str, once: bool = False) -> Launched:
    """A container that has a stdin, begun."""
    launcher: Any = trial.launcher
    if not hasattr(launcher, "stdin"):
        raise Broken("a stdin to type to", "none")
    trial.launcher = replace(launcher, stdin=True, stdin_once=once)
    return trial.begin(script)


def types_on(viewer: Viewer) -> Thread:
    """Somebody who types 1 MiB, and by now has no room for more."""
    typist = Thread(target=_type, args=(viewer, bytes(MIB)), daemon=True)
    typist.start()
    before = -1
    while before != viewer.typed:
        before = viewer.typed
        time.sleep(0.1)
    return typist


def _type(viewer: Viewer, text: bytes) -> None:
    with suppress(OSError):  # it is over
        viewer.type(text)


def expect_written(trial: Trial, container: Launched, wanted: bytes) -> None:
    """Expect that it ends, and has written this."""
    seen = trial.written(container)
    trial.expect(seen == wanted, str(wanted), str(seen[:100]))
