"""One thread, one `select`, and what to do when each descriptor is ready.

conmon runs a GLib main loop here, shimmy a mio `Poll`, s6-supervise an `iopause`: they
are the same forty lines.  Signals join the descriptors through CPython's wakeup fd,
which is the self-pipe trick, https://cr.yp.to/docs/selfpipe.html: almost nothing is
safe to call in a signal handler, signal-safety(7), so the interpreter only writes the
signal's number to a pipe, and the loop does the work later, in the open.
"""

import os
import selectors
import signal
import time
from collections.abc import Callable
from functools import partial
from types import FrameType

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)

Callback = Callable[[], object]
Handler = Callable[[int, FrameType | None], object] | int | None  # as `signal` has it


class Loop:
    """Calls back when a descriptor is ready or a signal has come, in one thread.

    What a callback raises goes to `complain`, and the loop goes on: from the moment
    that there is a container nothing may end its shim but the container's own end.
    """

    def __init__(self, complain: Callable[[Exception], object] | None = None) -> None:
        self._selector = selectors.DefaultSelector()
        self._complain = complain
        self._on_signal: dict[int, Callback] = {}
        self._handlers: dict[int, Handler] = {}  # those before ours
        self._wakeup, self._told = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        # A full pipe drops a number.  Nothing is lost: no callback counts its signals.
        self._former = signal.set_wakeup_fd(self._told, warn_on_full_buffer=False)
        self.on_readable(self._wakeup, self._dispatch_signals)

    def on_readable(self, fd: int, callback: Callback) -> None:
        """Call back whenever `fd` can be read, or has come to its end."""
        self._selector.register(fd, selectors.EVENT_READ, callback)

    def on_writable(self, fd: int, callback: Callback) -> None:
        """Call back whenever `fd` has room, or nobody reads it any more."""
        self._selector.register(fd, selectors.EVENT_WRITE, callback)

    def on_signal(self, signum: int, callback: Callback) -> None:
        """Call back when `signum` has come, once for any number of them."""
        self._on_signal[signum] = callback
        # The wakeup fd only hears of signals that have a handler, even an idle one.
        before = signal.signal(signum, _hear)
        self._handlers.setdefault(signum, before)

    def forget(self, fd: int) -> None:
        """No more of that one."""
        self._selector.unregister(fd)

    def run_once(self, timeout: float | None = None) -> int:
        """Wait up to `timeout` seconds (None: for ever); return how many were ready."""
        ready = self._selector.select(timeout)
        for key, _ in ready:
            # A callback of this very round may have closed it, or reused its number.
            if self._selector.get_map().get(key.fd) is key:
                self._call(key.data)
        return len(ready)

    def run_until(
        self, done: Callable[[], object], timeout: float | None = None
    ) -> bool:
        """Run until `done()`; False if it is not after `timeout` seconds."""
        ends_at = None if timeout is None else time.monotonic() + timeout
        while not done():
            left = None if ends_at is None else ends_at - time.monotonic()
            if left is not None and left <= 0:
                return False
            self.run_once(left)
        return True

    def close(self) -> None:
        """Give signals back to who had them; a shim never does, it ends."""
        for signum, handler in self._handlers.items():
            signal.signal(signum, handler)
        signal.set_wakeup_fd(self._former)
        self._selector.close()
        os.close(self._wakeup)
        os.close(self._told)

    def _call(self, callback: Callback) -> None:
        try:
            callback()
        except Exception as error:
            if self._complain is None:
                raise
            self._complain(error)

    def _dispatch_signals(self) -> None:
        for signum in set(os.read(self._wakeup, 4096)):
            # Python itself has a handler for SIGINT, and so that one is told us anyhow.
            self._call(self._on_signal.get(signum, _ignore))


def forward_signals(loop: Loop, container: int) -> None:
    """What people send to a shim is meant for its container."""
    for signum in FORWARDED:
        loop.on_signal(signum, partial(forward, container, signum))


def forward(container: int, signum: int) -> None:
    """Send it.  The pid is nobody else's until we have reaped it, and then we end."""
    try:  # noqa: SIM105  # a shim does without contextlib
        os.kill(container, signum)
    except ProcessLookupError:  # ESRCH: it was reaped a moment ago, in this very round
        pass


def _hear(signum: int, frame: object) -> None:
    """Do nothing: the wakeup fd has told the loop."""


def _ignore() -> None:
    """Do nothing: nobody has asked for this one."""
