"""Run, attach and exec: our stdin, stdout and stderr are a container's for a while.

    keys, or a pipe ---> us ---> conmand ---> shim ---> its stdin
    our window's size, SIGWINCH ------------> shim ---> its terminal
    signals that are sent to us ------------> the container
    our stdout, stderr <---------- conmand <--- shim <--- what it writes

Without a terminal it is bytes in, bytes out, and an exit status.
"""

import os
import signal
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Thread

from conman_lab.errors import Deadline, InvalidArgument, LabError, NotFound
from conman_lab.manager.answers import Record
from conman_lab.manager.client import Client

from .keyboard import size
from .talk import STDIN, STDOUT, Talk
from .verbs import environment
from .watching import FDS, write_all

SOON = 0.5  # seconds in which a container's end is told after that of what was in it


def run(args: Namespace) -> int:
    """Create, attach, start, wait; its status is ours.

    With --rm the daemon removes it, whatever becomes of us; who is there at its end waits
    for that, so the name is free by then.
    """
    check(args, "run")
    rows, columns = size(STDOUT) if args.tty else (0, 0)
    with Client(args.host) as client:
        container = client.create(
            args.name,
            Path(args.image).absolute(),
            *args.command,
            env=environment(args.env),
            readonly=args.rootfs_readonly,
            stdin=args.stdin,
            stdin_once=not args.leave_stdin_open,
            terminal=args.tty,
            auto_remove=args.rm,
            rows=rows,
            columns=columns,
        ).id
        if args.detach:
            with or_none(client, container):
                client.start(container)
            print(container)
            return 0
        with ExitStack() as stack:
            with or_none(client, container):
                session = client.attach(container, stdin=args.stdin)
                stack.enter_context(session)
                client.start(container)
            talk = Talk(session, args, args.tty, partial(kill, client, container))
            status = talk.status()
        if args.rm and not talk.detached:
            with suppress(NotFound):  # it has gone by itself
                client.remove(container)
        return told(talk, container, status)


@contextmanager
def or_none(client: Client, container: str) -> Iterator[None]:
    """What fails in here leaves none; once it runs, what happens to us is no end of it."""
    try:
        yield
    except BaseException:
        with suppress(LabError):  # what has gone wrong first is told
            client.remove(container, force=True)
        raise


def attach(args: Namespace) -> int:
    """See what a container writes from now on, and type; its status is ours."""
    with Client(args.host) as client:
        container = client.inspect(args.container)
        id, has_terminal = container["id"], container["terminal"]
        with client.attach(id, stdin=args.stdin) as session:
            talk = Talk(session, args, has_terminal, partial(kill, client, id))
            talk.is_back = True
            if args.logs:  # to which all goes that it writes from now on, too
                records = client.logs(id, follow=True)
                talk.log = Thread(target=show, args=[records], daemon=True)
            status = talk.status()
        return told(talk, id, status)


def execute(args: Namespace) -> int:
    """Run one command more; its status is ours."""
    check(args, "exec")
    rows, columns = size(STDOUT) if args.tty else (0, 0)
    with Client(args.host) as client:
        command = client.exec(
            args.container,
            *args.command,
            env=environment(args.env),
            cwd=args.workdir,
            terminal=args.tty,
            stdin=args.stdin,
            rows=rows,
            columns=columns,
        )
        with command as session:
            status = Talk(session, args, args.tty, leave).status()
        return outlived(client, args.container, status)


def check(args: Namespace, verb: str) -> None:
    """What makes no sense is told before anything is made."""
    if not args.command:
        raise InvalidArgument(f"which command? container {verb} ... -- COMMAND")
    here = args.tty and args.stdin and not getattr(args, "detach", False)
    if here and not os.isatty(STDIN):
        raise InvalidArgument(
            "-it needs a terminal to type at, and ours is none: take -i alone"
        )


def show(records: Iterator[Record]) -> None:
    """Everything it has written, and will, to its end."""
    for record in records:
        end = b"\n" if record.full else b""
        write_all(FDS[record.stream], record.text + end)


def kill(client: Client, container: str, signum: int) -> None:
    """Whoever sends us a signal means the container."""
    with suppress(LabError):  # it has ended
        client.kill(container, signum)


def outlived(client: Client, container: str, status: int) -> int:
    """Say whether it has ended with its container, which ends all that is in it."""
    if status != 128 + signal.SIGKILL:
        return status
    try:
        client.wait(container, SOON)
    except Deadline:
        return status  # it lives: somebody has killed the command alone
    except LabError:
        pass  # it was removed, or how it ended is lost
    print(f"{container} has ended, and this command with it", file=sys.stderr)
    return status


def leave(signum: int) -> None:
    """Nobody can be told: end, with the terminal as it was."""
    sys.exit(128 + signum)


def told(talk: Talk, container: str, status: int) -> int:
    """Say how to come back, unless our terminal has gone; the status."""
    if talk.detached and status == 0:
        again = f"conmanctl container attach -i {container[:12]}"
        print(f"\ndetached, and it goes on; to come back: {again}", file=sys.stderr)
    return status
