"""The runtime from outside: a bundle goes in, the verbs of runc or crun act on it.

bundle.py   a directory with a config.json and a root file system, to read and change
spec.py     what the OCI runtime-spec asks of config.json
rootfs.py   a root file system from one static program
cgroups.py  v1, hybrid or v2, and where a container's cgroup is
program.py  runc, called: what it is given, what it says, how it fails
runtime.py  create, start, kill, delete: its verbs
"""

from .bundle import Bundle
from .program import Completed
from .runtime import Runtime

__all__ = ["Bundle", "Completed", "Runtime"]
