"""A manager that dies at one step of creating a container: `python -m conman_lab.lab.dying`.

Killed for real, by SIGKILL and in a process of its own, so that the next manager of that
root finds what a crash would have left.  Its words: HOME CGROUP NAME STEP.
"""

import sys
from pathlib import Path

from conman_lab.manager import steps
from conman_lab.manager.manager import Manager
from conman_lab.oci import Runtime

from . import bundles


def main() -> None:
    """Create a container, but not to the end."""
    home, cgroup, name, steps.fatal = sys.argv[1:]
    runtime = Runtime(Runtime.find().program, Path(home), cgroup)
    Manager(home, runtime).create(name, bundles.ready("hello", Path(home)))


if __name__ == "__main__":
    main()
