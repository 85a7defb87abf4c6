"""A root file system that may be written, without a copy: overlayfs.

    containers/ID/rootfs          what the container sees
    containers/ID/overlay/upper   what it has changed
    containers/ID/overlay/work    the kernel's
    the bundle's rootfs           everything else, shared, and never changed

The mount belongs to nobody's process: it stays when its manager dies.
Documentation/filesystems/overlayfs.rst
"""

import re
from contextlib import suppress
from pathlib import Path

from conman_lab import linux
from conman_lab.errors import NotPossible


def mount(directory: Path, lower: Path) -> Path:
    """Make a writable `directory`/rootfs over `lower`; return it.  NotPossible."""
    rootfs, upper, work = (directory / name for name in ("rootfs", *_PARTS))
    for part in (rootfs, upper, work):
        part.mkdir(parents=True)
    rootfs.chmod(lower.stat().st_mode)
    upper.chmod(lower.stat().st_mode)  # the root directory's own, as it is seen
    layers = {"lowerdir": lower, "upperdir": upper, "workdir": work}
    data = ",".join(f"{name}={_escaped(path)}" for name, path in layers.items())
    try:
        linux.mount("overlay", str(rootfs), "overlay", data=data)
    except OSError as error:  # ENODEV: no overlayfs; EINVAL: not over this file system
        raise NotPossible(
            f"no writable root file system to be had here ({error.strerror}): overlayfs "
            f"is missing, or cannot be above {directory.parent}; take readonly=True, or "
            "a root on another file system"
        ) from error
    return rootfs


_PARTS = ("overlay/upper", "overlay/work")


def unmount(directory: Path) -> None:
    """Remove the mount, if there is one."""
    with suppress(OSError):  # EINVAL: there is none; ENOENT: nor a place for one
        linux.unmount(str(directory / "rootfs"))


def _escaped(path: Path) -> str:
    r"""As a mount option: `,` ends one, and `:` a lower directory.

    >>> print(_escaped(Path("/a,b:c")))
    /a\,b\:c
    """
    return re.sub(r"([\\,:])", r"\\\1", str(path.resolve()))
