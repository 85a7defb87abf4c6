"""A manager for an experiment to kill.

    us                                         the manager
     |-- stdin, pickled: function, arguments -->| calls it, and keeps what it gives
     |<----------- stdout, pickled: the answer -|
     |-- SIGKILL ------------------------------>| the kernel closes its pipes

It is not forked from us, for a notebook's kernel has threads.  What crosses the pipes
has to come from a module: a function of a notebook's cell is nowhere else.
"""

import pickle
import select
import subprocess
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from conman_lab.errors import LaunchFailed
from conman_lab.places import COURSE

PATIENCE = 10.0  # seconds that it may take for a task
BOOT = (
    "import pickle, sys; sys.path = pickle.load(sys.stdin.buffer); "
    "from conman_lab.pitfalls.manager import manage; manage()"
)

T = TypeVar("T")


class Manager:
    """A process that does what we `call`, and holds what it then has, until it dies."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", BOOT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self._send([*sys.path, str(COURSE)])

    def call(self, function: Callable[..., T], *args: object) -> T:
        """Its answer; LaunchFailed, if it has raised anything or died."""
        assert self._process.stdout
        self._send((function, args))
        if not select.select([self._process.stdout], [], [], PATIENCE)[0]:
            raise TimeoutError(f"the manager has not answered in {PATIENCE:g} s")
        try:
            answer: T | Exception = pickle.load(self._process.stdout)  # noqa: S301  # ours
        except EOFError:
            raise LaunchFailed("the manager died before it could answer") from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def die(self) -> None:
        """SIGKILL: it cannot clean up, and the kernel closes what it has open."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()

    def _send(self, thing: object) -> None:
        assert self._process.stdin
        pickle.dump(thing, self._process.stdin)
        self._process.stdin.flush()


def manage() -> None:
    """[manager] Do what we are told, until nobody is there who could tell us."""
    kept: list[Any] = []  # a container's pipes stay open, as in any manager
    while True:
        try:
            function, args = pickle.load(sys.stdin.buffer)  # noqa: S301  # our parent's
            kept.append(function(*args))
            answer = kept[-1]
        except EOFError:
            return
        except Exception as error:  # noqa: BLE001  # our parent's to hear
            answer = LaunchFailed(str(error))
        pickle.dump(answer, sys.stdout.buffer)
        sys.stdout.buffer.flush()
