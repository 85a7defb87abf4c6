"""A warm process that forks shims: nobody waits until one more Python has started.

    manager                       zygote              [main]
       |--- exec, once ------------->|
       |                             |  imports all that a shim is made of
       |                             |--- fork -------->|
       |--- flags, descriptors ------------------------>|
       |                             |                  |--- fork --->|  [shim]
       |                             |--- fork --->     ends           |
       |<------------------------------------------ {"pid": 4242} -----|

A Python that starts takes 25 ms and 4 MiB for each container; a fork of a warm one takes
1 ms and the pages that it writes to.  And nobody waits for that either: one [main] is
always forked ahead of time, and it is the one that reads the next request.

A zygote has no threads, so nothing is half done in its forks.  It ends when its manager
does, by the end of file at its socket; its shims go on.  Android starts applications
like this, and has given it the name.
"""

import gc
import os
import socket
import sys

from conman_lab import linux
from conman_lab.record import TYPE_CHECKING

from . import parts as _parts  # noqa: F401  # before the first fork
from .__main__ import main as be_shim
from .protocol import SYNC_PIPE, Report

if TYPE_CHECKING:
    from typing import NoReturn

LARGEST = 65536  # bytes of flags
SYNC, LOG, VIEWER = range(3)  # the descriptors that come with them; the last may lack


def main() -> None:
    """Have one [main] waiting, until there is nobody who could ask."""
    requests = socket.socket(fileno=int(sys.argv.pop()))
    linux.name_process("zygote")
    linux.restore_signal(
        linux.SIGCHLD
    )  # ignored, it leaves nobody to wait for: wait(2)
    gc.freeze()  # a collection writes to all that it looks at, and a fork would copy it
    while somebody_may_ask(requests):
        try:
            waiting = os.fork()
        except OSError as error:  # EAGAIN: there are too many processes
            refuse(requests, error)
            continue
        if waiting == 0:
            become_main(requests)
        os.waitpid(waiting, 0)  # it has been asked, and has forked its shim


def somebody_may_ask(requests: socket.socket) -> bool:
    """The manager is there; perhaps it has asked already."""
    try:
        return bool(requests.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except BlockingIOError:  # EAGAIN: it wants nothing for now
        return True


def become_main(requests: socket.socket) -> "NoReturn":
    """[main] Wait to be asked; then be what an exec'd shim would be by now."""
    linux.die_with_parent()  # or a zygote that is killed would leave one behind
    flags, fds = take(requests)
    requests.close()
    if flags:
        os.dup2(fds[LOG], 2)
        os.close(fds[LOG])
        os.environ[SYNC_PIPE] = str(fds[SYNC])
        viewer = [f"--viewer={fd}" for fd in fds[VIEWER:]]  # it has another number here
        sys.argv[1:] = [*flags, *viewer]
        be_shim()
    os._exit(0)


def refuse(requests: socket.socket, error: OSError) -> None:
    """Tell the next who asks."""
    flags, fds = take(requests)
    if flags:
        Report(error=f"no shim can be forked: {error.strerror}").send(fds.pop(SYNC))
    for fd in fds:
        os.close(fd)


def take(requests: socket.socket) -> tuple[list[str], list[int]]:
    """The next request, when it comes; nothing: the manager has gone."""
    flags, fds, _, _ = socket.recv_fds(requests, LARGEST, VIEWER + 1)
    return flags.decode().split("\0") if flags else [], fds
