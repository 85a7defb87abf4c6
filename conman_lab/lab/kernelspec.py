"""How JupyterLab starts a notebook's kernel: as root, whoever has started JupyterLab.

The server and the notebooks are the user's, and only the kernel is root's, by sudo:

    sudo -n    asks for nothing: a kernel has no terminal
         -E    keeps the environment: CONMAN_LAB_ROOT, and by which Jupyter it was started
         -H    and takes root's home, or root's files would be in the user's

A user cannot signal root's process, so the interrupt button sends a message instead.
The name is that of ipykernel's own, python3, which the committed notebooks ask for; it
is found before that one because its directory is named in JUPYTER_PATH.  A replay starts
nothing, so its kernels are the user's own.
https://jupyter-client.readthedocs.io/en/stable/kernels.html
"""

import json
import os
import sys
from pathlib import Path

from conman_lab.errors import NotPossible
from conman_lab.files import write_atomically

from .mode import replaying

SHARE = Path(sys.prefix, "share", "conman-lab")
AS_ROOT = ("sudo", "-n", "-E", "-H")
QUIET = "--Application.log_level=ERROR"  # or each kernel warns that it speaks TCP


def install(share: Path = SHARE) -> Path:
    """Write it; return the directory for JUPYTER_PATH.  NotPossible: it is another's.

    There are two, for a JupyterLab reads it with each kernel, and beside one that is
    open there may be a replay.
    """
    as_we_are = os.geteuid() == 0 or replaying()
    path = share / ("ours" if as_we_are else "by-sudo")
    file = path / "kernels" / "python3" / "kernel.json"
    text = json.dumps(kernelspec(as_we_are), indent=2) + "\n"
    try:
        if not file.exists() or file.read_text() != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(file, text.encode())
    except PermissionError as error:  # EACCES: `sudo ./lab` has made it
        raise NotPossible(
            f"{sys.prefix} is another user's: start ./lab as that one (sudo ./lab), "
            f"or make it yours: sudo chown -R $(id -u) {sys.prefix}"
        ) from error
    return path


def kernelspec(as_we_are: bool) -> dict[str, object]:
    """What a kernel.json says, of a kernel that is as we are or is root's."""
    kernel = "ipykernel_launcher" if as_we_are else "conman_lab.lab.kernel"
    python = [sys.executable, "-P", "-m", kernel, "-f", "{connection_file}", QUIET]
    return {
        "argv": [*(() if as_we_are else AS_ROOT), *python],
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "interrupt_mode": "message",
        "metadata": {"debugger": True},
    }
