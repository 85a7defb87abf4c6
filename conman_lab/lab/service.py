"""conmand as a service of systemd: its unit files, put in place and taken away.

`install` writes two files and tells what to say to systemd; it starts nothing, for that
is for whoever owns the machine to decide.  KillMode=process is the line that matters: by
default systemd ends all that a service has left, and the shims with it.  systemd.kill(5)
"""

import argparse
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from conman_lab.errors import NotPossible
from conman_lab.files import write_atomically

UNITS = ("conmand.service", "conmand.socket")
WHERE = Path("/etc/systemd/system")
MARK = "Written by `conman-lab service install`, and removed by `... remove`."
NEXT = {
    "install": "now: systemctl daemon-reload && systemctl enable --now conmand.socket",
    "remove": "now: systemctl disable --now conmand.socket conmand.service; "
    "systemctl daemon-reload",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`conman-lab service install|remove|show [--directory DIR]`."""
    parser.add_argument(
        "verb", choices=("install", "remove", "show"), help="it starts nothing"
    )
    parser.add_argument(
        "--directory", type=Path, default=WHERE, help=f"of the unit files ({WHERE})"
    )


def run(args: argparse.Namespace) -> int:
    """Do it, and say what is left to do."""
    for name, text in units():
        path = args.directory / name
        if args.verb == "show":
            print(f"# {path}\n{text}", end="")
            continue
        _check_ours(path)
        if args.verb == "install":
            _write(path, text)
        else:
            path.unlink(missing_ok=True)
        print(f"{args.verb} {path}")
    if args.verb in NEXT:
        print(NEXT[args.verb])
    return 0


def units(python: str = sys.executable) -> Iterator[tuple[str, str]]:
    """The name of each, and what is in it on this machine."""
    program = _quoted(Path(python).with_name("conmand"))
    for name in UNITS:
        text = (resources.files("conman_lab.manager.conmand") / name).read_text()
        yield name, text.replace("@MARK@", MARK).replace("@CONMAND@", program)


def _quoted(path: Path) -> str:
    """One word to systemd, for which % begins a specifier; systemd.unit(5).

    >>> _quoted(Path("/my course/100%/conmand"))
    '"/my course/100%%/conmand"'
    """
    return '"' + str(path).replace("%", "%%") + '"'


def _check_ours(path: Path) -> None:
    """Somebody's own unit of that name is not ours to replace.  NotPossible."""
    if path.exists() and MARK not in path.read_text():
        raise NotPossible(f"{path} is not of our making: move it away first")


def _write(path: Path, text: str) -> None:
    if not path.parent.is_dir():
        raise NotPossible(
            f"there is no {path.parent}: is this machine run by systemd? If so, say "
            "where its units are, with --directory"
        )
    write_atomically(path, text.encode())
    path.chmod(0o644)
