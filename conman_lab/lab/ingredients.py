"""What a container is made of: cgroups, namespaces, an overlay; and news of all that.

The kernel has them since long ago.  Where one is missing, it was switched off: by
whoever built the kernel, by a sysctl, or because we are in a container ourselves.
"""

import os
from pathlib import Path

from conman_lab import places
from conman_lab.oci import cgroups

from .diagnosis import (
    NO_CONTAINER,
    Fact,
    missing,
    ok,
    succeeds,
    sysctl,
    takes_root,
    trial,
    warning,
)

HOSTS_PIDS = "pid:[4026531836]"  # PROC_PID_INIT_INO, <linux/proc_ns.h>
NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "uts")
CONTROLLERS = ("cpu", "memory", "pids")
REFUSALS = {  # what refuses user namespaces to users, and how to allow them
    "user.max_user_namespaces": ("0", "15000"),
    "kernel.unprivileged_userns_clone": ("0", "1"),  # Debian's
    "kernel.apparmor_restrict_unprivileged_userns": ("1", "0"),  # Ubuntu's
}


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
        if sysctl(name) == no
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
    polled = (
        "trees are drawn by polling, and miss what lives for a few ms, and whom that "
        "has started: a cell of notebook 07 fails"
    )
    table = Path("/proc/net/connector")  # in the host's network namespace alone
    if not table.exists() or "cn_proc" not in table.read_text():
        return warning(
            "none", f"{polled}: a VM's own kernel has it (CONFIG_PROC_EVENTS)"
        )
    if os.readlink("/proc/self/ns/pid") != HOSTS_PIDS:
        return warning("it tells the host's pids, not ours", polled)
    return ok("there")
