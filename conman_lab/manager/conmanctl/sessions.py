"""Attach and exec without a terminal of their own: bytes in, bytes out, an exit status."""

import os
import select
from argparse import Namespace
from contextlib import suppress

from conman_lab.errors import InvalidArgument
from conman_lab.manager.client import Client
from conman_lab.manager.vocabulary import Session

from .verbs import environment
from .watching import FDS, write_all

STDIN = 0
PIECE = 65536


def attach(args: Namespace) -> int:
    """See what a container writes from now on, and type; ends as the container does."""
    client = Client(args.host)
    with client, client.attach(args.container, stdin=args.stdin) as session:
        relay(session, STDIN if args.stdin else None)
        session.wait()
    return 0


def execute(args: Namespace) -> int:
    """Run one command more; its status is ours."""
    if not args.command:
        raise InvalidArgument("which command? container exec ... ID -- COMMAND")
    how = {"env": environment(args.env), "cwd": args.workdir, "stdin": args.stdin}
    client = Client(args.host)
    with client, client.exec(args.container, *args.command, **how) as session:
        relay(session, STDIN if args.stdin else None)
        return session.wait().status


def relay(session: Session, stdin: int | None) -> None:
    """Its output to ours, and what comes from `stdin` to it, until its output ends."""
    ready = select.poll()
    ready.register(session, select.POLLIN)
    if stdin is not None:
        ready.register(stdin, select.POLLIN)
    while not _drained(session):
        for fd, _ in ready.poll():
            if fd == stdin and not _typed(session, stdin):
                ready.unregister(stdin)


def _drained(session: Session) -> bool:
    """Show all that has come; True: there will be no more."""
    with suppress(TimeoutError):
        while (piece := session.read(timeout=0)) is not None:
            write_all(FDS[piece[0]], piece[1])
        return True
    return False


def _typed(session: Session, stdin: int) -> bool:
    """Pass on what was typed; False: nothing more will be."""
    data = os.read(stdin, PIECE)
    if data:
        session.send(data)
    else:
        session.end_input()
    return bool(data)
