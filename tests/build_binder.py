"""Builds what a Binder builds, as who it does, and walks through it: a few minutes.

    python tests/build_binder.py        as root, with a network, on Debian or the like

binder/postBuild and binder/start are executed as they are, in a fresh copy of what is
committed, with a fresh venv of the system's Python, by a user who has no capabilities
and can gain none; and runc is not there.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

COURSE = Path(__file__).resolve().parents[1]
NOBODY = 65534
HIDE = 'for it in $(command -v runc crun); do mount --bind /dev/null "$it"; done'
AS_NOBODY = (
    *("unshare", "-m", "sh", "-c", f'{HIDE}; exec "$@"', "sh"),
    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
    *("--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"),
)
WHO = "id -u; grep -E '^(Cap(Eff|Bnd)|NoNewPrivs)' /proc/self/status; runc --version"


def main() -> None:
    """Build it in a directory of its own, which goes again."""
    with tempfile.TemporaryDirectory(prefix="binder-", dir="/var/tmp") as place:
        copy, venv = Path(place, "conman_lab"), Path(place, "venv")
        copy.mkdir()
        archive = subprocess.run(
            ["git", "-C", COURSE, "archive", "HEAD"], stdout=subprocess.PIPE, check=True
        )
        subprocess.run(["tar", "-xC", copy], input=archive.stdout, check=True)
        for path in (Path(place), copy, *copy.rglob("*")):
            shutil.chown(path, NOBODY, NOBODY)
        steps = (
            ["sh", "-c", f"{WHO} || true"],
            ["/usr/bin/python3", "-m", "venv", venv],
            ["binder/postBuild"],
            ["binder/start", "conman-lab", "run"],
        )
        for step in steps:
            print("$", *step, flush=True)
            env = {"PATH": f"{venv}/bin:{os.environ['PATH']}", "HOME": place}
            done = subprocess.run([*AS_NOBODY, *step], cwd=copy, env=env)
            if done.returncode:
                sys.exit(f"{step[0]} has failed")


if __name__ == "__main__":
    main()
