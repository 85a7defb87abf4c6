"""`conmanctl [-H PATH] COMMAND ...`: one question to the daemon, and its answer.

It ends with 0, or with 1 and the reason on stderr; `exec` as its command did.
"""

import argparse
import errno
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from conman_lab.errors import LabError, in_words

from .commands import COMMANDS, FLAGS, HOST, WITH_A_COMMAND, Command

ABOUT = """Ask conmand for containers, which it keeps; for instance
conmanctl container run -it --image ROOTFS NAME -- sh"""
BROKEN_PIPE, INTERRUPTED = 128 + 13, 128 + 2  # as a shell would say it
SWITCH = re.compile(r"^(-R|--rootfs-readonly)(?:=(\w+))?$")
SOCKET = f"the daemon's socket; or $CONMAND_HOST, or {HOST}"
OFFER = "__complete"  # what the shells' scripts call


class Parser(argparse.ArgumentParser):
    """Says where to read on when it has not understood."""

    def error(self, message: str) -> NoReturn:
        """Usage, what is wrong, and the next step; status 2."""
        super().error(f"{message}; see {self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except BrokenPipeError:  # EPIPE: `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the last flush says it again
        return BROKEN_PIPE
    except (LabError, OSError) as error:
        print(f"conmanctl: {in_words(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(words: Sequence[str]) -> int:
    """Say all of it now: of an EPIPE at the interpreter's end nobody is told in time."""
    try:
        if words[:1] == [OFFER]:
            return _offer(words[1:])
        args = parsed(words)
        module, _, name = args.where.partition(":")
        return int(getattr(import_module(f".{module}", __package__), name)(args) or 0)
    finally:
        _say_all()


def _say_all() -> None:
    """But to a terminal that has gone: that has had its status."""
    try:
        print(end="", flush=True)
    except OSError as error:
        if error.errno != errno.EIO:
            raise


def parsed(words: Sequence[str]) -> argparse.Namespace:
    """What is wanted; SystemExit: it cannot be understood, or was a question for help."""
    head, rest = _divided(words)
    parser = Parser(prog="conmanctl", description=ABOUT)
    _add_host(parser, os.environ.get("CONMAND_HOST", HOST))
    _add_commands(parser, divided=rest is not None)
    args = parser.parse_args(head)
    if rest is not None:
        args.command = rest
    return args


def _divided(words: Sequence[str]) -> tuple[list[str], list[str] | None]:
    """What is before and behind the first --; None: there is none.

    A yes-or-no flag of conman's may stand alone, or with =false; argparse's may not.
    """
    place = words.index("--") if "--" in words else len(words)
    head = [SWITCH.sub(_spelled_out, word) for word in words[:place]]
    return head, [*words[place + 1 :]] if "--" in words else None


def _spelled_out(switch: re.Match[str]) -> str:
    return f"--rootfs-readonly={switch[2] or 'true'}"


def _add_commands(parser: argparse.ArgumentParser, divided: bool) -> None:
    groups = {"": parser.add_subparsers(required=True, metavar="COMMAND")}
    for command in COMMANDS:
        group, _, word = command.words.rpartition(" ")
        if group not in groups:
            of_group = groups[""].add_parser(group, help=_verbs(group))
            groups[group] = of_group.add_subparsers(required=True, metavar="VERB")
        one = groups[group].add_parser(
            word, help=command.line, description=command.line
        )
        one.set_defaults(
            where=command.where, default=command.default, words=command.words
        )
        _add_flags(one, command, divided)


def _verbs(group: str) -> str:
    """What can be said behind the word."""
    words = [it.words.split() for it in COMMANDS]
    return ", ".join(it[1] for it in words if it[0] == group)


def _add_host(parser: argparse.ArgumentParser, default: str) -> None:
    """The socket may be named before the command, or behind it."""
    parser.add_argument("-H", "--host", metavar="PATH", default=default, help=SOCKET)


def _add_flags(
    parser: argparse.ArgumentParser, command: Command, divided: bool
) -> None:
    _add_host(parser, argparse.SUPPRESS)
    for key in command.takes.split():
        flag = FLAGS[key]
        parser.add_argument(*flag.names, **flag.how)
    if command.words in WITH_A_COMMAND:
        usage = parser.format_usage().removeprefix("usage: ").rstrip()
        parser.usage = f"{usage} -- COMMAND [ARG...]"
        if not divided:
            parser.add_argument("command", nargs=argparse.REMAINDER, help="to be run")


def _offer(words: Sequence[str]) -> int:
    from .completion import offers  # noqa: PLC0415  # a shell asks seldom

    print(*offers(words), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
