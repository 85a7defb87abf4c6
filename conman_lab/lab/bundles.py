"""The course's bundles: `config.json` is in git, the root file system is built here.

A directory with a config.json is all that a bundle takes.  What the annotation
`org.conman-lab.about` says is its line in the list.
"""

import argparse
import json
import shutil
from dataclasses import replace
from pathlib import Path

from conman_lab import places
from conman_lab.alone import alone_in
from conman_lab.errors import BadBundle, NotPossible
from conman_lab.names import check_name
from conman_lab.oci import Bundle, rootfs

ABOUT = "org.conman-lab.about"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`conman-lab bundle list`, `build [NAME...]`, `show NAME`."""
    verbs = parser.add_subparsers(required=True, metavar="list|build|show")
    verbs.add_parser("list", help="one line each").set_defaults(verb=_list)
    build = verbs.add_parser("build", help="make their root file systems")
    build.add_argument("names", nargs="*", metavar="NAME", help="by default all")
    build.set_defaults(verb=_build)
    show = verbs.add_parser("show", help="config.json, and what the rootfs is")
    show.add_argument("name", metavar="NAME")
    show.set_defaults(verb=_show)


def run(args: argparse.Namespace) -> int:
    """Do what the verb says."""
    return int(args.verb(args))


def names() -> list[str]:
    """All that there are."""
    return sorted(path.parent.name for path in places.bundles().glob("*/config.json"))


def load(name: str) -> Bundle:
    """A bundle of the course, as git has it; BadBundle names those there are."""
    directory = places.bundles() / check_name(name)
    if not (directory / "config.json").exists():
        raise BadBundle(
            directory, "", f"no such bundle; there are {', '.join(names())}"
        )
    return Bundle.load(directory)


def ready(name: str, home: Path) -> Bundle:
    """A bundle that a runtime can run: its rootfs is built if it is missing.

    Without a busybox it borrows the host's programs, from a copy in `home`.
    """
    bundle = load(name)
    try:
        build(bundle)
    except NotPossible:
        directory = home / "bundles" / name
        elsewhere = replace(bundle, directory=directory).with_rootfs("rootfs")
        return rootfs.borrowed(elsewhere).save()
    return bundle


def build(bundle: Bundle) -> bool:
    """Make its root file system; False if it was there.

    Under another name first: one that was killed half way must not look whole.
    """
    target = bundle.rootfs
    with alone_in(target.parent):  # two notebooks may want it at once
        if is_built(bundle):
            return False
        unfinished = target.with_name(f"{target.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        rootfs.build(unfinished)
        unfinished.rename(target)  # rename(2): it may replace an empty directory
    return True


def is_built(bundle: Bundle) -> bool:
    """There is something in its root file system."""
    return bundle.rootfs.is_dir() and any(bundle.rootfs.iterdir())


# --- the verbs


def _list(args: argparse.Namespace) -> int:
    width = max(map(len, names()), default=0)
    for name in names():
        bundle = load(name)
        about = bundle.config.get("annotations", {}).get(ABOUT, " ".join(bundle.args))
        print(f"{name:{width}}  {about}")
    return 0


def _build(args: argparse.Namespace) -> int:
    for name in args.names or names():
        bundle = load(name)
        try:
            print(f"{name}: {'built' if build(bundle) else 'was built'}")
        except NotPossible as why:
            print(f"{name}: not built, {why}; until then it borrows /usr and /bin")
    return 0


def _show(args: argparse.Namespace) -> int:
    bundle = load(args.name)
    print(json.dumps(bundle.config, indent=2))
    print(f"\nrootfs: {_about_rootfs(bundle)}")
    return 0


def _about_rootfs(bundle: Bundle) -> str:
    if not is_built(bundle):
        return f"not built (conman-lab bundle build {bundle.directory.name})"
    files = [path for path in bundle.rootfs.rglob("*") if not path.is_dir()]
    links = [path for path in files if path.is_symlink()]
    size = sum(path.stat().st_size for path in files if not path.is_symlink())
    return (
        f"{len(files) - len(links)} files, {size / 1e6:.1f} MB, {len(links)} links: "
        f"{bundle.rootfs}"
    )
