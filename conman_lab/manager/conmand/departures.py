"""Clients that have gone, and of whom we read nothing just now.

Who waits for room in the inbox does not read from the client's socket, and so would not
hear that the client was killed, for as long as the container does not read either.  So
epoll(7) looks beside it: EPOLLRDHUP says that FIN has come, EPOLLHUP and EPOLLERR that
RST has, whatever is still to be read before.  An epoll is a descriptor like any other,
and the loop looks at ours.
"""

import asyncio
import select
import socket
from collections.abc import Callable

GRACE = 2.0  # seconds, for what came before the end to be read


class Departures:
    """Watches sockets for the loop that it is made in."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._watched: dict[int, Callable[[], object]] = {}
        self._loop.add_reader(self._epoll, self._look)

    def watch(self, client: socket.socket, then: Callable[[], object]) -> None:
        """Call back once, a little after it has gone."""
        self._watched[client.fileno()] = then
        self._epoll.register(client.fileno(), select.EPOLLRDHUP)

    def forget(self, client: socket.socket) -> None:
        """Before it is closed: its number will be another's."""
        if self._watched.pop(client.fileno(), None):
            self._epoll.unregister(client.fileno())

    def close(self) -> None:
        """Watch nobody."""
        self._loop.remove_reader(self._epoll)
        self._epoll.close()

    def _look(self) -> None:
        for fd, _ in self._epoll.poll(0):
            self._epoll.unregister(fd)
            self._loop.call_later(GRACE, self._watched.pop(fd))
