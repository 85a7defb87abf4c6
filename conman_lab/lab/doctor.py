"""The doctor: each line a fact, how bad it is, and what to do.

The exit status is 1 if something is missing without which the course does not go.  The
last line is the proof of all others: a container has run.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict

from conman_lab.errors import (
    LabError,
    NotPossible,
    RuntimeFailed,
    RuntimeMissing,
    in_words,
)
from conman_lab.oci import Runtime, cgroups, rootfs
from conman_lab.oci.program import CRUN_ON_HYBRID

from . import ingredients, machine
from .diagnosis import Fact, Level, missing, ok, takes_root, trial, version, warning

INSTEAD = (
    "CONMAN_LAB_MODE=replay ./lab opens the notebooks here as well, "
    "and they show what they have shown elsewhere"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`conman-lab check [--json]`."""
    parser.add_argument("--json", action="store_true", help="for machines")


def run(args: argparse.Namespace) -> int:
    """Look at everything; 1 if something needed is missing."""
    found = {}
    for name, fact in look():
        found[name] = fact
        if not args.json:
            print(_line(name, fact), flush=True)
    absent = [name for name, fact in found.items() if fact.level is Level.MISSING]
    if args.json:
        listed = [{"name": name, **asdict(fact)} for name, fact in found.items()]
        print(json.dumps({"ok": not absent, "facts": listed}, indent=2))
    else:
        print(
            f"missing: {', '.join(absent)}; {INSTEAD}"
            if absent
            else "all that is needed is here"
        )
    return 1 if absent else 0


def look() -> Iterator[tuple[str, Fact]]:
    """Each fact, as soon as it is known."""
    for name, probe in PROBES.items():
        try:
            yield name, probe()
        except (LabError, OSError) as error:
            yield name, warning(f"could not be looked at: {error}", "try again as root")


def _line(name: str, fact: Fact) -> str:
    line = f"{fact.level:7}  {name:17}  {fact.seen}"
    return f"{line}\n{'':28}-> {fact.advice}" if fact.advice else line


def _runc() -> Fact:
    try:
        program = Runtime.find("runc").program
    except RuntimeMissing:
        return missing("not installed", "./lab setup installs it")
    return ok(f"{version(program)}, {program}")


def _crun() -> Fact:
    try:
        program = Runtime.find("crun").program
    except RuntimeMissing:
        return ok("not installed, nor needed; ./lab setup --peers brings it")
    seen = f"{version(program)}, {program}"
    if cgroups.mode() is cgroups.Mode.HYBRID:
        return warning(seen, CRUN_ON_HYBRID)
    return ok(seen)


def _busybox() -> Fact:
    if program := rootfs.find_busybox():
        return ok(f"static, {program}")
    return warning(
        "no static one: containers borrow the host's programs",
        "./lab setup installs it",
    )


def _container() -> Fact:
    """The course's first one, in the foreground."""
    if os.geteuid() != 0:
        return takes_root()
    try:
        with trial() as lab:
            done = lab.runtime.run("hello", lab.bundle("hello"))
    except RuntimeMissing:
        return missing("none without runc", "./lab setup installs it")
    except NotPossible as why:
        return missing("none", f"{why}")
    except (RuntimeFailed, OSError) as error:
        return missing(in_words(error), "the lines above may say why")
    if done.status != 0:
        return missing(f"hello failed, {done.stderr!r}", "the lines above may say why")
    return ok("hello has run")


PROBES: dict[str, Callable[[], Fact]] = {
    "root": machine.root,
    "kernel": machine.kernel,
    "python": machine.python,
    "runc": _runc,
    "crun": _crun,
    "busybox": _busybox,
    "cgroups": ingredients.cgroup_mode,
    "namespaces": ingredients.namespaces,
    "user namespaces": ingredients.user_namespaces,
    "overlay": ingredients.overlay,
    "process connector": ingredients.process_connector,
    "ptys": machine.ptys,
    "loopback": machine.loopback,
    "disk": machine.disk,
    "container": _container,
}
