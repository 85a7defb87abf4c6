"""The head of an HTTP/1.1 request, and a refusal that says why.

    GET /attach/TOKEN HTTP/1.1          HTTP/1.1 404 Not Found
    Connection: Upgrade                 Content-Type: text/plain
    Upgrade: websocket          or
    ...                                 nothing to attach here: ...

A head is all that we read as HTTP: after it both sides speak another protocol.
"""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus

import h11

LARGEST = 16 * 1024  # bytes of a head
PATIENCE = 10.0  # seconds, for one


class Refused(Exception):  # it is an answer, and no error of ours
    """We answer this status, and these words."""

    def __init__(self, status: HTTPStatus, words: str) -> None:
        super().__init__(words)
        self.status = status

    def answer(self) -> bytes:
        """The whole of it."""
        body = f"{self}\n".encode()
        head = (
            f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        return head.encode() + body


@dataclass(frozen=True)
class Head:
    """What was asked; `rest` came after it, in the other protocol."""

    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...]  # the names in lower case
    rest: bytes

    def words(self, name: str) -> list[str]:
        """The words of a list; it may have several lines.

        >>> Head("GET", "/", ((b"connection", b"keep-alive, Upgrade"),), b"").words(
        ...     "connection"
        ... )
        ['keep-alive', 'Upgrade']
        """
        lines = [value for its, value in self.headers if its == name.encode()]
        words = b",".join(lines).decode("latin-1").split(",")
        return [word.strip() for word in words if word.strip()]

    @property
    def upgrade(self) -> str:
        """Which protocol it wants, in lower case; nothing: HTTP goes on."""
        wanted = [word.lower() for word in self.words("connection")]
        return next(iter(self.words("upgrade")), "").lower() * ("upgrade" in wanted)

    @property
    def place(self) -> tuple[str, str]:
        """What to do, and its token; without what follows a question mark.

        >>> Head("GET", "/attach/abc?x=1", (), b"").place
        ('attach', 'abc')
        """
        verb, _, token = self.target.partition("?")[0].lstrip("/").partition("/")
        return verb, token


async def read_head(reader: asyncio.StreamReader) -> Head:
    """The first that comes.  Refused; EOFError: nothing does, and it was closed."""
    http = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST)
    try:
        async with asyncio.timeout(PATIENCE):
            return await _read(http, reader)
    except TimeoutError:
        raise Refused(
            HTTPStatus.REQUEST_TIMEOUT, f"no request in {PATIENCE:g} seconds"
        ) from None
    except h11.RemoteProtocolError:  # it quotes the line, with the token in it
        words = f"no request of HTTP/1.1, or one with a head above {LARGEST} bytes"
        raise Refused(HTTPStatus.BAD_REQUEST, words) from None


async def _read(http: h11.Connection, reader: asyncio.StreamReader) -> Head:
    while not isinstance(event := http.next_event(), h11.Request):
        if not (data := await reader.read(LARGEST)):
            raise EOFError
        http.receive_data(data)
    method, target = event.method.decode(), event.target.decode("latin-1")
    return Head(method, target, tuple(event.headers), http.trailing_data[0])
