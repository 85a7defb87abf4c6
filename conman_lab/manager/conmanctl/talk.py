"""A session as its user has it: until it ends, or he has had enough of it."""

import os
import select
import signal
from argparse import Namespace
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread

from conman_lab.errors import LabError
from conman_lab.manager.vocabulary import Session

from .keyboard import DetachKeys, raw, signals, size
from .watching import FDS, write_all

STDIN, STDOUT = 0, 1
PIECE = 65536
PASSED_ON = (
    *(signal.SIGTERM, signal.SIGINT, signal.SIGQUIT),
    *(signal.SIGUSR1, signal.SIGUSR2),
)
HANG_UP = signal.SIGHUP  # our own terminal has gone: what we look at goes on
LAST = 1000  # ms that what was typed before the user left may take to be sent
DONE, OVER = 0, 255  # no signals, but what our threads say among them

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
        self._todo: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._undone = 0
        self._over = False
        self._trouble: Exception | None = None
        self._left: int | None = None  # with this status, and before the end
        self.log: Thread | None = None  # shows it instead, and what was before
        self.is_back = False  # on the screen is what was not drawn for us

    @property
    def detached(self) -> bool:
        """The user has left, and what he looked at goes on."""
        return self._left is not None

    def status(self) -> int:
        """Relay until the end; how it ended, as a shell says it, or 0 if he has left."""
        with ExitStack() as stack:
            wanted = (*PASSED_ON, HANG_UP, signal.SIGWINCH)
            news, told = stack.enter_context(signals(*wanted))
            if self._keys:
                stack.enter_context(raw(STDIN))
            if self.log:  # now, or our terminal would change what is shown
                self.log.start()
            for work in (self._show, self._type):
                Thread(target=work, args=(os.dup(told),), daemon=True).start()
            stack.callback(self._todo.put, None)
            if self.is_back:  # vi(1) draws all of it again, if it has another size
                self._tell_size(larger=1)
            self._tell_size()
            self._relay(news)
        if self._trouble:
            raise self._trouble
        return self._session.wait().status if self._left is None else self._left

    def _relay(self, news: int) -> None:
        """Until it is over; or the user has left, and what he typed before is sent."""
        ready = select.poll()
        ready.register(news, select.POLLIN)
        while not (self._over or (self.detached and not self._undone)):
            self._mind(ready)
            came = ready.poll(LAST if self.detached else None)
            if self.detached and not came:
                return  # it does not read
            for fd, _ in came:
                if fd == STDIN and self._may_type:
                    self._typed()
                elif fd == news:
                    for number in os.read(news, 4096):
                        self._heard(number)

    def _mind(self, ready: select.poll) -> None:
        """Look at our stdin, or not at all: of its end poll(2) tells whatever we want."""
        if self._may_type:
            ready.register(STDIN, select.POLLIN)
        else:
            with suppress(KeyError):  # we did not
                ready.unregister(STDIN)

    def _show(self, told: int) -> None:
        """[a thread] Show what comes; our terminal may be slow, and keys are not."""
        with os.fdopen(told, "wb", 0) as say:
            try:
                for stream, piece in self._session:
                    if self.log is None:
                        write_all(FDS[stream], piece)
                if self.log:
                    self.log.join()
            except (OSError, LabError) as error:  # EPIPE; conmand has gone
                self._trouble = error
            with suppress(OSError):  # EPIPE: nobody listens any more
                say.write(bytes([OVER]))

    # --- what goes the other way

    @property
    def _may_type(self) -> bool:
        """From a pipe one piece at a time; keys always, for they may be for us."""
        if self.detached or not self._types:
            return False
        return self._keys is not None or not self._undone

    def _typed(self) -> None:
        """Pass on what was typed."""
        try:
            data = os.read(STDIN, PIECE)
        except OSError:  # EIO: our terminal has gone
            data = b""
        passed = self._keys.passed(data) if self._keys else data
        if passed:
            self._do(partial(self._session.send, passed))
        if self._keys and self._keys.seen:
            self._left = 0
        if not data:
            self._types = False
            self._do(self._session.end_input)

    def _heard(self, number: int) -> None:
        if number == signal.SIGWINCH:
            self._tell_size()
        elif number == DONE:
            self._undone -= 1
        elif number == OVER:
            self._over = True
        elif number == HANG_UP:
            self._left = 128 + HANG_UP
        else:
            self._kill(number)

    def _tell_size(self, larger: int = 0) -> None:
        rows, columns = size(STDOUT)
        if self._window and rows:
            new = (rows + larger, columns + larger)
            self._do(partial(self._session.resize, *new))

    def _do(self, todo: Callable[[], object]) -> None:
        self._undone += 1
        self._todo.put(todo)

    def _type(self, told: int) -> None:
        """[a thread] One after the other: it may have to wait, and we must not."""
        with os.fdopen(told, "wb", 0) as say:
            while (todo := self._todo.get()) is not None:
                with suppress(OSError, LabError):  # it has ended
                    todo()
                with suppress(OSError):  # EPIPE: nobody waits for it any more
                    say.write(bytes([DONE]))
