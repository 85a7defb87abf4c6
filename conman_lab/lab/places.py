"""Where things are: all state under one root, the course beside the library.

    ROOT/               0700; CONMAN_LAB_ROOT, or /var/lib/conman-lab
        registry/       one file for each thing that was started
        runtime/        the OCI runtime's own state (its --root)
        containers/     a directory for each container: its config.json, log, exit file
"""

import os
from pathlib import Path

CGROUP_PARENT = "conman-lab"
COURSE = Path(__file__).resolve().parents[2]  # the checkout


def root() -> Path:
    """The one directory under which the lab keeps state."""
    return Path(os.environ.get("CONMAN_LAB_ROOT", "/var/lib/conman-lab"))


def bundles() -> Path:
    """The course's bundles, each a directory with a config.json."""
    return COURSE / "bundles"


def notebooks() -> Path:
    """The course's notebooks, NN-title.ipynb."""
    return COURSE / "notebooks"
