"""Looking at processes from outside, without being in their way.

    with trace() as t: ...   what happens meanwhile: every fork, exec and exit
    procfs                   what there is now: a record for each, the tree below any

A look is a moment.  What lives for two milliseconds between two looks was never there,
and most of a runtime's own processes are of that kind; hence, beside the looks, the
kernel's own account.

trace.py       Trace: what happened, as data; events.py, lives.py, telling.py
comparing.py   what is in one trace and not in another; perfetto.py: for ui.perfetto.dev
reference.py   a notebook's traces, in a file beside it
recording.py   trace(): listens while a block runs
procevents.py  the kernel's process connector; polling.py, where there is none
threads.py     a process has ended when its last thread has
family.py      who belongs to a trace, and who has adopted whom
procfs.py      processes as /proc shows them; links.py: what they share
namespaces.py  which of its namespaces are not the host's
words.py       a command line in a few words; whom.py: whose pids are meant
"""

from .recording import trace
from .trace import Trace

__all__ = ["Trace", "trace"]
