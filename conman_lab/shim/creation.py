"""Did it work?  The end of `runc create` or `exec`, its words, and its deadline.

runc hands its own stdio on to the container, so the pipes that we gave it outlive it.
Until the container is started they carry the runtime's words, and we need those: they
are the reason if it fails.
"""

from conman_lab.linux import Exit
from conman_lab.record import TYPE_CHECKING
from conman_lab.stream import Stream

from . import diary
from .loop import Loop
from .output import Output, Words
from .protocol import Options
from .reaper import Reaper, wait_for
from .spawn import Creating

if TYPE_CHECKING:
    from .stdin import Stdin


class CreationFailed(Exception):
    """There is no container; the message is the runtime's, if it had any."""


def finish(
    creating: Creating, options: Options, loop: Loop, reaper: Reaper
) -> tuple[int, Output]:
    """Wait for the container, or the exec'd command; its pid, and what it writes."""
    output, words = Output(loop, diary.tell), Words()
    output.listen(words.hear)
    if not options.exec:
        hear(creating, output)
    how = end_of_runtime(creating, options, loop, reaper)
    if options.exec:
        # A command runs at once, and may have written before its runtime has ended.
        # Whose words are in the pipe?  That we know now, and not before.
        hear(creating, output)
    if not (options.exec and how.ok):
        output.drain()
    if not how.ok:
        raise CreationFailed(reason(how, str(words)))
    if str(words):
        diary.tell(f"the runtime, creating: {words}")
    if creating.console:
        creating.console.let_speak(loop, output)
    with open(options.file("pid")) as pid_file:
        return int(pid_file.read()), output


def open_stdin(creating: Creating, loop: Loop, once: bool) -> "Stdin | None":
    """Where viewers type to; None: nowhere."""
    if creating.console:
        return creating.console.keyboard(loop)
    if creating.stdin is None:
        return None
    from .stdin import Stdin  # noqa: PLC0415  # only few containers have one

    return Stdin(loop, creating.stdin, once)


def hear(creating: Creating, output: Output) -> None:
    """Read what the runtime was given for its stdout and stderr."""
    for target, pipe in creating.pipes.items():
        output.add(Stream(target + 1), pipe)


def end_of_runtime(
    creating: Creating, options: Options, loop: Loop, reaper: Reaper
) -> Exit:
    """How it ended; and a terminal has come, if there was to be one."""
    console = creating.console
    if console:
        console.connect(loop)
    how = wait_for(creating.runtime, loop, reaper, options.deadline)
    if console and how.ok and not loop.run_until(console.has_come, options.deadline):
        raise CreationFailed("the runtime has made no terminal")
    return how


def reason(how: Exit, words: str) -> str:
    """The runtime's own words; but of one that was killed they are not the reason.

    >>> reason(Exit(signal=9), "parent closed synchronisation channel")
    'the runtime ended, killed by SIGKILL: parent closed synchronisation channel'
    """
    if how.signal is None and words:
        return words
    return f"the runtime ended, {how}" + (f": {words}" if words else ", without a word")
