"""Reads one message of a call, and looks at its length first.

grpclib would read whatever is announced, four gigabytes if need be, into memory.
"""

import struct
from typing import Any

from conman_lab.errors import InvalidArgument
from conman_lab.manager.wire.schema import LARGEST

PREFIX = struct.Struct(">?I")  # compressed or not, length


class TooLarge(InvalidArgument):
    """A message of more bytes than we take."""


async def receive(stream: Any, largest: int = LARGEST) -> Any:
    """The next request; None: there are no more.  InvalidArgument: not for us."""
    http2 = stream._stream  # noqa: SLF001  # grpclib has no other way to it
    prefix = await http2.recv_data(PREFIX.size)
    if not prefix:
        return None
    compressed, length = PREFIX.unpack(prefix)
    if compressed:
        raise InvalidArgument("a compressed message: this daemon takes plain ones")
    if length > largest:
        raise TooLarge(
            f"a message of {length} bytes is too large: this daemon takes {largest}"
        )
    body = await http2.recv_data(length) if length else b""
    try:
        return stream._recv_type.FromString(body)  # noqa: SLF001
    except Exception as error:  # noqa: BLE001  # protobuf's DecodeError, whichever implementation
        raise InvalidArgument(f"a message that cannot be read: {error}") from None
