"""A root file system on the spot: one static program, and a name for each of its tools.

busybox is 300 commands in one file and looks at its own name to know which one it is to
be.  So a whole system is a copy of it and some links.  Where there is none, the
container borrows the host's programs, read-only.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from conman_lab.errors import NotPossible

from .bundle import Bundle

PLACES = ("/bin/busybox", "/usr/lib/initcpio/busybox", "/sbin/busybox")
DIRECTORIES = ("bin", "dev", "etc", "proc", "root", "sys", "tmp", "usr", "var")
APPLETS = (
    "awk cat chmod clear cp cut date dd df dmesg echo env false find free grep head "
    "hostname id ip kill less ln ls mkdir mkfifo more mount mv nc nproc od ping printf "
    "ps pwd readlink rm rmdir sed seq setsid sh sleep sort stat stty tail tee test "
    "timeout top touch tr true tty umount uname uniq usleep vi wc which whoami xargs yes"
).split()
BORROWED = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")


def find_busybox() -> Path | None:
    """A busybox that needs no library; None if this machine has none."""
    found = [shutil.which("busybox"), *PLACES]
    paths = [Path(place) for place in found if place and Path(place).exists()]
    return next((path.resolve() for path in paths if is_static(path)), None)


def is_static(program: Path) -> bool:
    """It names no dynamic loader: no PT_INTERP among its program headers, elf(5)."""
    with program.open("rb") as file:
        header = file.read(4096)
    if len(header) < 64 or header[:5] != b"\x7fELF\2":  # 64-bit
        return False
    offset = int.from_bytes(header[32:40], "little")
    size = int.from_bytes(header[54:56], "little")
    count = int.from_bytes(header[56:58], "little")
    kinds = [header[offset + n * size :][:4] for n in range(count)]
    return count > 0 and b"\3\0\0\0" not in kinds  # an object file has none at all


def build(rootfs: Path) -> None:
    """Make `rootfs` whole, from busybox; what is there already stays.

    NotPossible without one: see `borrowed`.
    """
    busybox = find_busybox()
    if busybox is None:
        raise NotPossible(
            "there is no static busybox: install busybox-static (./lab setup does)"
        )
    for directory in DIRECTORIES:
        (rootfs / directory).mkdir(parents=True, exist_ok=True)
    program = rootfs / "bin" / "busybox"
    if not program.exists():
        unfinished = program.with_name("busybox.unfinished")
        shutil.copy2(busybox, unfinished)
        unfinished.rename(program)  # or half of it would stay for ever
    for applet in APPLETS:
        _link(rootfs / "bin" / applet)
    _write(rootfs / "etc" / "passwd", "root:x:0:0:root:/root:/bin/sh\n")
    _write(rootfs / "etc" / "group", "root:x:0:\n")


def borrowed(bundle: Bundle) -> Bundle:
    """The bundle with the host's programs, bound read-only into an empty rootfs."""
    for directory in DIRECTORIES:
        (bundle.rootfs / directory).mkdir(parents=True, exist_ok=True)
    for place in map(Path, BORROWED):
        inside = bundle.rootfs / place.relative_to("/")
        if place.is_symlink():  # /bin -> usr/bin on most systems today
            _replace_by_link(inside, os.readlink(place))
        elif place.is_dir():
            inside.mkdir(exist_ok=True)
            bundle = bundle.with_mount(place, str(place), "ro")
    return bundle


def _link(name: Path) -> None:
    with suppress(FileExistsError):  # as a link or, somebody's own, as a program
        name.symlink_to("busybox")


def _replace_by_link(name: Path, target: str) -> None:
    if name.is_dir() and not name.is_symlink():
        name.rmdir()
    if not name.is_symlink():
        name.symlink_to(target)


def _write(path: Path, text: str) -> None:
    if not path.exists():
        path.write_text(text)
