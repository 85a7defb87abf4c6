"""Answers that come by and by: waits, logs, events; to as many as look."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import Any, TypeVar

from conman_lab.manager.answers import Event, Record
from conman_lab.manager.register import Entry
from conman_lab.manager.wire import parts
from conman_lab.manager.wire.schema import METHODS

from . import asked
from .desk import Desk
from .pump import Pump, Source
from .sources import Following, Happening
from .threads import Kind

T = TypeVar("T")
LINES = 512  # of a log, in one message at most
FULL = 1024 * 1024  # bytes of them, when it is full: gRPC's clients take 4 MiB


async def wait(desk: Desk, request: Any, out: Any) -> None:
    """Answer when it has ended.  Deadline."""
    patience = asked.seconds(request, "timeout")
    how = await desk.ends.wait(request.container_id, patience)
    reply = METHODS["WaitContainer"].reply
    await out.send_message(reply(exit=parts.exit_message(how)))


async def logs(desk: Desk, request: Any, out: Any) -> None:
    """What a container has written, and if that is wanted, will."""
    wanted = parts.given(request, "since", "tail")
    if request.follow:
        known = partial(desk.manager.known, request.container_id)
        entry = await desk.threads.run(Kind.LOOK, known)
        await _follow(desk, entry, out, **wanted)
        return
    look = partial(desk.manager.logs, request.container_id, **wanted)
    messages = _log_messages(await desk.threads.run(Kind.LOOK, look))
    await out.send_initial_metadata()  # there is such a container
    while message := await desk.threads.run(Kind.LOOK, lambda: next(messages, None)):
        await out.send_message(message)


async def _follow(desk: Desk, entry: Entry, out: Any, **wanted: Any) -> None:
    growing = await desk.threads.run(Kind.LOOK, partial(Following, entry, **wanted))
    growing.until(desk.ends.of(entry))
    await out.send_initial_metadata()  # from here on nothing is missed
    await _send_all(growing, _log_messages, out)


async def events(desk: Desk, request: Any, out: Any) -> None:
    """What happens, and perhaps what has."""
    since = parts.given(request, "since")["since"]
    with closing(Happening(desk.manager, since)) as happening:
        await out.send_initial_metadata()  # from here on nothing is missed
        await _send_all(happening, _event_messages, out)


async def _send_all(
    source: Source[T], messages: Callable[[list[T]], Iterator[Any]], out: Any
) -> None:
    """What has gathered meanwhile goes into as few messages as it takes."""
    with closing(Pump(source)) as pump:
        while batch := await pump.batch():
            for message in messages(batch):
                await out.send_message(message)


def _event_messages(batch: Iterable[Event]) -> Iterator[Any]:
    yield METHODS["Events"].reply(events=map(parts.event_message, batch))


def _log_messages(records: Iterable[Record]) -> Iterator[Any]:
    """Of LINES each, or fewer of long ones."""
    reply = METHODS["Logs"].reply
    message, size = reply(), 0
    for record in records:
        message.records.append(parts.record_message(record))
        size += len(record.text)
        if size > FULL or len(message.records) == LINES:
            yield message
            message, size = reply(), 0
    if message.records:
        yield message
