"""Did it work?  The end of `runc create`, its words, and its deadline.

runc hands its own stdio on to the container, so the pipes that we gave it outlive it.
Until the container is started they carry the runtime's words, and we need those: they
are the reason if it fails.
"""

from conman_lab.linux import Exit
from conman_lab.stream import Stream

from . import diary
from .loop import Loop
from .output import Output, Words
from .protocol import Options
from .reaper import Reaper, wait_for
from .spawn import Creating


class CreationFailed(Exception):
    """There is no container; the message is the runtime's, if it had any."""


def finish(
    creating: Creating, options: Options, loop: Loop, reaper: Reaper
) -> tuple[int, Output]:
    """Wait for the container; its pid, and what it writes."""
    output, words = Output(loop, diary.tell), Words()
    output.listen(words.hear)
    for target, pipe in creating.pipes.items():
        output.add(Stream(target + 1), pipe)
    if creating.console:
        creating.console.connect(loop, output)
    how = wait_for(creating.runtime, loop, reaper, options.deadline)
    output.drain()
    if not how.ok:
        raise CreationFailed(reason(how, str(words)))
    if creating.console and not loop.run_until(
        creating.console.has_come, options.deadline
    ):
        raise CreationFailed("the runtime has made no terminal")
    if str(words):
        diary.tell(f"the runtime, creating: {words}")
    with open(options.file("pid")) as pid_file:
        return int(pid_file.read()), output


def reason(how: Exit, words: str) -> str:
    """The runtime's own words; but of one that was killed they are not the reason.

    >>> reason(Exit(signal=9), "parent closed synchronisation channel")
    'the runtime ended, killed by SIGKILL: parent closed synchronisation channel'
    """
    if how.signal is None and words:
        return words
    return f"the runtime ended, {how}" + (f": {words}" if words else ", without a word")
