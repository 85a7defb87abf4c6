"""Unix sockets at a path of any length.

An address holds 107 bytes, unix(7), and a container's directory may lie deeper.  But
/proc/self/fd/N/NAME is short, whatever directory N is: so that one is opened first,
with O_PATH, and the address leads through it.
"""

import os
import socket

from conman_lab.files import AnyPath


def listen(directory: str, name: str, kind: int) -> socket.socket:
    """A socket, 0600, that is called `name` in `directory`, and does not block."""
    listener = socket.socket(socket.AF_UNIX, kind)
    where = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        listener.bind(f"/proc/self/fd/{where}/{name}")
        os.chmod(f"{directory}/{name}", 0o600)
        listener.listen()
        listener.setblocking(False)
    finally:
        os.close(where)
    return listener


def connect(ours: socket.socket, path: AnyPath) -> None:
    """Connect it to whoever listens at `path`.  OSError."""
    directory, name = os.path.split(path)
    where = os.open(directory or ".", os.O_PATH | os.O_DIRECTORY)
    try:
        ours.connect(f"/proc/self/fd/{where}/{name}")
    finally:
        os.close(where)
