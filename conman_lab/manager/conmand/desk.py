"""What a handler of a call needs: the manager, threads to ask it in, and the ends."""

from dataclasses import dataclass

from conman_lab.manager.manager import Manager

from .streaming import Streaming
from .threads import Threads
from .waits import Ends


@dataclass(frozen=True)
class Desk:
    """One for a daemon."""

    manager: Manager
    threads: Threads
    ends: Ends
    streaming: Streaming  # gives addresses
