"""A container's parent for a moment, as a shim is one for its whole life."""

import json
import subprocess
import sys

from conman_lab import places

PARENT = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from conman_lab import linux
from conman_lab.oci import Bundle, Runtime, cgroups
from conman_lab.oci.runtime import Stdio

linux.become_subreaper()
runtime = Runtime.find(home=Path(sys.argv[2]))
output, theirs = os.pipe()
pid = runtime.create("it", Bundle.load(sys.argv[3]), Stdio(stdout=theirs))
os.close(theirs)
group = cgroups.of_process(pid, "memory")
runtime.start("it")
if sys.argv[4:]:
    os.read(output, 100)
    runtime.kill("it", int(sys.argv[4]))
how = linux.Exit.from_wait_status(os.waitpid(pid, 0)[1])
names = ("memory.oom_control", "memory.events")
facts = [group / name for name in names if (group / name).exists()]
print(json.dumps([str(how), "".join(fact.read_text() for fact in facts)]))
runtime.delete("it")
"""


def as_its_parent_sees_it(runtime, ready, *signum):
    """How its first process ends, by waitpid(2), and its cgroup's word on memory.

    The parent is a subreaper, as a shim is, and a process of its own: the tests' own is
    none, so that a container of theirs is nobody's child.
    """
    arguments = [places.COURSE, runtime.home, ready.directory, *signum]
    done = subprocess.run(
        [sys.executable, "-c", PARENT, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
