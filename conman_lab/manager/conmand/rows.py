"""The list's answer, of rows that were packed before: five hundred take their time.

Packed messages, one behind the other, are one message, in which repeated fields go on:
https://protobuf.dev/programming-guides/encoding/#last-one-wins.  So what is kept of each
container is an answer with that one alone.  A container is never changed, always
replaced: as long as it is the same object, so are its bytes.
"""

from typing import Any

from conman_lab.manager.container import Container
from conman_lab.manager.wire import convert
from conman_lab.manager.wire.schema import METHODS

Row = tuple[Container, bytes]


class Rows:
    """Packs lists, and keeps the rows of the one before."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, bool], Row] = {}

    def packed(self, found: list[Container], whole: bool) -> Any:
        """The answer with these containers, all of each if `whole`."""
        rows = {(it.id, whole): self._row(it, whole) for it in found}
        self._kept = rows
        body = b"".join(packed for _, packed in rows.values())
        return METHODS["ListContainers"].reply.FromString(body)

    def _row(self, it: Container, whole: bool) -> Row:
        kept = self._kept.get((it.id, whole))
        if kept and kept[0] is it:
            return kept
        answer = METHODS["ListContainers"].reply(containers=[convert.brief(it, whole)])
        return it, answer.SerializeToString()
