"""The machine under the containers: who we are on it, and what there is of it.

Some of it is read, from /proc and /sys, and some is tried.
"""

import os
import platform
import shutil
import socket
import sys
from pathlib import Path

from conman_lab import places

from .diagnosis import NO_CONTAINER, Fact, missing, ok, succeeds, sysctl, warning

CAP_SYS_ADMIN = 21  # <linux/capability.h>
OLDEST_KERNEL = (5, 4)  # the first whose waitid(2) takes a pidfd
ENOUGH, TOO_LITTLE = 500, 50  # MB


def root() -> Fact:
    """Or a sudo that asks nothing, for a notebook's kernel cannot type."""
    if os.geteuid() == 0:
        return _capable_root()
    if not shutil.which("sudo"):
        return missing("we are not root, and there is no sudo", "su -, and start again")
    if succeeds("sudo", "-k", "-n", "true"):
        return ok("by sudo")
    return missing(
        "we are not root, and sudo asks for a password or refuses",
        "start sudo ./lab, or have root write, by visudo: "
        f"{os.environ.get('USER', 'YOU')} ALL=(ALL) NOPASSWD: ALL",
    )


def _capable_root() -> Fact:
    status = Path("/proc/self/status").read_text()
    effective = int(status.partition("CapEff:")[2].split()[0], 16)
    if not effective >> CAP_SYS_ADMIN & 1:
        return missing("root, but without CAP_SYS_ADMIN", NO_CONTAINER)
    user = os.environ.get("SUDO_USER")
    return ok(f"yes, {user} by sudo" if user else "yes")


def python() -> Fact:
    """The one that runs this."""
    return ok(f"{platform.python_version()}, {sys.executable}")


def kernel() -> Fact:
    """Its release."""
    release = os.uname().release
    if tuple(map(int, release.split("-")[0].split(".")[:2])) < OLDEST_KERNEL:
        oldest = ".".join(map(str, OLDEST_KERNEL))
        return missing(release, f"the course needs Linux {oldest} or later")
    return ok(release)


def disk() -> Fact:
    """Where the labs are: room, and programs may be run from there."""
    place = next(p for p in (places.root(), *places.root().parents) if p.exists())
    free = shutil.disk_usage(place).free // 10**6
    elsewhere = "make room, or let CONMAN_LAB_ROOT be on another file system"
    if os.statvfs(place).f_flag & os.ST_NOEXEC:
        return missing(f"{place} is mounted noexec", elsewhere)
    if free < ENOUGH:
        judge = missing if free < TOO_LITTLE else warning
        return judge(f"{free} MB free in {place}", elsewhere)
    return ok(f"{free / 1000:.1f} GB free in {place}")


def loopback() -> Fact:
    """A connection to ourselves: a notebook talks to its kernel over one."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=1).close()
    except OSError as error:
        return missing(f"127.0.0.1: {error.strerror}", "ip link set lo up")
    return ok("127.0.0.1")


def ptys() -> Fact:
    """One is opened."""
    try:
        for fd in os.openpty():
            os.close(fd)
    except OSError as error:
        advice = "mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts"
        return missing(f"none to be had: {error.strerror}", advice)
    return ok(f"{sysctl('kernel.pty.nr')} of {sysctl('kernel.pty.max')} in use")
