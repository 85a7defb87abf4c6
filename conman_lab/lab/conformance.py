"""`conman-lab conformance`: what a shim promises, tried on ours, on conmon, on yours.

Yours is a program that is started as ours is, with the same flags and the sync pipe:
see shim/protocol.py.  `Naive`, which has no shim, shows what they are good for.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from conman_lab.checks import Check, Verdict
from conman_lab.conformance.conmon import Conmon
from conman_lab.conformance.examine import examine
from conman_lab.conformance.fence import Fence
from conman_lab.conformance.matrix import evidence, matrix, rows
from conman_lab.conformance.promises import PROMISES
from conman_lab.errors import NotPossible
from conman_lab.launcher import Launcher
from conman_lab.naive import Naive
from conman_lab.oci import Runtime
from conman_lab.shim.launcher import Shim

from .progress import Progress
from .workspace import Lab

SCRIPT, ELF = b"#!", b"\x7fELF"  # what execve(2) takes
LONGEST = 256  # bytes of a first line, to the kernel
STARTABLE = (
    "that can be started: it needs a first line as #!/usr/bin/env python3, and chmod +x"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`conman-lab conformance [--shim PROGRAM] [--only ID ...] [--json]`."""
    ids = [check.name for check in PROMISES]
    parser.add_argument(
        "--shim",
        type=Path,
        metavar="PROGRAM",
        help="your own shim: shim/protocol.py says how it is started",
    )
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument(
        "--only", nargs="+", choices=ids, metavar="ID", help="these promises alone"
    )


def run(args: argparse.Namespace) -> int:
    """Try the promises, and print the matrix; 1 if the shim has broken one."""
    promises = [check for check in PROMISES if not args.only or check.name in args.only]
    verdicts = try_all(promises, args.shim, quiet=args.json)
    if args.json:
        print(json.dumps(rows(verdicts), indent=2))
    else:
        print(f"\n{matrix(verdicts)}\n\n{evidence(verdicts)}".rstrip())
    examined = called(args.shim) if args.shim else Shim.name
    return 0 if all(v.kept for v in verdicts if v.launcher == examined) else 1


def try_all(
    promises: Sequence[Check], program: Path | None = None, quiet: bool = False
) -> list[Verdict]:
    """The verdicts, from a lab of their own.  NotPossible without root."""
    lab = Lab("conformance")
    try:
        launchers = contestants(lab.runtime, program)
        total = len(promises) * len(launchers)
        stream = sys.stderr if quiet else sys.stdout
        progress = Progress("conformance", total, stream, unit="trials")
        verdicts = []
        with Fence(f"{lab.registry.cgroup}/fence") as fence:
            for verdict in examine(promises, launchers, fence):
                verdicts.append(verdict)
                progress.step()
        progress.end("tried")
        return verdicts
    finally:
        lab.end()


def contestants(runtime: Runtime, program: Path | None = None) -> list[Launcher]:
    """Those that this machine has; conmon is there if it is installed."""
    conmon = Conmon(runtime)
    launchers: list[Launcher] = [Naive(runtime), Shim(runtime)]
    launchers += [conmon] if conmon.installed else []
    if program:
        launchers.append(learner_s(runtime, program.absolute()))
    return launchers


def learner_s(runtime: Runtime, program: Path) -> Shim:
    """A launcher that starts `program` for a shim.  NotPossible: nobody can start it."""
    if not program.is_file() or not os.access(program, os.X_OK):
        raise NotPossible(f"{program.name} is no program {STARTABLE}")
    with program.open("rb") as file:
        first = file.readline(LONGEST)
    if not first.startswith((SCRIPT, ELF)):
        raise NotPossible(f"{program.name} is no program {STARTABLE}")
    wanted = _interpreter(first) if first.startswith(SCRIPT) else program
    if not os.access(wanted, os.X_OK):
        raise NotPossible(f"{program.name} asks for {wanted!r}, and there is none")
    return Shim(runtime, (str(program),), name=called(program))


def called(program: Path) -> str:
    """The head of its column: its name, unless that is another's."""
    others = (Naive.name, Shim.name, Conmon.name)
    return f"your {program.name}" if program.name in others else program.name


def _interpreter(first_line: bytes) -> str:
    r"""As the kernel reads it: the `\r` of another system's editor is a part of it."""
    words = re.split(rb"[ \t\n]", first_line.removeprefix(SCRIPT).lstrip(b" \t"))
    return os.fsdecode(words[0])
