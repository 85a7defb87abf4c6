"""All that a shim is made of once its runtime runs, in one import.

These bring `enum`, `signal`, `selectors` and `socket` with them, 20 ms.  Nobody notices
them while `runc create` needs its 30, so `main` imports them only then.
"""

from functools import partial
from signal import SIGCHLD, SIGUSR1

from .attach import AttachServer
from .creation import finish, open_stdin
from .ctl import Ctl
from .exitfile import ExitFile
from .logs import LogFile
from .loop import Loop, forward_signals
from .oom import OomCounter
from .reaper import Reaper, end_all, wait_for

__all__ = [
    "SIGCHLD",
    "SIGUSR1",
    "AttachServer",
    "Ctl",
    "ExitFile",
    "LogFile",
    "Loop",
    "OomCounter",
    "Reaper",
    "end_all",
    "finish",
    "forward_signals",
    "open_stdin",
    "partial",
    "wait_for",
]
