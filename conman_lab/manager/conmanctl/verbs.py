"""A request, an answer, and how it is shown.

Messages are all that passes here, no containers of ours: what conman's commands print is
the answer itself, and to make dataclasses of it first would only take time.
"""

import signal
from argparse import Namespace
from pathlib import Path
from typing import Any

from conman_lab.errors import InvalidArgument
from conman_lab.manager.wire.channel import Channel
from conman_lab.manager.wire.schema import METHODS

from .progress import waiting
from .shown import show
from .tables import ENDED, LIST, REMOVED, USAGE


def ask(given: Namespace, method: str, **request: Any) -> Any:
    """One call to the daemon of --host."""
    channel = Channel(Path(given.host).absolute())
    try:
        return channel.call(METHODS[method], **request)
    finally:
        channel.close()


def version(args: Namespace) -> None:
    """Who answers."""
    show(args, ask(args, "Version"))


def create(args: Namespace) -> None:
    """A root directory and a command make a container."""
    if not args.command:
        raise InvalidArgument("which command? container create ... NAME -- COMMAND")
    answer = ask(
        args,
        "CreateContainer",
        name=args.name,
        rootfs_path=str(Path(args.image).absolute()),
        rootfs_readonly=args.rootfs_readonly,
        command=args.command[0],
        args=args.command[1:],
        stdin=args.stdin,
        stdin_once=not args.leave_stdin_open,
        terminal=args.tty,
        auto_remove=args.rm,
        env=environment(args.env),
    )
    show(args, answer)


def start(args: Namespace) -> None:
    """Let its command begin."""
    show(args, ask(args, "StartContainer", container_id=args.container))


def stop(args: Namespace) -> None:
    """SIGTERM, some seconds, SIGKILL."""
    with waiting(f"for {args.container} to end"):
        wanted = {"container_id": args.container, "timeout": args.timeout}
        show(args, ask(args, "StopContainer", **wanted))


def remove(args: Namespace) -> None:
    """Leave nothing of it; what is gone already is no error."""
    with waiting(f"for {args.container} to be gone"):
        wanted = {"container_id": args.container, "force": args.force}
        show(args, ask(args, "RemoveContainer", **wanted))


def list_all(args: Namespace) -> None:
    """All of them."""
    as_table = args.format == "table"
    answer = ask(args, "ListContainers", whole=as_table)
    show(args, answer, LIST)


def status(args: Namespace) -> None:
    """One of them."""
    show(args, ask(args, "ContainerStatus", container_id=args.container))


def wait(args: Namespace) -> None:
    """How it ends."""
    with waiting(f"for {args.container} to end"):
        wanted = {"container_id": args.container, "timeout": args.timeout}
        answer = ask(args, "WaitContainer", **wanted)
    show(args, answer, ENDED)


def kill(args: Namespace) -> None:
    """Send a signal."""
    wanted = {"container_id": args.container, "signal": signal_number(args.signal)}
    show(args, ask(args, "KillContainer", **wanted))


def pause(args: Namespace) -> None:
    """Freeze every process of it; as from `start`, nothing comes of it."""
    ask(args, "PauseContainer", container_id=args.container)
    show(args, METHODS["PauseContainer"].reply())


def resume(args: Namespace) -> None:
    """Thaw them."""
    ask(args, "ResumeContainer", container_id=args.container)
    show(args, METHODS["ResumeContainer"].reply())


def stats(args: Namespace) -> None:
    """What it uses."""
    show(args, ask(args, "ContainerStats", container_id=args.container), USAGE)


def inspect(args: Namespace) -> None:
    """All that is known, for jq(1)."""
    print(ask(args, "InspectContainer", container_id=args.container).json)


def prune(args: Namespace) -> None:
    """Remove all that have ended."""
    with waiting("for them to be gone"):
        answer = ask(args, "Prune")
    show(args, answer, REMOVED)


def environment(words: list[str]) -> dict[str, str]:
    """Pairs of NAME=VALUE.  InvalidArgument.

    >>> environment(["A=1", "B=x=y"])
    {'A': '1', 'B': 'x=y'}
    """
    for word in words:
        if "=" not in word or word.startswith("="):
            raise InvalidArgument(f"{word!r} is no NAME=VALUE")
    return dict(word.split("=", 1) for word in words)


def signal_number(word: str) -> int:
    """A name, with or without SIG, or a number.  InvalidArgument.

    >>> signal_number("HUP"), signal_number("SIGHUP"), signal_number("1")
    (1, 1, 1)
    """
    if word.isdecimal():
        return int(word)
    name = word.upper()
    name = name if name.startswith("SIG") else f"SIG{name}"
    try:
        return signal.Signals[name].value
    except KeyError:
        raise InvalidArgument(f"there is no signal {word!r}: see kill -l") from None
