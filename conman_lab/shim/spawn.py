"""How `runc create`, or `runc exec`, is started: the pipes, and what must be so before.

This room imports little, because until the runtime runs every import is waited for; and
afterwards it needs 30 ms, in which the shim imports the rest.
"""

import os

from conman_lab import linux
from conman_lab.record import TYPE_CHECKING, record

from .oom import OomCounter
from .protocol import Options

if TYPE_CHECKING:
    from .console import Console


@record
class Creating:
    """`runc create`, or `runc exec`, under way."""

    runtime: int  # its pid
    pipes: dict[int, int]  # what we read of its stdout, 1, and its stderr, 2
    stdin: int | None = None  # what we write to its stdin, if it is to have one
    console: "Console | None" = None  # where a terminal is to come from
    oom: OomCounter | None = None  # of a container that is there already

    def resize(self, rows: int, columns: int) -> None:
        """Its window has another size; a container without a terminal has no window."""
        if self.console:
            self.console.resize(rows, columns)


def spawn_runtime(options: Options) -> Creating:
    """Start the runtime; what it writes, and later the container, comes to us."""
    null = os.open(os.devnull, os.O_RDWR)
    pipes = {target: os.pipe() for target in ((2,) if options.terminal else (1, 2))}
    stdio = {0: null, 1: null} | {target: pipe[1] for target, pipe in pipes.items()}
    stdin = console = None
    if options.terminal:
        console = await_terminal(options)  # it is stdin and stdout
    elif options.stdin:
        stdio[0], stdin = os.pipe()
    # An exec'd command runs at once: what kills it may have come before its runtime ends.
    oom = OomCounter(container_of(options)) if options.exec else None
    command = runtime_command(options, console.address if console else None)
    shim = os.getpid()
    runtime = os.fork()
    if runtime == 0:
        become_runtime(command, stdio, shim)

    # [shim]
    for theirs in {null, *stdio.values()}:
        os.close(theirs)  # who keeps a write end never reads the end of file
    ours = {target: pipe[0] for target, pipe in pipes.items()}
    return Creating(runtime, ours, stdin, console, oom)


def container_of(options: Options) -> int:
    """The pid of the container in which a command is exec'd; 0: nobody has noted it."""
    try:
        with open(options.file("../../pid")) as note:
            return int(note.read())
    except (OSError, ValueError):
        return 0


def await_terminal(options: Options) -> "Console":
    """The runtime will connect to its socket, so it must be there before."""
    from .console import Console  # noqa: PLC0415  # only few containers have one

    return Console(options.directory, options.rows, options.columns)


def become_runtime(command: list[str], stdio: dict[int, int], shim: int) -> None:
    """[runtime] Give it its stdio, and be it."""
    try:
        linux.die_with_parent()  # runc alone: what it forks does not inherit this
        if os.getppid() != shim:
            os._exit(1)  # [shim] was dead before we could ask for that
        linux.restore_signal(linux.SIGPIPE)  # Python ignores it; `yes` must not
        for target, fd in stdio.items():
            os.dup2(fd, target)
        os.execv(command[0], command)
    except OSError as error:  # ENOENT, EACCES: no such program
        os.write(2, f"{command[0]}: {error.strerror}".encode())
    finally:
        os._exit(127)


def runtime_command(options: Options, console_socket: str | None) -> list[str]:
    """The runtime's command line: an exec differs from a container in the verb alone."""
    log = ["--log", options.file("runtime.log"), "--log-format", "json"]
    debug = ["--debug"] if options.debug else []
    command = [options.runtime, *debug, *log, "--root", options.root]
    if options.exec:
        verb = ["exec", "--detach", "--process", options.file("process.json")]
    else:
        verb = ["create", "--bundle", options.file("bundle")]
    console = ["--console-socket", console_socket] if console_socket else []
    return [*command, *verb, "--pid-file", options.file("pid"), *console, options.id]
