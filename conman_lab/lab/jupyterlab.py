"""Opens JupyterLab on the notebooks: on 127.0.0.1, with a token, quietly.

It asks nobody for news or updates, for there may be no network; and it looks for a
browser only where there is a display, or it would find a text browser.
"""

import argparse
import os
import sys

from conman_lab import places

from . import kernelspec
from .mode import replaying

REPLAYED = ", where the notebooks replay what they have shown elsewhere"
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")
OPTIONS = (
    "--ip=127.0.0.1",
    "--ServerApp.log_level=WARN",  # the address with its token is told all the same
    "--LabApp.log_level=WARN",
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`conman-lab open [--port PORT]`."""
    parser.add_argument(
        "--port", type=int, default=8888, help="if it is taken, the next free one"
    )


def run(args: argparse.Namespace) -> int:
    """Become JupyterLab."""
    share = kernelspec.install()
    above = os.environ.get("JUPYTER_PATH")
    path = f"{share}{os.pathsep}{above}" if above else str(share)
    command = [sys.executable, "-m", "jupyterlab", *options(), f"--port={args.port}"]
    print(f"opening JupyterLab{REPLAYED * replaying()}; Ctrl-C ends it", flush=True)
    os.execve(sys.executable, command, {**os.environ, "JUPYTER_PATH": path})


def options() -> list[str]:
    """How JupyterLab is to be, for us and on this machine."""
    found = [*OPTIONS, f"--ServerApp.root_dir={places.notebooks()}"]
    if os.geteuid() == 0:
        found.append("--allow-root")
    if not any(os.environ.get(name) for name in DISPLAYS):
        found.append("--no-browser")
    return found
