"""gRPC's messages among the bytes of a stream: each has its length before it.

    compressed (1 byte) | length (4, big endian) | the message, as protobuf packs it

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
"""

import struct
from typing import Any

from google.protobuf.message import DecodeError

PREFIX = struct.Struct(">?I")


def framed(message: Any) -> bytes:
    """A message as it is sent; ours are never compressed."""
    body: bytes = message.SerializeToString()
    return PREFIX.pack(False, len(body)) + body


def unpacked(kind: Any, body: bytes) -> Any:
    """The message of `kind` in these bytes.  ValueError: there is none."""
    try:
        return kind.FromString(body)
    except DecodeError as error:
        raise ValueError(f"no {kind.__name__}: {error}") from None


class Unframer:
    """Bytes in, messages of `kind` out, of at most `largest` bytes each."""

    def __init__(self, kind: Any, largest: int) -> None:
        self._kind, self._largest = kind, largest
        self._unread = bytearray()

    def feed(self, data: bytes) -> None:
        """More has come."""
        self._unread += data

    def next(self) -> Any:
        """The first message that is whole, or None.  ValueError says what is wrong."""
        if len(self._unread) < PREFIX.size:
            return None
        compressed, length = PREFIX.unpack_from(self._unread)
        if compressed or length > self._largest:
            raise ValueError(f"a message of {length} bytes, or one that is compressed")
        end = PREFIX.size + length
        if len(self._unread) < end:
            return None
        body = bytes(memoryview(self._unread)[PREFIX.size : end])
        del self._unread[:end]
        return unpacked(self._kind, body)

    @property
    def cut_off(self) -> bool:
        """A message has begun, and is not whole."""
        return bool(self._unread)
