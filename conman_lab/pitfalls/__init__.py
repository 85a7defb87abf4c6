"""What the shortest way forgets: one file, one experiment each.

An experiment receives a launcher, runs a container under it, and tells what it saw.  On
`Naive` each of them bites, and on a shim none does: it never asks which it has.

    from conman_lab.pitfalls import lost_exit
    lost_exit.CHECK.run(launcher)
"""

from . import broken_pipe, deaf_parent, lost_exit

ALL = (
    deaf_parent.CHECK,
    lost_exit.CHECK,
    broken_pipe.CHECK,
)
