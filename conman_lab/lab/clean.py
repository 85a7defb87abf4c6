"""Removes what the registry finds, and nothing else.

The order is from the living to the dead: a process can start another one, a container
holds mounts, a mount hides a directory, and a cgroup cannot go while there is a process
in it.  Directories come last, and only if nothing has resisted: they are how the next
`clean` will find it; and to delete below a mount that stayed would be to delete
somebody's files.
"""

import argparse
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from conman_lab import linux, places
from conman_lab.errors import LabError
from conman_lab.identity import Identity
from conman_lab.oci import Runtime, cgroups

from .lock import LabTaken, Lock, is_taken, lock_file, taken_by
from .registry import Registry, registries

PATIENCE = 5.0  # seconds from SIGKILL to the end of a process that the kernel keeps


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`conman-lab clean [--dry-run] [--force]`."""
    parser.add_argument("--dry-run", action="store_true", help="say it, do not do it")
    parser.add_argument(
        "--force", action="store_true", help="also labs that are open in a notebook"
    )


def run(args: argparse.Namespace) -> int:
    """Clean all labs; 1 if something could not be removed."""
    removed, resisting = 0, 0
    for registry in registries():
        try:
            things = _look(registry) if args.dry_run else _clean(registry, args.force)
        except LabTaken as taken:
            print(f"left alone: {taken}")
            continue
        for thing in things:
            print(f"{'would remove' if args.dry_run else 'removed'} {thing}")
        removed += len(things)
        resisting += 0 if args.dry_run else _tell_what_resists(registry)
    if not args.dry_run:
        remove_parent()
    print(_total(removed, args.dry_run))
    return 1 if resisting else 0


def clean(registry: Registry) -> list[str]:
    """Remove a lab; what was there and is there no more, each thing in words.

    The caller has the lock, or has been told to do without.  What resists is found by
    looking again.
    """
    before = registry.left().things()
    cgroups.thaw(registry.cgroup)
    _end(registry.noted)
    _delete_containers(registry)
    _end(registry.inside)
    for path in registry.mounts():
        with suppress(OSError):  # EINVAL: it went with the one above it
            linux.unmount(str(path))
    _within(PATIENCE, lambda: not cgroups.remove(registry.cgroup))
    if not registry.processes() and not registry.mounts():
        _remove_files(registry.home)
    after = registry.left().things()
    return [thing for thing in before if thing not in after]


def _end(living: Callable[[], list[Identity]]) -> None:
    """Kill those that `living` finds until it finds none: they may be forking."""

    def none_left() -> bool:
        found = living()
        for process in found:
            process.signal()
        return not found

    _within(PATIENCE, none_left)


def _delete_containers(registry: Registry) -> None:
    """Let each container's own runtime do it; it knows more than we do.

    When it fails, or is not installed any more, processes, cgroups and files are still
    ours to remove.  After a reboot there is nothing else.
    """
    if registry.rebooted:
        return
    for program, id in registry.states():
        with suppress(LabError):
            Runtime.find(program, registry.home).delete(id, force=True)


def _remove_files(home: Path) -> None:
    """All but the lock, which goes last, when it is let go."""
    for path in home.glob("*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif path != lock_file(home):
            path.unlink(missing_ok=True)


def _within(seconds: float, done: Callable[[], bool]) -> None:
    """Do it again until it says that it is done, or the time is over."""
    ends_at = time.monotonic() + seconds
    while not done() and time.monotonic() < ends_at:
        time.sleep(0.01)


# --- the command


def _look(registry: Registry) -> list[str]:
    """What `clean` would remove."""
    if is_taken(registry.home):
        raise LabTaken(taken_by(registry.home))
    home = [f"directory {registry.home}"] if registry.home.is_dir() else []
    return [*registry.left().things(), *home]


def _clean(registry: Registry, force: bool) -> list[str]:
    """Remove a lab and its home; by force from whoever has it: without its file no more."""
    home = [f"directory {registry.home}"] if registry.home.is_dir() else []
    if force and is_taken(registry.home):
        lock_file(registry.home).unlink(missing_ok=True)
    lock = Lock.take(registry.home)
    removed = clean(registry)
    lock.let_go()
    return removed + (home if not registry.home.exists() else [])


def _tell_what_resists(registry: Registry) -> int:
    home = [f"directory {registry.home}"] if registry.home.exists() else []
    things = [*registry.left().things(), *home]
    for thing in things:
        print(f"could not remove {thing}")
    return len(things)


def remove_parent() -> None:
    """The cgroup of all labs; it stays while there is one in it."""
    for tree in cgroups.trees():
        with suppress(OSError):  # ENOENT, ENOTEMPTY
            (tree / places.cgroup_parent()).rmdir()


def _total(removed: int, dry_run: bool) -> str:
    if not removed:
        return "nothing to remove"
    things = "1 thing" if removed == 1 else f"{removed} things"
    return f"{things} would be removed" if dry_run else f"{things} removed"
