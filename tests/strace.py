"""strace(1) as an oracle: what it has seen of processes, read into the same words.

A line is one call of one thread, or its end.  A call that was not over when another
thread's came is in two lines; so a child may be heard before its parent has got to know
its pid.
"""

import re
from dataclasses import dataclass, field

WATCH = (
    *("strace", "-f", "-ttt", "-s", "4096"),
    "--decode-pids=pidns",  # a thread of a container's first process has two pids
    *("-e", "trace=process,prctl"),
)
LINE = re.compile(r"^(\d+) +([\d.]+) (.*)$")
RESUMED = re.compile(r"^<\.\.\. \w+ resumed>(.*)$")
CLONE = re.compile(
    r"^(?:clone3?|v?fork)\((.*)\) = (\d+)(?: /\* (\d+) in strace's PID NS \*/)?$"
)
EXEC = re.compile(r"^execve(?:at)?\(.*?\[(.*?)\].*\) = 0$")
NAME = re.compile(r'^prctl\(PR_SET_NAME, "(.*?)"(?:\.\.\.)?\) = 0$')
END = re.compile(r"^\+\+\+ (exited with|killed by) (\w+).*\+\+\+$")


@dataclass
class Seen:
    """One process, by strace."""

    pid: int
    parent: int | None
    execs: list[str] = field(default_factory=list)  # the last word of each
    names: list[str] = field(default_factory=list)  # that it gave itself
    end: str = ""


def read(path):
    """All processes, by pid, in the order of their births."""
    reader = _Reader()
    for line in path.read_text().splitlines():
        thread, _, text = LINE.match(line).groups()
        reader.read(int(thread), text)
    return reader.processes


class _Reader:
    def __init__(self):
        self.processes = {}
        self._process_of = {}  # a thread
        self._early = {}  # what was said before we know by whom, by thread
        self._begun = {}  # the first half of a call, by thread

    def read(self, thread, text):
        if text.endswith("<unfinished ...>"):
            self._begun[thread] = text.removesuffix("<unfinished ...>").rstrip()
            return
        if resumed := RESUMED.match(text):
            text = self._begun.pop(thread, "") + resumed[1]
        text = re.sub(r"\) +=", ") =", text)
        if not self.processes:
            self.processes[thread] = Seen(thread, None)
        us = self.processes.get(self._process_of.get(thread, thread))
        if us is None:
            self._early.setdefault(thread, []).append(text)
        elif clone := CLONE.match(text):
            self._clone(us, clone[1], int(clone[3] or clone[2]))
        elif executed := EXEC.match(text):
            us.execs.append(executed[1].rpartition('"')[0].rpartition('"')[2])
        elif name := NAME.match(text):
            us.names += [name[1]] if thread == us.pid else []
        elif (end := END.match(text)) and thread == us.pid:
            how = "exit code" if end[1] == "exited with" else end[1]
            us.end = f"{how} {end[2]}"

    def _clone(self, us, flags, child):
        if "CLONE_THREAD" in flags:
            self._process_of[child] = us.pid
        else:
            parent = us.parent if "CLONE_PARENT" in flags else us.pid
            self.processes[child] = Seen(child, parent)
        for text in self._early.pop(child, []):
            self.read(child, text)
