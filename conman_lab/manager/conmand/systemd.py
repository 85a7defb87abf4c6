"""What systemd and a daemon tell each other, without a library of it.

    LISTEN_PID, LISTEN_FDS    descriptors from 3 on are ours, listening: sd_listen_fds(3)
    NOTIFY_SOCKET             where to say READY=1, and STOPPING=1: sd_notify(3)

The variables are taken out of the environment: a runtime that we start is not meant.
"""

import os
import socket
from contextlib import suppress

FIRST_FD = 3  # SD_LISTEN_FDS_START


def activated() -> int | None:
    """The descriptor of a socket that somebody listens at for us; None: there is none."""
    pid = os.environ.pop("LISTEN_PID", "")
    count = os.environ.pop("LISTEN_FDS", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or count in ("", "0"):
        return None
    os.set_inheritable(FIRST_FD, False)
    return FIRST_FD


class Notifier:
    """Tells whoever started us; if nobody wants to know, nothing."""

    def __init__(self) -> None:
        self._address = os.environ.pop("NOTIFY_SOCKET", "")

    def say(self, words: str) -> None:
        """For instance READY=1.  An @ stands for the abstract namespace's zero byte."""
        if not self._address:
            return
        address = self._address.replace("@", "\0", 1)
        with (
            suppress(OSError),
            socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
            ) as talk,
        ):
            talk.sendto(words.encode(), address)
