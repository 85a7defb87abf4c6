"""Run a few lines of Python in a process of their own.

For what the tests' own process must not be: a subreaper, a manager that is killed, a
program that ends all its children.
"""

import subprocess
import sys
from textwrap import dedent

from conman_lab import places

FIND_US = f"import sys; sys.path.insert(0, {str(places.COURSE)!r})\n"


def said_by(script: str, *args: object, before: tuple[str, ...] = ()) -> str:
    """Run `script` to its end, by a program `before` it if need be; what it printed."""
    python = [*before, sys.executable, "-c", FIND_US + dedent(script)]
    command = [*python, *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout
