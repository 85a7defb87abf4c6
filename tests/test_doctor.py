"""The doctor, on this machine and on poorer ones: each is some namespaces away."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conman_lab import places
from conman_lab.lab.doctor import INSTEAD, PROBES
from conman_lab.oci import Runtime, cgroups, rootfs
from conman_lab.oci.program import CRUN_ON_HYBRID

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_runc]

CHECK = [sys.executable, "-m", "conman_lab.lab.cli", "check"]
OTHER_MOUNTS = ("unshare", "-m")
# A user who may read what root may, or they could not run an interpreter of root's.
A_USER = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
)


def check(*around, first="true"):
    """What it says, by name, when it runs in `around` and after a line of sh."""
    script = f'set -e; {first}; exec "$@" --json'
    command = [*around, "sh", "-c", script, "sh", *CHECK]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout, done.stderr
    said = json.loads(done.stdout)
    found = {fact.pop("name"): fact for fact in said["facts"]}
    absent = [name for name, fact in found.items() if fact["level"] == "missing"]
    assert (done.returncode, said["ok"]) == (1 if absent else 0, not absent)
    return found


def level_of(name, *around, first="true"):
    fact = check(*around, first=first)[name]
    assert bool(fact["advice"]) == (fact["level"] != "ok")
    return fact["level"]


def hide(program):
    return f"mount --bind /dev/null {program}"


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A root for labs that a test may spoil."""
    place = tmp_path / "root"
    place.mkdir()
    monkeypatch.setenv("CONMAN_LAB_ROOT", str(place))
    return place


def test_here_nothing_needed_is_missing():
    found = check()
    assert [*found] == [*PROBES]
    assert not [name for name, fact in found.items() if fact["level"] == "missing"]


def test_it_tells_a_line_for_each_fact_and_one_for_each_advice():
    done = subprocess.run(CHECK, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert lines[0].split()[:2] == ["ok", "root"]
    assert lines[-1] == "all that is needed is here"
    assert len(lines) == 1 + len(PROBES) + done.stdout.count("-> ")


def test_it_leaves_nothing(elsewhere):
    check()
    assert [*elsewhere.rglob("*")] == [elsewhere / "labs"]


def test_a_root_in_which_no_lab_can_be_is_not_all_that_is_needed(elsewhere):
    """The last line is the proof of all others: no container has run."""
    (elsewhere / "thesis.tex").touch()
    fact = check()["container"]
    assert fact["level"] == "missing"
    assert "there is thesis.tex in it: let CONMAN_LAB_ROOT be" in fact["advice"]


def test_a_root_that_cannot_be_written_is_told_as_that(elsewhere):
    read_only = f"mount -t tmpfs -o ro none {elsewhere}"
    fact = check(*OTHER_MOUNTS, first=read_only)["container"]
    assert (fact["level"], fact["advice"]) == (
        "missing",
        f"{elsewhere} cannot be written: let CONMAN_LAB_ROOT be somewhere else",
    )


def test_a_full_disk_has_run_no_container(elsewhere):
    full = f"mount -t tmpfs -o size=4k none {elsewhere}"
    full += f"; head -c 4096 /dev/zero >{elsewhere}/lost+found"
    found = check(*OTHER_MOUNTS, first=full)
    assert found["container"]["level"] == "missing"


def test_it_names_what_is_missing(elsewhere):
    spoilt = ["sh", "-c", 'mount -t tmpfs none /dev/pts; exec "$@"', "sh", *CHECK]
    done = subprocess.run([*OTHER_MOUNTS, *spoilt], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1].startswith("missing: ptys; ")
    assert done.returncode == 1


def test_a_user_is_told_how_to_become_root():
    found = check(*A_USER)
    assert found["root"]["level"] == "missing"
    assert found["container"]["seen"] == "only root can look"


def test_a_user_without_sudo_is_told_that_too():
    python = Path(sys.executable).parent
    found = check(*A_USER, first=f"export PATH={python}")
    assert found["root"]["seen"] == "we are not root, and there is no sudo"


def test_root_without_capabilities_is_not_root_enough():
    assert level_of("root", "setpriv", "--bounding-set=-sys_admin") == "missing"


def test_root_by_sudo_is_told_by_whom(monkeypatch):
    monkeypatch.setenv("SUDO_USER", "ann")
    assert check()["root"]["seen"] == "yes, ann by sudo"


def test_no_runc_is_missing_and_so_is_the_container():
    found = check(*OTHER_MOUNTS, first=hide(Runtime.find("runc").program))
    assert found["runc"]["level"] == found["container"]["level"] == "missing"


def test_who_has_no_container_is_told_of_the_replay():
    hidden = f'{hide(Runtime.find("runc").program)}; exec "$@"'
    command = [*OTHER_MOUNTS, "sh", "-c", hidden, "sh", *CHECK]
    said = subprocess.run(command, capture_output=True, text=True).stdout
    assert said.splitlines()[-1].startswith(f"missing: runc, container; {INSTEAD}")


def test_crun_is_told_why_it_cannot_work_on_a_hybrid_machine():
    fact = check()["crun"]
    if shutil.which("crun") and cgroups.mode() is cgroups.Mode.HYBRID:
        assert fact["advice"] == CRUN_ON_HYBRID
    else:
        assert fact["level"] == "ok"


def test_without_a_busybox_the_container_borrows_the_host_s_programs(elsewhere):
    """Nor may its root file system have been built before."""
    built = places.bundles() / "hello" / "rootfs"
    built.mkdir(exist_ok=True)
    first = f"{hide(rootfs.find_busybox())}; mount -t tmpfs none {built}"
    found = check(*OTHER_MOUNTS, first=first)
    assert found["busybox"]["level"] == "warning"
    assert found["container"]["level"] == "ok"


def test_unmounted_cgroups_are_missing():
    assert level_of("cgroups", *OTHER_MOUNTS, first="umount -Rl /sys/fs/cgroup") == (
        "missing"
    )


def test_namespaces_refused_to_root_are_missing():
    refuse = (
        "echo 0 > /proc/sys/user/max_net_namespaces"  # for its user namespace alone
    )
    assert level_of("namespaces", "unshare", "-Ur", first=refuse) == "missing"


def test_user_namespaces_refused_to_users_are_a_warning_with_the_cure():
    refuse = "echo 0 > /proc/sys/user/max_user_namespaces"
    fact = check("unshare", "-U", "--keep-caps", first=refuse)["user namespaces"]
    assert fact["level"] == "warning"
    assert "sysctl -w user.max_user_namespaces=15000" in fact["advice"]


def test_an_overlay_cannot_be_over_an_overlay(elsewhere, tmp_path):
    for name in ("up", "work"):
        (tmp_path / name).mkdir()
    options = f"lowerdir={elsewhere},upperdir={tmp_path}/up,workdir={tmp_path}/work"
    mount = f"mount -t overlay overlay -o {options} {elsewhere}"
    assert level_of("overlay", *OTHER_MOUNTS, first=mount) == "warning"


def test_another_network_namespace_hears_no_news_of_processes():
    assert level_of("process connector", "unshare", "-n") == "warning"


def test_another_pid_namespace_hears_the_host_s_pids():
    fact = check("unshare", "-pf", "--mount-proc")["process connector"]
    assert (fact["level"], fact["seen"]) == (
        "warning",
        "it tells the host's pids, not ours",
    )


def test_a_loopback_that_is_down_is_missing():
    assert level_of("loopback", "unshare", "-n") == "missing"


def test_no_ptys_are_missing():
    spoil = "mount -t tmpfs none /dev/pts"
    assert level_of("ptys", *OTHER_MOUNTS, first=spoil) == "missing"


@pytest.mark.parametrize(
    ("options", "level"),
    [("size=20m", "missing"), ("size=100m", "warning"), ("size=1g,noexec", "missing")],
)
def test_where_the_labs_are_there_must_be_room_and_programs_run(
    elsewhere, options, level
):
    mount = f"mount -t tmpfs -o {options} none {elsewhere}"
    assert level_of("disk", *OTHER_MOUNTS, first=mount) == level
