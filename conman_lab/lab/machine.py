"""The machine under the containers: who we are on it, and what its kernel lets us do.

The kernel has all of it since long ago.  What is missing was switched off: by whoever
built the kernel, by a sysctl, or because we are in a container ourselves.  Some of that
can be read, /proc and /sys, and the rest is tried.
"""

import os
import platform
import shutil
import socket
import sys
from pathlib import Path

from conman_lab import places
from conman_lab.oci import cgroups

from .diagnosis import Fact, missing, ok, succeeds, takes_root, trial, warning

CAP_SYS_ADMIN = 21  # <linux/capability.h>
HOSTS_PIDS = "pid:[4026531836]"  # PROC_PID_INIT_INO, <linux/proc_ns.h>
NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "uts")
CONTROLLERS = ("cpu", "memory", "pids")
OLDEST_KERNEL = (5, 4)  # the first whose waitid(2) takes a pidfd
ENOUGH, TOO_LITTLE = 500, 50  # MB
REFUSALS = {  # what refuses user namespaces to users, and how to allow them
    "user.max_user_namespaces": ("0", "15000"),
    "kernel.unprivileged_userns_clone": ("0", "1"),  # Debian's
    "kernel.apparmor_restrict_unprivileged_userns": ("1", "0"),  # Ubuntu's
}
NO_CONTAINER = "this seems to be a container: take a VM, or start it with --privileged"


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


def cgroup_mode() -> Fact:
    """Which cgroups are mounted, and whether we may make some."""
    mode = cgroups.mode()
    if mode is cgroups.Mode.NONE:
        return missing(
            "none are mounted", f"mount them, as systemd does. {NO_CONTAINER}"
        )
    if os.geteuid() == 0 and not os.access(cgroups.trees()[0], os.W_OK):
        return missing(f"{mode}, and read-only", NO_CONTAINER)
    if absent := [name for name in CONTROLLERS if name not in _controllers()]:
        switches = " ".join(f"cgroup_enable={name}" for name in absent)
        advice = f"limits will not hold: boot with {switches}"
        return warning(f"{mode}, without {', '.join(absent)}", advice)
    return ok(mode)


def _controllers() -> set[str]:
    if cgroups.mode() is cgroups.Mode.V2:
        return {*(cgroups.FILE_SYSTEM / "cgroup.controllers").read_text().split()}
    return {path.name for path in cgroups.FILE_SYSTEM.iterdir()}


def namespaces() -> Fact:
    """A process in new ones of each kind."""
    absent = [name for name in NAMESPACES if not Path("/proc/self/ns", name).exists()]
    if absent:
        return missing(f"no {', '.join(absent)}", "take your distribution's kernel")
    if os.geteuid() != 0:
        return takes_root()
    if not succeeds("unshare", "-muinpf", "true"):
        return missing("refused, even to root: unshare(2)", NO_CONTAINER)
    return ok(", ".join(NAMESPACES))


def user_namespaces() -> Fact:
    """Those that a user may make; that is what rootless containers stand on."""
    if succeeds("unshare", "-Ur", "true", as_nobody=os.geteuid() == 0):
        return ok("for every user")
    cures = [
        f"sysctl -w {name}={yes}"
        for name, (no, yes) in REFUSALS.items()
        if _sysctl(name) == no
    ]
    advice = " && ".join(cures) or NO_CONTAINER
    return warning(
        "refused to users",
        f"only rootless containers need them; to have them: {advice}",
    )


def overlay() -> Fact:
    """One is mounted where the labs are."""
    if os.geteuid() != 0:
        return takes_root()
    with trial() as lab:
        low, up, work = (str(lab.directory(name)) for name in ("low", "up", "work"))
        options = f"lowerdir={low},upperdir={up},workdir={work}"
        mount = ("mount", "-t", "overlay", "-o", options, "overlay", low)
        if succeeds("unshare", "-m", *mount):  # it goes with its namespace
            return ok("can be mounted")
    return warning(
        f"cannot be mounted in {places.root()}",
        "modprobe overlay, or let CONMAN_LAB_ROOT be on ext4 or xfs",
    )


def process_connector() -> Fact:
    """The kernel's news of every fork, exec and exit, without which we have to poll."""
    polled = "trees are drawn by polling, and miss what lives for a few ms"
    table = Path("/proc/net/connector")  # in the host's network namespace alone
    if not table.exists() or "cn_proc" not in table.read_text():
        return warning(
            "none", f"{polled}: a VM's own kernel has it (CONFIG_PROC_EVENTS)"
        )
    if os.readlink("/proc/self/ns/pid") != HOSTS_PIDS:
        return warning("it tells the host's pids, not ours", polled)
    return ok("there")


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
    return ok(f"{_sysctl('kernel.pty.nr')} of {_sysctl('kernel.pty.max')} in use")


def _sysctl(name: str) -> str:
    path = Path("/proc/sys", *name.split("."))
    return path.read_text().strip() if path.exists() else ""
