"""Which of its two outputs a container has written to."""

from enum import IntEnum


class Stream(IntEnum):
    """The numbers are conmon's `stdpipe_t`; an attach message begins with one."""

    STDOUT = 2
    STDERR = 3
