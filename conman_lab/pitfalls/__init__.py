"""What the shortest way forgets: one file, one experiment each.

An experiment receives a launcher, runs a container under it, and tells what it saw.  On
`Naive` each of them bites, and on a shim none does: it never asks which it has.

    from conman_lab.pitfalls import lost_exit
    lost_exit.CHECK.run(launcher)

stage.py    where they play: one container, and two fifos to it
manager.py  another process, that manages until it is killed
asking.py   to ask with patience, and to have each answer as words
scene.py    the processes at the decisive moment
"""

from . import (
    broken_pipe,
    dead_before_start,
    deaf_parent,
    full_pipe,
    lost_exit,
    lost_tail,
    mixed_errors,
    no_console,
    orphan,
    stolen_exit,
)

ALL = (  # in the order of the course
    deaf_parent.CHECK,
    lost_exit.CHECK,
    broken_pipe.CHECK,
    full_pipe.CHECK,
    mixed_errors.CHECK,
    orphan.CHECK,
    stolen_exit.CHECK,
    no_console.CHECK,
    dead_before_start.CHECK,
    lost_tail.CHECK,
)
