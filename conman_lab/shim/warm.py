"""The manager's end of a zygote: there when it is needed, and again if it was killed."""

import socket
import subprocess
import sys
from threading import Lock

from conman_lab.places import COURSE

from .protocol import Options
from .viewer import KIND

BOOT = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from conman_lab.shim.zygote import main; main()"
)
PROGRAM = (sys.executable, "-I", "-S", "-c", BOOT, str(COURSE))


class Zygote:
    """Forks shims for `launch`, from any thread; ends with us."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None

    def fork(self, options: Options, sync_pipe: int, shim_log: int) -> None:
        """Ask for a shim: it tells at `sync_pipe` what has become of it.  OSError.

        If the zygote dies before it has read that, the sync pipe is at its end, too.
        """
        flags = "\0".join(options.to_argv()).encode()
        fds = [fd for fd in (sync_pipe, shim_log, options.viewer) if fd >= 0]
        with self._lock:
            try:
                socket.send_fds(self._requests or self._begin(), [flags], fds)
            except (BrokenPipeError, ConnectionResetError):  # somebody has killed it
                self._end()
                socket.send_fds(self._begin(), [flags], fds)

    def close(self) -> None:
        """Let it end."""
        with self._lock:
            self._end()

    def _begin(self) -> socket.socket:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, KIND)
        with theirs:
            self._process = subprocess.Popen(
                [*PROGRAM, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # what is typed at our terminal is not for it
            )
        return self._requests

    def _end(self) -> None:
        if self._requests and self._process:
            self._requests.close()
            self._process.wait()
        self._requests = self._process = None
