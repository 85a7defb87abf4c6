"""A process in a few words that are the same on every machine.

    /usr/sbin/runc --root /var/lib/.../runc run --bundle /var/lib/.../b web
    runc … run --bundle …/b web

What is left out is where things are and how a notebook's kernel is called; the record
or the event has all of it.
"""

import os
import re

LONGEST = 70  # characters; more would scroll sideways
SHIM = "shim:"  # a shim's own name for itself is no path, though it may have a slash
RUNTIMES = ("runc", "crun")
KERNELS = {"ipykernel_launcher", "conman_lab.lab.kernel"}  # the second by sudo
VERBS = (
    *("init", "create", "start", "run", "state", "list", "kill", "delete", "exec"),
    *("pause", "resume", "ps", "events", "features"),
)
DEEP_PATH = re.compile(r"(?<![^=:])/(?:[^/\s]+/){2,}(?=[^/\s])")
OURS = re.compile(r"from (conman_lab\.\w+)\.__main__ import main")  # shim/launch.py
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def in_words(command: tuple[str, ...]) -> str:
    """A command line, shortened.

    >>> in_words(("/usr/sbin/runc", "--root", "/run/x", "start", "web"))
    'runc … start web'
    >>> in_words(("shim:web/ps",))
    'shim:web/ps'
    """
    program, *words = command or ("",)
    if not program.startswith(SHIM):
        program = os.path.basename(program)
    program = re.sub(r"^-?(python|pypy)[\d.]*$", r"\1", program)
    if program in RUNTIMES:
        words = _from_verb(words)
    if KERNELS & {*words}:
        words = ["-m", "ipykernel_launcher"]  # and a file that is new with every kernel
    words = _of_ours(words)
    line = " ".join([program, *map(without_place, words)])
    return _cut(CONTROL.sub(_escape, line))


def without_place(word: str) -> str:
    """A path without the directories that lead to it.

    >>> without_place("--bundle=/var/lib/labs/hello")
    '--bundle=…/hello'
    """
    return DEEP_PATH.sub("…/", word)


def _from_verb(words: list[str]) -> list[str]:
    for at, word in enumerate(words):
        if word in VERBS:
            return ["…"] * (at > 0) + words[at:]
    return words


def _of_ours(words: list[str]) -> list[str]:
    """A program of this library without its options: its name tells who it is."""
    for booted in filter(None, map(OURS.search, words)):
        return ["…", booted[1]]
    if words[:1] == ["-m"] and "".join(words[1:2]).startswith("conman_lab."):
        return [*words[:2], "…"]
    return words


def _escape(character: re.Match[str]) -> str:
    return character[0].encode("unicode_escape").decode()


def _cut(line: str) -> str:
    """Both ends tell something: the program, and what it was given last."""
    if len(line) <= LONGEST:
        return line
    tail = LONGEST // 3
    return f"{line[: LONGEST - tail - 1]}…{line[-tail:]}"
