"""The shim: stays with one container from its creation to its end.

Read it from `main` down.  It is one program and three processes, and the comments say
whose life it is:

    [main]     what the manager started: forks [shim] and exits, nobody waits for it
    [shim]     the daemon: stays until the container ends
    [runtime]  `runc create`: ends, and leaves the container to its subreaper, [shim]

What goes wrong before the container exists is told to the manager and is the end; what
goes wrong afterwards is told to shim.log, and the shim goes on.
"""

import os
import sys

from conman_lab import linux
from conman_lab.files import write_atomically
from conman_lab.identity import Identity
from conman_lab.record import TYPE_CHECKING

from . import diary
from .protocol import SYNC_PIPE, Options, Report
from .spawn import spawn_runtime

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


def main() -> "NoReturn":
    """Be [main], and then [shim]."""
    sync_pipe = take_sync_pipe()
    options = take_options(sync_pipe)
    if os.fork() > 0:
        os._exit(0)  # [main] has done its part

    # [shim]
    try:  # what goes wrong here, the manager hears
        detach(options)
        linux.become_subreaper()
        linux.restore_signal(linux.SIGCHLD)  # ignored, it would hide the dead: wait(2)
        creating = spawn_runtime(options)
        linux.name_process(options.title)
        from . import parts  # noqa: PLC0415  # while runc is busy: see there

        where = options.directory
        loop, reaper = parts.Loop(complain=diary.tell_error), parts.Reaper()
        loop.on_signal(parts.SIGCHLD, reaper.reap)
        exit_file = parts.ExitFile(options.file("exit"))
        log = parts.LogFile(options.file("log"), options.log_size, complain=diary.tell)
        stdin = parts.open_stdin(creating, loop, options.stdin_once)
        attach = parts.AttachServer(loop, where, diary.tell, stdin, options.viewer)
        parts.Ctl(loop, where, log.reopen, creating.resize)
        container, output = parts.finish(creating, options, loop, reaper)
        output.listen(log.write, attach.broadcast)
        oom = creating.oom or parts.OomCounter(container)
        parts.forward_signals(loop, container)
        loop.on_signal(parts.SIGUSR1, log.reopen)
    except Exception as error:  # noqa: BLE001  # any is the manager's to hear
        give_up(error, sync_pipe)
    Report(pid=container).send(sync_pipe)  # all is ready: it may be started
    how = parts.wait_for(container, loop, reaper)
    tolerate(output.drain)
    tolerate(parts.partial(log.close, options.durable))
    how = how.because_of_oom() if oom.killed() else how
    tolerate(parts.partial(exit_file.write, how))
    tolerate(attach.close)
    os._exit(0)  # at once: Python would take milliseconds to put itself in order


def take_sync_pipe() -> int:
    """The number of the pipe that the manager listens to, and no child of ours has."""
    if SYNC_PIPE not in os.environ:
        sys.exit(
            f"a shim is started by a manager, which sets {SYNC_PIPE}; see launch.py\n"
            f"flags: {Options.usage()}"
        )
    sync_pipe = int(os.environ.pop(SYNC_PIPE))
    # Were the container to inherit it, our death would not close it.
    os.set_inheritable(sync_pipe, False)
    return sync_pipe


def take_options(sync_pipe: int) -> Options:
    """What the manager asks for; if that makes no sense it hears so."""
    try:
        options = Options.from_argv(sys.argv[1:])
        if options.viewer >= 0:
            os.set_inheritable(options.viewer, False)
    except (ValueError, OSError) as error:  # EBADF: there is no such viewer
        Report(error=str(error)).send(sync_pipe)
        sys.exit(str(error))
    return options


def detach(options: Options) -> None:
    """Leave the manager's session, terminal and directory, and say who we are.

    Nobody reads what we print any more, so what Python prints goes to shim.log.
    """
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    diary.keep(options.file("shim.log"))
    identity = str(Identity.of(os.getpid()))
    write_atomically(options.file("shim.pid"), identity.encode(), durable=False)


def give_up(error: Exception, sync_pipe: int) -> "NoReturn":
    """There is no container, or there must be none: end what there is, and say why."""
    from .parts import end_all  # noqa: PLC0415  # see there

    end_all()
    diary.tell(error)
    Report(error=str(error) or type(error).__name__).send(sync_pipe)
    os._exit(1)


def tolerate(step: "Callable[[], object]") -> None:
    """Do it; if it fails, tell shim.log and go on with what must be done as well."""
    try:
        step()
    except Exception as error:  # noqa: BLE001  # the end must be told, whatever happens
        diary.tell_error(error)


if __name__ == "__main__":
    main()
