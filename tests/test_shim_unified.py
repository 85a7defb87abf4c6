"""Our shim where cgroup v2 is mounted alone, as most machines have it by now.

For the time of the test, and for our processes alone: unshare(1).  The memory
controller stays where it was, so what needs one is tried in test_oom.py.
"""

import json
import subprocess
import sys

import pytest

UNIFIED = 'umount -R -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && "$@"'
PROMISES = (
    "failure killed stopped stray orphans-reaped terminal "
    "delete-created delete-running delete-strays delete-keeperless"
).split()


@pytest.mark.needs_root
@pytest.mark.needs_runc
def test_it_keeps_its_promises_where_cgroup_v2_is_alone():
    ours = [sys.executable, "-m", "conman_lab.lab.cli", "conformance", "--json"]
    command = ["unshare", "--mount", "sh", "-c", UNIFIED, "sh", *ours, "--only"]
    done = subprocess.run([*command, *PROMISES], capture_output=True, text=True)
    rows = [row for row in json.loads(done.stdout) if row["launcher"] == "Shim"]
    assert [row for row in rows if not row["kept"]] == []
    assert len(rows) == len(PROMISES)
    assert done.returncode == 0
