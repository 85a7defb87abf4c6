"""Attach and exec over gRPC: what is typed, what is written, then how it ended."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

from conman_lab.errors import InvalidArgument, NotPossible
from conman_lab.manager.manager import Manager
from conman_lab.manager.sessions import ViewerSession
from conman_lab.manager.wire import parts
from conman_lab.manager.wire.schema import METHODS

from .desk import Desk
from .opened import Opened
from .receive import receive
from .talk import first_of
from .threads import Kind

Reply = METHODS["Session"].reply


async def session(desk: Desk, request: Any, out: Any) -> None:
    """Serve one, until the end or until the client has had enough."""
    begun = await desk.threads.run(Kind.CHANGE, partial(_open, desk.manager, request))
    opened = Opened(begun)
    try:
        await out.send_message(Reply(id=begun.id))
        await first_of(_look(opened, out), _type(opened, out))
    finally:
        opened.hang_up()


async def _look(opened: Opened, out: Any) -> None:
    """Until the output and then the container, or the command, have ended."""
    async for stream, output in opened.output():
        await out.send_message(Reply(stream=stream, output=output))
    await out.send_message(Reply(end_output=True))
    how = parts.exit_message(await opened.how_it_ended())
    await out.send_message(Reply(exit=how))


async def _type(opened: Opened, out: Any) -> None:
    """Pass on what comes, in its order, and never be the first.  InvalidArgument."""
    with suppress(OSError, NotPossible):  # a container that has gone hears nothing
        while (request := await receive(out)) is not None:
            await _pass_on(opened, request)
        await opened.end_input()
    await asyncio.Event().wait()


async def _pass_on(opened: Opened, request: Any) -> None:
    if request.input:
        await opened.type(request.input)
    if request.HasField("window"):
        opened.resize(request.window.rows, request.window.columns)
    if request.end_input:
        await opened.end_input()


def _open(manager: Manager, request: Any) -> ViewerSession:
    """What the first message asks for."""
    if request.HasField("attach"):
        wanted = request.attach
        return manager.attach(wanted.container_id, stdin=wanted.stdin)
    if not request.HasField("exec"):
        raise InvalidArgument("a session begins with `attach` or with `exec`")
    wanted = request.exec
    return manager.exec(
        wanted.container_id,
        *wanted.command,
        env=dict(wanted.env),
        **parts.given(wanted, "cwd"),
        terminal=wanted.terminal,
        stdin=wanted.stdin,
        rows=wanted.window.rows,
        columns=wanted.window.columns,
        log=wanted.log,
    )
