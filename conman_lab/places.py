"""Where things are: all state under one root, one cgroup parent to go with it.

    ROOT/labs/NAME/            0700; one for each notebook or test, called its home
        runc/ID/               the OCI runtime's own state (its --root)
        containers/ID/         ours: the container's bundle, pid, log, exit file
        processes/PID          what else was started, and when

`/var/lib` and not `/run`: many distributions mount `/run` noexec, and a container's
programs could not be run from there.  After a reboot the directories are still there
and nothing in them runs any more; `clean` can tell.
"""

import hashlib
import os
from pathlib import Path

DEFAULT_ROOT = Path("/var/lib/conman-lab")
COURSE = Path(__file__).resolve().parents[1]  # the checkout


def root() -> Path:
    """The one directory under which all state is: CONMAN_LAB_ROOT, or DEFAULT_ROOT.

    However it is spelled, for its cgroup is named after it: /a/../b is /b, and a link
    what it leads to.
    """
    return Path(os.path.realpath(os.environ.get("CONMAN_LAB_ROOT") or DEFAULT_ROOT))


def cgroup_parent() -> str:
    """The one cgroup under which all containers are; another root has another one."""
    if root() == DEFAULT_ROOT:
        return "conman-lab"
    return "conman-lab-" + hashlib.sha256(bytes(root())).hexdigest()[:8]


def home(name: str) -> Path:
    """The directory of one lab: a notebook, a test, somebody's experiment."""
    return root() / "labs" / name


def bundles() -> Path:
    """The course's bundles, each a directory with a config.json."""
    return COURSE / "bundles"


def notebooks() -> Path:
    """The course's notebooks, NN-title.ipynb."""
    return COURSE / "notebooks"
