"""A process in a few words that are the same on every machine.

    /usr/sbin/runc --root /var/lib/.../runc run --bundle /var/lib/.../b web
    runc … run --bundle …/b web

What is left out is where things are and how a notebook's kernel is called; a record of
`observe.procfs` has all of it.
"""

import os
import re

from conman_lab.observe.procfs import Process

LONGEST = 70  # characters; more would scroll sideways
RUNTIMES = ("runc", "crun")
VERBS = (
    *("init", "create", "start", "run", "state", "list", "kill", "delete", "exec"),
    *("pause", "resume", "ps", "events", "features"),
)
HUES = {  # of the namespaces; all can be read on white and on black
    "cgroup": "#8a8f98",
    "ipc": "#b7791f",
    "mnt": "#4c9a52",
    "net": "#3b82d0",
    "pid": "#c2588f",
    "time": "#8a8f98",
    "user": "#dc4a4a",
    "uts": "#8f6fd1",
}
DEEP_PATH = re.compile(r"(?<![^=:])/(?:[^/\s]+/){2,}(?=[^/\s])")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def in_words(process: Process) -> str:
    """Its command line, shortened; its comm, if it has none: a zombie, `runc init`."""
    program, *words = process.command or (_comm(process),)
    program = re.sub(r"^-?(python|pypy)[\d.]*$", r"\1", os.path.basename(program))
    if program in RUNTIMES:
        words = _from_verb(words)
    if "ipykernel_launcher" in words:
        words = ["-m", "ipykernel_launcher"]  # and a file that is new with every kernel
    line = " ".join([program, *(DEEP_PATH.sub("…/", word) for word in words)])
    return _cut(CONTROL.sub(_escape, line))


def _comm(process: Process) -> str:
    """`runc init` calls itself runc:[2:INIT] while it has no other command line."""
    return "runc init" if process.comm.startswith("runc:[") else process.comm


def _from_verb(words: list[str]) -> list[str]:
    for at, word in enumerate(words):
        if word in VERBS:
            return ["…"] * (at > 0) + words[at:]
    return words


def _escape(character: re.Match[str]) -> str:
    return character[0].encode("unicode_escape").decode()


def _cut(line: str) -> str:
    """Both ends tell something: the program, and what it was given last."""
    if len(line) <= LONGEST:
        return line
    tail = LONGEST // 3
    return f"{line[: LONGEST - tail - 1]}…{line[-tail:]}"
