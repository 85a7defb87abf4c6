"""A client of SPDY/3.1, as crictl is one: frames written out by hand, and none of ours."""

import socket
import struct
import zlib

from conman_lab.manager.conmand.spdy import DICTIONARY  # has a checksum of its own

UPGRADE = (
    "POST {} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
    "X-Stream-Protocol-Version: v5.channel.k8s.io\r\n"
    "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n"
)


class SpdyClient:
    """Asks `url`, and opens streams of these types."""

    def __init__(self, url, *types):
        host, _, path = url.removeprefix("http://").partition("/")
        name, port = host.split(":")
        self._socket = socket.create_connection((name, int(port)), timeout=15)
        self._socket.sendall(UPGRADE.replace("{}", f"/{path}").encode())
        self._file = self._socket.makefile("rb")
        self.answer = b"".join(iter(self._file.readline, b"\r\n")).decode()
        self._packer = zlib.compressobj(9, zdict=DICTIONARY)
        self._unpacker = zlib.decompressobj(zdict=DICTIONARY)
        self.ids = {kind: 1 + 2 * n for n, kind in enumerate(types)}
        for kind in types:
            self._open(kind)

    def _open(self, kind, ends=False):
        name, value = b"streamtype", kind.encode()
        block = struct.pack(">II", 1, len(name)) + name
        block += struct.pack(">I", len(value)) + value
        packed = self._packer.compress(block) + self._packer.flush(zlib.Z_SYNC_FLUSH)
        body = struct.pack(">IIBB", self.ids[kind], 0, 0, 0) + packed
        self._control(1, body, ends)

    def open(self, kind, ends):
        """One stream more, and perhaps its end."""
        self.ids[kind] = 1 + 2 * len(self.ids)
        self._open(kind, ends)

    def _control(self, kind, body, ends=False):
        head = struct.pack(">HHI", 0x8003, kind, ends << 24 | len(body))
        self._socket.sendall(head + body)

    def send(self, kind, data, ends=False):
        """Data on a stream, and perhaps the end of it."""
        head = struct.pack(">II", self.ids[kind], ends << 24 | len(data))
        self._socket.sendall(head + data)

    def ping(self, number):
        """Ask for the same back."""
        self._control(6, struct.pack(">I", number))

    def read(self):
        """The next frame: type or None, stream or number, FIN, bytes; None: the end."""
        if not (head := self._file.read(8)):
            return None
        first, rest = struct.unpack(">II", head)
        body, ends = self._file.read(rest & 0xFFFFFF), bool(rest >> 24 & 1)
        if not first >> 31:
            return None, first, ends, body
        assert first >> 16 == 0x8003
        number = struct.unpack(">I", body[:4])[0]
        return first & 0xFFFF, number, ends, body[4:]

    def replies(self):
        """The streams that were answered; each answer has no headers."""
        for _ in self.ids:
            kind, stream, _, packed = self.read()
            assert (kind, self._unpacker.decompress(packed)) == (2, bytes(4))
            yield stream

    def all(self):
        """What comes on each stream, and which of them end."""
        said, ended = dict.fromkeys(self.ids, b""), set()
        names = {stream: kind for kind, stream in self.ids.items()}
        while frame := self.read():
            kind, stream, ends, body = frame
            if kind is None:
                said[names[stream]] += body
                ended |= {names[stream]} if ends else set()
        return said, ended

    def close(self):
        """Hang up."""
        self._file.close()
        self._socket.close()
