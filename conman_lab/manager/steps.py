"""Every step can be the last: the places where a manager may be killed, by name.

A verb says `passed(...)` when a step is done and the next is not begun.  What is true
there has to be enough for the next manager to finish the verb, or to undo it.  The test
that walks this table, tests/test_manager_crash.py, sets `fatal` in a manager of its own.
"""

import os
import signal

STEPS = (
    "create: directory made",
    "create: root file system there",
    "create: bundle saved",
    "create: shim launched",
    "create: state saved",
    "start: noted",
    "start: begun",
    "stop: asked for",
    "stop: told",
    "stop: ended",
    "pause: frozen",
    "restart: cleared",
    "restart: shim launched",
    "restart: state saved",
    "restart: exit kept",
    "exec: prepared",
    "exec: shim launched",
    "remove: ended",
    "remove: disowned",
    "remove: set aside",
    "remove: runtime has forgotten",
    "remove: cgroup gone",
    "remove: unmounted",
    "auto remove: end told",
    "auto remove: all is seen",
)

fatal = ""


def passed(step: str) -> None:
    """Go on; or, in a test, die here."""
    if step == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
