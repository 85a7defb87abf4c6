"""Many quick containers, four at a time: every exit code and every line is right.

Two hundred by default; CONMAN_LAB_MANY=1000 asks for more.  A race that loses one exit
in a thousand is not seen in a test of one.
"""

import os
from functools import partial

from shims import at_a_time, delete, err, out, shim_log

from conman_lab.lab.registry import Registry
from conman_lab.linux import Exit

MANY = int(os.environ.get("CONMAN_LAB_MANY", "200"))
AT_A_TIME = 4
SCRIPT = "echo out {0}; echo err {0} >&2; printf end; exit {1}"


def told_of(shims, number):
    """What is told of one: how it ended, both its outputs, and what its shim said."""
    script = SCRIPT.format(number, number % 256)
    container, how = shims.run("hello", "sh", "-c", script)
    told = (how, out(container), err(container), shim_log(container))
    delete(container)
    return told


def expected_of(number):
    end = Exit(code=number % 256)
    return (end, b"out %d\nend" % number, b"err %d\n" % number, "")


def test_of_many_none_is_lost(shims, home):
    numbers = range(MANY)
    told = at_a_time(AT_A_TIME, partial(told_of, shims), numbers)
    pairs = zip(map(expected_of, numbers), told, strict=True)
    assert [pair for pair in pairs if pair[0] != pair[1]] == []
    left = Registry.of(home.name).left()
    assert (left.processes, left.containers, left.mounts) == ([], [], [])
    assert len(left.cgroups) == 1  # the one that all of them were in
