"""Every call comes through here: who asks, what is asked, what went wrong.

A handler may raise what it likes.  What the manager raises is told to the client in its
own words; what nobody expected is written down with its trace, and told in short.
"""

import asyncio
import os
import socket
import struct
import time
import traceback
from contextlib import suppress
from functools import partial
from typing import Any

from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import ProtocolError
from h2.exceptions import ProtocolError as H2Error

from conman_lab.errors import InvalidArgument, LabError
from conman_lab.manager.wire.failures import TRAILER, Code, code_of, cut, pack
from conman_lab.manager.wire.schema import METHODS, Method

from .addresses import attach
from .desk import Desk
from .journal import Journal
from .receive import TooLarge, receive
from .sessions import session
from .streams import events, logs, wait
from .unary import UNARY

IN_THE_LOOP = {
    "Logs": logs,
    "Events": events,
    "Session": session,
    "WaitContainer": wait,
    "Attach": attach,
}
CARDINALITY = {
    (False, False): Cardinality.UNARY_UNARY,
    (False, True): Cardinality.UNARY_STREAM,
    (True, True): Cardinality.STREAM_STREAM,
}
CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: struct ucred of unix(7)


class Service:
    """The service `Conman`, as grpclib wants it."""

    def __init__(self, desk: Desk, journal: Journal) -> None:
        self._desk, self._journal = desk, journal

    def __mapping__(self) -> dict[str, Handler]:
        return {
            method.path: Handler(
                partial(self._call, method),
                CARDINALITY[method.asks_on, method.answers_on],
                method.request,
                method.reply,
            )
            for method in METHODS.values()
        }

    async def _call(self, method: Method, stream: Any) -> None:
        """One call, from its first message to its line in the journal."""
        began_at = time.monotonic()
        told: dict[str, Any] = {"method": method.name}
        try:
            told["pid"] = _admitted(stream)
            request = await receive(stream)
            if request is None:
                raise InvalidArgument(f"{method.name}: a call without a message")
            told["container"] = _about(request)
            await self._answer(method, request, stream)
            told["code"] = Code.OK.name
        except asyncio.CancelledError:  # the client has gone, or its deadline passed
            told["code"] = Code.CANCELLED.name
            raise
        except Exception as error:  # noqa: BLE001  # that is the client's, too
            told |= _described(error)
            await _refuse(stream, error)
        finally:
            told["seconds"] = round(time.monotonic() - began_at, 6)
            note = partial(self._journal.say, "call", **told)
            asyncio.get_running_loop().call_soon(
                note
            )  # the client does not wait for it

    async def _answer(self, method: Method, request: Any, stream: Any) -> None:
        if method.name in IN_THE_LOOP:
            await IN_THE_LOOP[method.name](self._desk, request, stream)
            return
        kind, answer = UNARY[method.name]
        ask = partial(answer, self._desk.manager, request)
        reply = await self._desk.threads.run(kind, ask)
        await stream.send_message(reply)


def _admitted(stream: Any) -> int:
    """The pid of who asks, if that is root or who we are.  PermissionError.

    The socket's mode keeps others out; this does so when somebody has changed it.  The
    kernel vouches for it: SO_PEERCRED, unix(7).
    """
    transport = stream._stream._transport  # noqa: SLF001  # grpclib has no way to it
    connection = transport.get_extra_info("socket")
    packed = connection.getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size
    )
    pid, uid, _ = CREDENTIALS.unpack(packed)
    if uid not in (0, os.geteuid()):
        raise PermissionError(f"this daemon answers to root and uid {os.geteuid()}")
    return int(pid)


async def _refuse(stream: Any, error: Exception) -> None:
    """Tell it as gRPC does; if the client is still there."""
    code = Code.RESOURCE_EXHAUSTED if isinstance(error, TooLarge) else code_of(error)
    words = str(error) or type(error).__name__
    with suppress(H2Error, ProtocolError):  # it has gone, or has had its answer
        await stream.send_trailing_metadata(
            status=Status(code.value),
            status_message=cut(words),
            metadata={TRAILER: pack(error)},
        )


def _described(error: Exception) -> dict[str, Any]:
    """For the journal; of what nobody expected, where it came from as well."""
    told = {"code": code_of(error).name, "error": cut(str(error))}
    if not isinstance(error, LabError | OSError):
        told["trace"] = "".join(traceback.format_exception(error))
    return told


def _about(request: Any) -> str:
    """Which container it is about, as far as one can see."""
    for inner in ("attach", "exec"):
        request = getattr(request, inner, request)
    return str(getattr(request, "container_id", "") or getattr(request, "name", ""))
