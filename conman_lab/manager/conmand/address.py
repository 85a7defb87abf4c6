"""HOST:PORT, as a flag has it."""

from typing import NamedTuple


class Address(NamedTuple):
    """Where a server listens; port 0: at a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, words: str) -> "Address":
        """Read one; ValueError says what is wrong with it.

        >>> Address.parse("127.0.0.1:8881")
        Address(host='127.0.0.1', port=8881)
        >>> Address.parse("[::1]:0").host
        '::1'
        """
        host, colon, port = words.rpartition(":")
        digits = port.isascii() and port.isdecimal()
        if not (host and colon and digits and int(port) < 1 << 16):
            raise ValueError(f"{words!r} is no HOST:PORT, as 127.0.0.1:8881 is")
        return cls(host.removeprefix("[").removesuffix("]"), int(port))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"
