"""Promises about the attach socket: anybody may look on, and nobody is waited for.

A message is one byte for the stream, conmon's numbers, and up to 8192 bytes of output.
"""

import os
import socket
from functools import partial
from pathlib import Path
from typing import Self

from conman_lab.checks import Broken
from conman_lab.launcher import Launched
from conman_lab.shim.address import connect
from conman_lab.stream import Stream

from .creation import WAIT
from .patience import eventually, patience
from .trial import Trial, promise

LARGEST = 8193  # bytes of a message
BEHIND = 12 * 1024 * 1024  # bytes; more than anybody keeps for a viewer that sleeps


class Viewer:
    """Somebody who looks at a container, from now until its end."""

    typed = 0  # bytes

    def __init__(self, container: Launched) -> None:
        if not container.attach_socket:
            raise Broken("a socket to attach to", "none")
        self._ctl = container.attach_socket.with_name("ctl")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._enter(container.attach_socket, container.keeper)
        except BaseException:  # nobody is there any more
            self._socket.close()
            raise

    def _enter(self, place: Path, keeper: int | None) -> None:
        """It is in a queue, and sees what is written after its keeper has taken it out."""
        self._socket.settimeout(patience())
        before = _descriptors(keeper)
        connect(self._socket, place)
        eventually(lambda: _descriptors(keeper) > before)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def next(self) -> bytes:
        """The next that comes.  TimeoutError: none does."""
        return self._socket.recv(65536)

    def messages(self) -> list[bytes]:
        """All that come, to the end.  TimeoutError: it does not."""
        return list(iter(partial(self._socket.recv, 65536), b""))

    def type(self, text: bytes) -> None:
        """Send it to the container's stdin.  TimeoutError: it does not read."""
        for start in range(0, len(text), LARGEST - 1):
            self.typed += self._socket.send(text[start : start + LARGEST - 1])

    def finish(self) -> None:
        """Type no more, and look on."""
        self._socket.shutdown(socket.SHUT_WR)

    def resize(self, rows: int, columns: int) -> None:
        """Tell the container's terminal how large its window is."""
        if not self._ctl.is_fifo():
            raise Broken("a fifo that is told the size", "none")
        self._ctl.write_text(f"1 {rows} {columns}\n")


@promise
def viewer_sees(trial: Trial) -> None:
    """A viewer sees what is written, and on which stream."""
    container = trial.begin(f"{WAIT}; echo out; {WAIT}; echo err >&2")
    with Viewer(container) as viewer:
        trial.cue()
        trial.cue()
        seen = sorted(viewer.messages())
    trial.expect(seen == [b"\2out\n", b"\3err\n"], "both lines", str(seen))


@promise
def viewers(trial: Trial) -> None:
    """Two viewers see the same."""
    container = trial.begin(f"{WAIT}; echo out")
    with Viewer(container) as one, Viewer(container) as two:
        trial.cue()
        seen = [one.messages(), two.messages()]
    trial.expect(seen == [[b"\2out\n"]] * 2, "the line, twice", str(seen))


@promise
def viewer_sees_all(trial: Trial) -> None:
    """A viewer who keeps up misses nothing."""
    container = trial.begin(f"{WAIT}; dd if=/dev/zero bs=65536 count=16 2>/dev/null")
    with Viewer(container) as viewer:
        trial.cue()
        messages = viewer.messages()
    largest = max(map(len, messages), default=0)
    trial.expect(largest <= LARGEST, f"at most {LARGEST}", f"{largest} bytes at most")
    seen = b"".join(message[1:] for message in messages)
    written = container.output(Stream.STDOUT)
    trial.expect(seen == written, f"{len(written)} bytes", f"{len(seen)} bytes")


@promise
def viewer_leaves(trial: Trial) -> None:
    """A viewer who leaves disturbs nobody."""
    container = trial.begin(f"{WAIT}; echo out; exit 7")
    with Viewer(container):
        pass
    trial.cue()
    seen = f"{trial.told(trial.end_of, container)}, {trial.written(container)!r}"
    wanted = r"exit code 7, b'out\n'"
    trial.expect(seen == wanted, wanted, seen)


@promise
def viewer_sleeps(trial: Trial) -> None:
    """A viewer who does not read is not waited for."""
    flood = f"dd if=/dev/zero bs=65536 count={BEHIND // 65536} 2>/dev/null"
    container = trial.begin(f"{WAIT}; {flood}; exit 7")
    with Viewer(container):
        trial.cue()
        seen = trial.told(trial.end_of, container)
        count = len(trial.written(container))
    trial.expect(seen == "exit code 7", "exit code 7", seen)
    trial.expect(count == BEHIND, f"{BEHIND} bytes", f"{count} bytes")


@promise
def socket_goes(trial: Trial) -> None:
    """There is nothing to attach to when all is over."""
    container = trial.begin(WAIT)
    if not container.attach_socket:
        raise Broken("a socket to attach to", "none")
    trial.cue()
    trial.end_of(container)
    gone = eventually(lambda: not os.path.exists(str(container.attach_socket)))
    trial.expect(gone, "no socket", "none" if gone else "the socket")


def _descriptors(pid: int | None) -> int:
    return len(os.listdir(f"/proc/{pid}/fd")) if pid else 0
