"""Attach as conman has it: not a stream, but the address of one."""

from functools import partial
from typing import Any

from conman_lab.errors import InvalidArgument
from conman_lab.manager.wire.schema import METHODS
from conman_lab.stream import Stream

from .desk import Desk
from .threads import Kind
from .tokens import Wish


async def attach(desk: Desk, request: Any, out: Any) -> None:
    """Answer one; what cannot be attached to is told now, and not there."""
    look = partial(_wish, desk.manager, request)
    wish = await desk.threads.run(Kind.LOOK, look)
    await out.send_message(METHODS["Attach"].reply(url=desk.streaming.url(wish)))


def _wish(manager: Any, request: Any) -> Wish:
    """What is asked for; `tty` is not looked at: the container knows whether it has one.

    InvalidArgument, NotFound, WrongState.
    """
    container = manager.attachable(request.container_id, request.stdin)
    wanted = {Stream.STDOUT: request.stdout, Stream.STDERR: request.stderr}
    streams = frozenset(stream for stream, is_wanted in wanted.items() if is_wanted)
    if not (streams or request.stdin):
        raise InvalidArgument(
            f"attach to what of {container.name}? Its stdin, stdout or stderr"
        )
    return Wish(
        *("attach", container.id),
        partial(manager.attach, container.id, stdin=request.stdin),
        request.stdin,
        streams,
        terminal=container.terminal,
        ends_with_input=not (container.stdin_once or container.terminal),
    )
