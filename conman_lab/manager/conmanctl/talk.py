"""A session as its user has it: until it ends, or he has had enough of it."""

import os
import select
import signal
from argparse import Namespace
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from queue import Queue
from threading import Thread

from conman_lab.errors import LabError
from conman_lab.manager.vocabulary import Session

from .keyboard import DetachKeys, raw, signals, size
from .watching import FDS, write_all

STDIN, STDOUT = 0, 1
PIECE = 65536
IN_TURN = 64  # pieces that are shown before keys have their turn: `yes` never ends
PASSED_ON = (
    *(signal.SIGTERM, signal.SIGINT, signal.SIGQUIT),
    *(signal.SIGUSR1, signal.SIGUSR2),
)
HANG_UP = signal.SIGHUP  # our own terminal has gone: what we look at goes on

Kill = Callable[[int], object]


class Talk:
    """Our stdin to the session's, its output to ours; `kill`: what is sent to us.

    `terminal`: it has one, and so keys are passed on as they are, and our window's size.
    """

    def __init__(
        self, session: Session, args: Namespace, terminal: bool, kill: Kill
    ) -> None:
        self._session, self._kill = session, kill
        self._types = bool(args.stdin)
        self._window = terminal and os.isatty(STDOUT)
        at_keys = terminal and self._types and os.isatty(STDIN)
        self._keys = DetachKeys(args.detach_keys) if at_keys else None
        self._todo: Queue[Callable[[], object] | None] = Queue(0 if at_keys else 4)
        self._left: int | None = None  # with this status, and before the end
        self.shows = True  # or somebody else does
        self.is_back = False  # on the screen is what was not drawn for us

    @property
    def detached(self) -> bool:
        """The user has left, and what he looked at goes on."""
        return self._left is not None

    def status(self) -> int:
        """Relay until the end; how it ended, as a shell says it, or 0 if he has left."""
        typist = Thread(target=self._type, daemon=True)
        typist.start()
        with ExitStack() as stack:
            stack.callback(self._todo.put, None)
            wanted = (*PASSED_ON, HANG_UP, signal.SIGWINCH)
            news = stack.enter_context(signals(*wanted))
            if self._keys:
                stack.enter_context(raw(STDIN))
            if self.is_back:  # vi(1) draws all of it again, if it has another size
                self._tell_size(larger=1)
            self._tell_size()
            self._relay(news)
        if self._left is None:
            return self._session.wait().status
        typist.join(1)  # what was typed before
        return self._left

    def _relay(self, news: int) -> None:
        ready = select.poll()
        ready.register(self._session, select.POLLIN)
        ready.register(news, select.POLLIN)
        if self._types:
            ready.register(STDIN, select.POLLIN)
        while self._left is None and (more := self._show()) is not None:
            for fd, _ in ready.poll(0 if more else None):
                if fd == STDIN and self._types and not self._typed():
                    ready.unregister(STDIN)
                elif fd == news:
                    for number in os.read(news, 4096):
                        self._heard(number)

    def _show(self) -> bool | None:
        """Show what has come; True: there may be more; None: there will be no more."""
        for _ in range(IN_TURN):
            try:
                piece = self._session.read(timeout=0)
            except TimeoutError:
                return False
            if piece is None:
                return None
            if self.shows:
                write_all(FDS[piece[0]], piece[1])
        return True

    # --- what goes the other way

    def _typed(self) -> bool:
        """Pass on what was typed; False: nothing more will be."""
        try:
            data = os.read(STDIN, PIECE)
        except OSError:  # EIO: our terminal has gone
            data = b""
        passed = self._keys.passed(data) if self._keys else data
        if passed:
            self._todo.put(partial(self._session.send, passed))
        if self._keys and self._keys.seen:
            self._left = 0
        if not data:
            self._todo.put(self._session.end_input)
        return bool(data)

    def _heard(self, number: int) -> None:
        if number == signal.SIGWINCH:
            self._tell_size()
        elif number == HANG_UP:
            self._left = 128 + HANG_UP
        else:
            self._kill(number)

    def _tell_size(self, larger: int = 0) -> None:
        rows, columns = size(STDOUT)
        if self._window and rows:
            new = (rows + larger, columns + larger)
            self._todo.put(partial(self._session.resize, *new))

    def _type(self) -> None:
        """[a thread] One after the other: it may have to wait, and keys must not."""
        while (todo := self._todo.get()) is not None:
            with suppress(OSError, LabError):  # it has ended
                todo()
