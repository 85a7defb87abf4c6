"""SPDY/3.1's frames: what older clients of Kubernetes, and conmanctl's elder, speak.

    1 (1 bit) | 3 (15) | type (16) | flags (8) | length (24) | body       control
    0 (1 bit) | stream (31)        | flags (8) | length (24) | bytes      data

Headers are compressed, each direction as one zlib stream for as long as the connection
is, from a dictionary that both know.  No package of Python's has it, since HTTP/2 took
its place; of its flow control these clients use nothing.
https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

CONTROL, FIN = 0x8003, 1
FRAME = struct.Struct(">IB3s")
TWO = struct.Struct(">II")
MOST = 64 * 1024  # bytes of headers, not compressed any more


class Type(IntEnum):
    """Of control frames; those that we use."""

    SYN_STREAM = 1
    SYN_REPLY = 2
    RST_STREAM = 3
    PING = 6
    GOAWAY = 7


class Broken(ConnectionError):
    """What came is no SPDY."""


@dataclass(frozen=True)
class Frame:
    """One; `type` None: data, of `stream`.  A control frame's stream is in its body."""

    type: int | None
    stream: int
    ends: bool  # the sender sends no more on this stream
    body: bytes


class Parser:
    """Bytes in, frames out."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """All that are whole; the largest has 16 MiB.  Broken."""
        self._waiting += data
        while len(self._waiting) >= FRAME.size:
            first, flags, packed = FRAME.unpack_from(self._waiting)
            end = FRAME.size + int.from_bytes(packed)
            if len(self._waiting) < end:
                return
            body = bytes(self._waiting[FRAME.size : end])
            del self._waiting[:end]
            yield _frame(first, bool(flags & FIN), body)


def _frame(first: int, ends: bool, body: bytes) -> Frame:
    if not first >> 31:
        return Frame(None, first, ends, body)
    if first >> 16 != CONTROL or len(body) < 4:
        raise Broken("a frame of another version")
    return Frame(first & 0xFFFF, int.from_bytes(body[:4]) & 0x7FFFFFFF, ends, body)


def data(stream: int, piece: bytes, ends: bool = False) -> bytes:
    """A frame of data.

    >>> data(5, b"hi", ends=True).hex(" ")
    '00 00 00 05 01 00 00 02 68 69'
    """
    return FRAME.pack(stream, FIN * ends, len(piece).to_bytes(3)) + piece


def control(type: Type, body: bytes) -> bytes:
    """A control frame.

    >>> control(Type.PING, bytes([0, 0, 0, 2])).hex(" ")
    '80 03 00 06 00 00 00 04 00 00 00 02'
    """
    return FRAME.pack(CONTROL << 16 | type, 0, len(body).to_bytes(3)) + body


class Headers:
    """Packs and unpacks blocks of headers, in the order in which they cross."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(9, zdict=DICTIONARY)
        self._unpacker = zlib.decompressobj(zdict=DICTIONARY)

    def pack(self, headers: dict[str, str]) -> bytes:
        """A count, and then each name and value with its length before it."""
        words = [word.encode() for pair in headers.items() for word in pair]
        block = len(headers).to_bytes(4) + b"".join(map(_with_length, words))
        return self._packer.compress(block) + self._packer.flush(zlib.Z_SYNC_FLUSH)

    def unpack(self, packed: bytes) -> dict[str, str]:
        """The same, from the other side.  Broken.

        >>> Headers().unpack(Headers().pack({"streamtype": "stdin"}))
        {'streamtype': 'stdin'}
        """
        try:
            block = self._unpacker.decompress(packed, MOST)
        except zlib.error as error:
            raise Broken(f"headers: {error}") from None
        if self._unpacker.unconsumed_tail:
            raise Broken(f"headers of more than {MOST} bytes")
        words = [word.decode("latin-1") for word in _words(block)]
        return dict(zip(words[::2], words[1::2], strict=False))


def _with_length(word: bytes) -> bytes:
    return len(word).to_bytes(4) + word


def _words(block: bytes) -> Iterator[bytes]:
    at = 4  # the count comes first, and the block ends with its last word
    while at < len(block):
        end = at + 4 + int.from_bytes(block[at : at + 4])
        yield block[at + 4 : end]
        at = end


_WORDS = (
    *(
        "options head post put delete trace accept accept-charset accept-encoding"
    ).split(),
    *("accept-language accept-ranges age allow authorization cache-control").split(),
    *("connection content-base content-encoding content-language").split(),
    *("content-length content-location content-md5 content-range content-type").split(),
    *("date etag expect expires from host if-match if-modified-since").split(),
    *("if-none-match if-range if-unmodified-since last-modified location").split(),
    *("max-forwards pragma proxy-authenticate proxy-authorization range").split(),
    *("referer retry-after server te trailer transfer-encoding upgrade").split(),
    *("user-agent vary via warning www-authenticate method get status").split(),
    *("200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive"),
    "origin",
)
_TAIL = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417"
    "502504505203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad"
    " Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not"
    " Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec"
    " 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,"
    "image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8"
    "charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = b"".join(_with_length(it.encode()) for it in _WORDS) + _TAIL.encode()
