"""The manager's side: start a shim, hear its report.

A fresh interpreter, not a fork of ours: a notebook's kernel has threads, and after
fork(2) a threaded program may only exec.  `-I -S` keeps it small: no site, no user's
directories, no environment variables of Python's.
"""

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from conman_lab.errors import LaunchFailed
from conman_lab.places import COURSE
from conman_lab.record import changed
from conman_lab.spans import spanned

from .protocol import DIED, SYNC_PIPE, Options, Report
from .viewer import KIND, Viewer
from .warm import Zygote

BOOT = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from conman_lab.shim.__main__ import main; main()"
)
LAST = 500  # bytes of shim.log
OUR_SHIM = (sys.executable, "-I", "-S", "-c", BOOT, str(COURSE))


@spanned("shim launch")
def launch(
    options: Options,
    program: tuple[str, ...] = OUR_SHIM,
    zygote: Zygote | None = None,
) -> int:
    """Create the container under a new shim; return its pid, for `start` to wake.

    The shim is a fork of `zygote`, or else a `program` that is started.
    An exec'd command does not wait, it runs at once.
    LaunchFailed in the runtime's words, or that the shim has died.
    """
    log, private = options.file("shim.log"), partial(os.open, mode=0o600)
    with open(log, "ab", opener=private) as shim_log, ExitStack() as undo:
        ours, theirs = os.pipe()
        undo.callback(os.close, ours)
        try:
            if zygote:
                zygote.fork(options, theirs, shim_log.fileno())
            else:
                _run(program, options, theirs, shim_log.fileno())
        except OSError as error:  # ENOENT, EACCES: a learner's own program
            raise LaunchFailed(f"cannot start the shim: {error}") from error
        finally:
            os.close(theirs)  # or we would wait for our own end of file
        undo.pop_all()
    report = Report.receive(ours)
    if report.pid is None:
        said = _last_line(options.file("shim.log")) if report.error == DIED else ""
        raise LaunchFailed(f"{report.error}{said}")
    return report.pid


def _last_line(log: str) -> str:
    """What the shim has said at its end: of a traceback, the line that tells why."""
    text = Path(log).read_bytes()[-LAST:].decode(errors="backslashreplace")
    lines = text.strip().splitlines()
    return f": {lines[-1]}" if lines else ""


def _run(
    program: tuple[str, ...], options: Options, sync_pipe: int, shim_log: int
) -> None:
    """Start [main], and wait until it has forked [shim]."""
    subprocess.run(
        [*program, *options.to_argv()],
        env={**os.environ, SYNC_PIPE: str(sync_pipe)},
        pass_fds=[fd for fd in (sync_pipe, options.viewer) if fd >= 0],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=shim_log,
    )


def launch_watched(
    options: Options,
    program: tuple[str, ...] = OUR_SHIM,
    zygote: Zygote | None = None,
) -> tuple[int, Viewer]:
    """Launch it with a viewer that is there before the first byte is written.

    Whoever connects later may miss what an exec'd command has written; conmon makes it
    wait for that, by a second read of its start pipe.  Ours brings its viewer along.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, KIND)
    with theirs:
        try:
            watched = changed(options, viewer=theirs.fileno())
            pid = launch(watched, program, zygote)
        except BaseException:
            ours.close()
            raise
    return pid, Viewer(ours, Path(options.directory))
