"""Answers that come by and by: waits, logs, events; to as many as look."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from conman_lab.linux import Exit
from conman_lab.manager.answers import Event, Record
from conman_lab.manager.container import Container
from conman_lab.manager.following import follow
from conman_lab.manager.manager import Manager
from conman_lab.manager.wire import convert
from conman_lab.manager.wire.schema import METHODS

from .desk import Desk
from .pump import Pump
from .threads import Kind

LINES = 512  # of a log that is not followed, in one message


async def wait(desk: Desk, request: Any, out: Any) -> None:
    """Answer when it has ended.  Deadline."""
    patience = convert.given(request, "timeout")["timeout"]
    how = await desk.ends.wait(request.container_id, patience)
    reply = METHODS["WaitContainer"].reply
    await out.send_message(reply(exit=convert.exit_message(how)))


async def logs(desk: Desk, request: Any, out: Any) -> None:
    """What a container has written, and if that is wanted, will."""
    wanted = convert.given(request, "since", "tail")
    look = partial(desk.manager.logs, request.container_id, **wanted)
    records = await desk.threads.run(Kind.LOOK, look)
    pack = partial(_pack, METHODS["Logs"].reply, "records", convert.record_message)
    if request.follow:
        known = partial(desk.manager.status, request.container_id)
        container = await desk.threads.run(Kind.LOOK, known)
        await _send_all(_Following(desk, container, **wanted), pack, out)
        return
    while batch := await desk.threads.run(Kind.LOOK, lambda: [*islice(records, LINES)]):
        await out.send_message(pack(batch))


async def events(desk: Desk, request: Any, out: Any) -> None:
    """What happens, and perhaps what has."""
    since = convert.given(request, "since")["since"]
    happening = _Happening(desk.manager, since)
    await out.send_initial_metadata()  # from here on nothing is missed
    pack = partial(_pack, METHODS["Events"].reply, "events", convert.event_message)
    await _send_all(happening, pack, out)


async def _send_all(source: Any, pack: Callable[[Any], Any], out: Any) -> None:
    with closing(Pump(source)) as pump:
        while batch := await pump.batch():
            await out.send_message(pack(batch))


def _pack(reply: Any, field: str, convert_one: Callable[[Any], Any], batch: Any) -> Any:
    return reply(**{field: [convert_one(it) for it in batch]})


class _Following:
    """A log that is followed until its container ends, or its reader has."""

    def __init__(
        self, desk: Desk, container: Container, since: float | None, tail: int | None
    ) -> None:
        self._over: Future[Exit | None] = Future()
        self._ends = asyncio.ensure_future(asyncio.shield(desk.ends.of(container.id)))
        self._ends.add_done_callback(lambda _: self._end())
        directory = Path(container.log_path).parent
        self._records = follow(directory, self._over, since or 0.0, tail)

    def __iter__(self) -> Iterator[Record]:
        """Theirs alone who iterate: who stops in the middle closes its files, too."""
        yield from self._records

    def close(self) -> None:
        """Its reader has gone: that is an end, too."""
        self._ends.cancel()
        self._end()

    def _end(self) -> None:
        if not self._over.done():
            self._over.set_result(None)


class _Happening:
    """Events from now on, and those before: a queue, with None for its end."""

    def __init__(self, manager: Manager, since: float | None) -> None:
        self._queue: SimpleQueue[Event | None] = SimpleQueue()
        self._forget = manager.on_event(self._queue.put)
        self._past = [] if since is None else manager.happened(since)

    def __iter__(self) -> Iterator[Event]:
        yield from self._past
        seen = {id(event) for event in self._past}  # told while we asked for the past
        while (event := self._queue.get()) is not None:
            if id(event) not in seen:
                yield event

    def close(self) -> None:
        """Hear no more."""
        with suppress(ValueError):
            self._forget()
        self._queue.put(None)
