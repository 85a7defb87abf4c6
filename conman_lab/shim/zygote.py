"""A warm process that forks shims: nobody waits until one more Python has started.

    manager                        zygote                     [main], [shim]
       |--- exec, once ------------->|
       |                             |  imports all that a shim is made of
       |--- flags, descriptors ----->|
       |                             |--- fork ------------------->|
       |<---------------------------------------- {"pid": 4242} ---|

A Python that starts takes 25 ms and 4 MiB for each container; a fork of a warm one takes
0.4 ms and the pages that it writes to.  It has no threads, so nothing is half done in its
forks.  It ends when its manager does, by the end of file at its socket; its shims go on.
Android starts applications like this, and has given it the name.
"""

import gc
import os
import signal
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
    """Fork one [main] for each request, until there is nobody to ask."""
    requests = socket.socket(fileno=int(sys.argv.pop()))
    linux.name_process("zygote")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for [main]: wait(2)
    gc.freeze()  # a collection writes to all that it looks at, and a fork would copy it
    while True:
        flags, fds, _, _ = socket.recv_fds(requests, LARGEST, VIEWER + 1)
        if not flags:
            return  # the manager has gone
        try:
            if os.fork() == 0:
                requests.close()
                become_main(flags.decode().split("\0"), fds)
        except OSError as error:  # EAGAIN: there are too many processes
            Report(error=f"no shim can be forked: {error.strerror}").send(fds.pop(SYNC))
        for fd in fds:
            os.close(fd)


def become_main(flags: list[str], fds: list[int]) -> "NoReturn":
    """[main] Be what an exec'd shim would be by now."""
    os.dup2(fds[LOG], 2)
    os.close(fds[LOG])
    os.environ[SYNC_PIPE] = str(fds[SYNC])
    viewer = [f"--viewer={fd}" for fd in fds[VIEWER:]]  # it has another number here
    sys.argv[1:] = [*flags, *viewer]
    be_shim()
    os._exit(0)  # there is nothing that Python would have to put in order
