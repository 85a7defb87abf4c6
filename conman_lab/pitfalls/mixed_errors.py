"""Mixed errors: the runtime's words and the container's in one stderr.

`runc create` has a stderr, and hands it on to the container.  What comes out of it was
written by either.  That runc ignores a capability of which it has never heard, it says
in the container's name; and a manager that shows the stderr as runc's reason for a
failure may show what the container said.

Two things keep them apart.  `--log` gives the runtime a file for its own words; and a
shim knows when `runc create` has ended, so whatever came before that is the runtime's.
conmon does the second alone, and leaves the first to podman.
"""

import json

from conman_lab.checks import Check, Evidence
from conman_lab.launcher import Launcher
from conman_lab.stream import Stream

from .asking import written
from .stage import Stage


def experiment(launcher: Launcher, evidence: Evidence) -> None:
    """Who asks for an unknown capability is warned by runc; then it says one word."""
    with Stage(launcher, evidence, "mixed-errors") as stage:
        bundle = stage.bundle("echo mine >&2")
        container = stage.create(bundle.with_capabilities("CAP_TIME_TRAVEL"))
        stage.look(container)
        stage.start(container)

        seen = stage.told(written, container, Stream.STDERR, "mine\n")
        lines = " and ".join(map(by_whom, seen.splitlines()))
        evidence.expect(seen == "mine\n", "'mine', and nothing else", lines)


def by_whom(line: str) -> str:
    """The line; the runtime writes JSON, for we ask it to.

    >>> by_whom('{"level": "warning", "msg": "no such thing"}'), by_whom("mine")
    ("the runtime's 'no such thing'", "'mine'")
    """
    try:
        return f"the runtime's {json.loads(line)['msg']!r}"
    except ValueError:
        return repr(line)


CHECK = Check(
    "mixed-errors", "a container's stderr has the container's words alone", experiment
)
