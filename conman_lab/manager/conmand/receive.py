"""Reads one message of a call, and looks at its length first.

grpclib would read whatever is announced, four gigabytes if need be, into memory.
"""

from typing import Any

from conman_lab.errors import InvalidArgument
from conman_lab.manager.wire.framing import PREFIX, unpacked
from conman_lab.manager.wire.schema import LARGEST


class TooLarge(InvalidArgument):
    """A message of more bytes than we take."""


async def receive(stream: Any, largest: int = LARGEST) -> Any:
    """The next request; None: there are no more.  InvalidArgument: not for us."""
    prefix = await _received(stream, PREFIX.size)
    if not prefix:
        return None
    compressed, length = PREFIX.unpack(prefix)
    if compressed:
        raise InvalidArgument("a compressed message: this daemon takes plain ones")
    if length > largest:
        raise TooLarge(
            f"a message of {length} bytes is too large: this daemon takes {largest}"
        )
    body = await _received(stream, length)
    if len(body) < length:
        raise InvalidArgument("a message that is cut off")
    try:
        return unpacked(stream._recv_type, body)  # noqa: SLF001
    except ValueError as error:
        raise InvalidArgument(f"a message that cannot be read: {error}") from None


async def _received(stream: Any, count: int) -> bytes:
    """So many bytes, or none: no more come."""
    http2 = stream._stream  # noqa: SLF001  # grpclib has no other way to it
    try:
        return bytes(await http2.recv_data(count))
    except AssertionError:  # grpclib's word for: fewer have come, and no more will
        raise InvalidArgument("a message that is cut off") from None
