"""How the container comes to be: `runc create`, its words, and its deadline.

runc hands its own stdio on to the container, so the pipes that we give it outlive it.
Until the container is started they carry the runtime's words, and we need those: they
are the reason if it fails.
"""

import os
import signal
from collections.abc import Mapping

from conman_lab import linux
from conman_lab.stream import Stream

from . import diary
from .console import Console
from .loop import Loop
from .output import Output, Words
from .protocol import Options
from .reaper import Reaper, wait_for


class CreationFailed(Exception):
    """There is no container; the message is the runtime's, if it had any."""


def create(options: Options, loop: Loop, reaper: Reaper) -> tuple[int, Output]:
    """Create the container; its pid, and what it writes."""
    output, words = Output(loop), Words()
    output.listen(words.hear)
    console = Console(loop, options.directory, output) if options.terminal else None
    runtime = spawn_runtime(options, output)
    how = wait_for(runtime, loop, reaper, options.deadline)
    output.drain()
    if not how.ok:
        raise CreationFailed(str(words) or f"the runtime ended, {how}, without a word")
    if console and not loop.run_until(console.has_come, options.deadline):
        raise CreationFailed("the runtime has made no terminal")
    if str(words):
        diary.tell(f"the runtime, creating: {words}")
    with open(options.file("pid")) as pid_file:
        return int(pid_file.read()), output


def spawn_runtime(options: Options, output: Output) -> int:
    """Start `runc create` with pipes to `output`; return runc's pid."""
    null = os.open(os.devnull, os.O_RDWR)
    pipes = {stream: os.pipe() for stream in Stream}
    theirs = {0: null} | {int(stream) - 1: pipe[1] for stream, pipe in pipes.items()}
    if options.terminal:
        theirs[1] = null  # its output comes from the terminal
    shim = os.getpid()
    runtime = os.fork()
    if runtime == 0:
        become_runtime(options, theirs, shim)

    # [shim]
    os.close(null)
    for stream, (ours, their_end) in pipes.items():
        os.close(their_end)  # who keeps a write end never reads the end of file
        output.add(stream, ours)
    return runtime


def become_runtime(options: Options, stdio: Mapping[int, int], shim: int) -> None:
    """[runtime] Give it its stdio, and be it."""
    try:
        linux.die_with_parent()  # runc alone: what it forks does not inherit this
        if os.getppid() != shim:
            os._exit(1)  # [shim] was dead before we could ask for that
        signal.signal(
            signal.SIGPIPE, signal.SIG_DFL
        )  # Python ignores it; `yes` must not
        for target, fd in stdio.items():
            os.dup2(fd, target)
        os.execv(options.runtime, create_command(options))
    except OSError as error:  # ENOENT, EACCES: no such program
        os.write(2, f"{options.runtime}: {error.strerror}".encode())
    finally:
        os._exit(127)


def create_command(options: Options) -> list[str]:
    """The runtime's command line."""
    log = ["--log", options.file("runtime.log"), "--log-format", "json"]
    debug = ["--debug"] if options.debug else []
    command = [options.runtime, *debug, *log, "--root", options.root, "create"]
    files = ["--bundle", options.file("bundle"), "--pid-file", options.file("pid")]
    console = ["--console-socket", options.file("console")] if options.terminal else []
    return [*command, *files, *console, options.id]
