"""When a process has ended: with its last thread, and not with its first.

To the kernel threads are processes that share a number, their tgid, which is what we
call the pid.  exec(2) in one of them ends all others, the first, too, and is no end.
"""

from collections.abc import Iterator

from .messages import Message


class Threads:
    """Counts them."""

    def __init__(self) -> None:
        self._others: dict[int, int] = {}  # beside the first; processes that have some
        self._ends: dict[int, Message] = {}  # of first threads, while others go on

    def born(self, pid: int) -> None:
        """The process has one more."""
        self._others[pid] = self._others.get(pid, 0) + 1

    def executed(self, pid: int) -> None:
        """Whichever it was, it is now the only one."""
        self._others.pop(pid, None)
        self._ends.pop(pid, None)

    def first_ended(self, end: Message) -> Message | None:
        """The end of the process, if there are no others."""
        if end.pid not in self._others:
            return end
        self._ends[end.pid] = end
        return None

    def other_ended(self, pid: int, ns: int, parent: int) -> Message | None:
        """The end of the process, if the first one has gone and this was the last.

        How it ended, the first one said; when, and who is told, the last one.
        """
        left = self._others.pop(pid, 0) - 1
        if left > 0:
            self._others[pid] = left
        elif end := self._ends.pop(pid, None):
            return end._replace(ns=ns, parent=parent)
        return None

    def rest(self) -> Iterator[Message]:
        """Ends of first threads whose last we have not heard of."""
        yield from self._ends.values()
