"""What conmanctl can be told, as a table; nothing is imported until it is told.

Names, flags and what is printed are conman's where conman has them, and of those the
answer is JSON unless somebody asks for a table.  Ours are for people first: on a terminal
a table.
"""

from argparse import ArgumentTypeError
from typing import Any

from conman_lab.record import record


@record
class Flag:
    """An option, or with a name without dashes an argument; `how`: argparse's words."""

    names: tuple[str, ...]
    how: dict[str, Any]


@record
class Command:
    """`words` as they are typed, `where` it is done (module:function), one line."""

    words: str
    where: str
    line: str
    takes: str = ""  # keys of FLAGS
    default: str = "json"  # its format; "person": a table on a terminal, else JSON


def _flag(*names: str, **how: Any) -> Flag:
    return Flag(names, how)


def _boolean(word: str) -> bool:
    """As Go's programs read one, strconv.ParseBool."""
    if word.lower() in ("1", "t", "true"):
        return True
    if word.lower() in ("0", "f", "false"):
        return False
    raise ArgumentTypeError(f"{word!r} is neither true nor false")


FLAGS = {
    "container": _flag("container", metavar="ID", help="id, beginning of one, or name"),
    "name": _flag("name", metavar="NAME", help="letters, digits, _ . and -"),
    "image": _flag(
        *("-I", "--image"), metavar="ROOTFS", required=True, help="its root directory"
    ),
    "readonly": _flag(
        *("-R", "--rootfs-readonly"),
        default=True,
        metavar="true|false",
        type=_boolean,
        help="nothing is written to the root directory (default: true)",
    ),
    "stdin": _flag("-i", "--stdin", action="store_true", help="it can be typed to"),
    "leave": _flag(
        "--leave-stdin-open",
        action="store_true",
        help="its stdin stays open after the first who typed has left",
    ),
    "tty": _flag("-t", "--tty", action="store_true", help="with a terminal of its own"),
    "detach": _flag(
        "-d", "--detach", action="store_true", help="start it, and do not wait"
    ),
    "rm": _flag("--rm", action="store_true", help="conmand removes it as it ends"),
    "keys": _flag(
        "--detach-keys",
        default="ctrl-p,ctrl-q",
        metavar="KEYS",
        help="typed at a terminal they leave it alone (ctrl-p,ctrl-q)",
    ),
    "logs": _flag("--logs", action="store_true", help="what it wrote before, first"),
    "timeout": _flag(
        *("-t", "--timeout"), type=int, default=10, help="seconds before SIGKILL (10)"
    ),
    "patience": _flag("--timeout", type=float, help="seconds to wait at most"),
    "force": _flag("-f", "--force", action="store_true", help="even if it runs"),
    "signal": _flag(
        *("-s", "--signal"), default="TERM", help="a name or a number (TERM)"
    ),
    "follow": _flag(
        "-f", "--follow", action="store_true", help="go on with what comes"
    ),
    "since": _flag("--since", help="a time as in ISO 8601, or 90s, 5m, 2h ago"),
    "tail": _flag("--tail", type=int, metavar="N", help="the last N lines only"),
    "timestamps": _flag(
        "-t", "--timestamps", action="store_true", help="with the time of each line"
    ),
    "env": _flag(
        *("-e", "--env"),
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a variable of its environment, as often as wanted",
    ),
    "cwd": _flag("-w", "--workdir", help="the directory it begins in"),
    "format": _flag("--format", choices=("table", "json"), help="how to show it"),
    "shell": _flag("shell", choices=("bash", "zsh", "fish"), help="whose completion"),
}

COMMANDS = (
    Command("version", "verbs:version", "who answers", "format"),
    Command(
        "container create",
        "verbs:create",
        "make a container: NAME -- COMMAND [ARG...]",
        "image readonly stdin leave tty rm env name format",
    ),
    Command(
        "container run",
        "sessions:run",
        "create, start and attach: NAME -- COMMAND [ARG...]",
        "image readonly stdin leave tty detach rm keys env name",
    ),
    Command("container start", "verbs:start", "let its command begin", "container"),
    Command("container stop", "verbs:stop", "ask it to end", "timeout container"),
    Command("container remove", "verbs:remove", "leave nothing", "force container"),
    Command("container list", "verbs:list_all", "all of them", "format"),
    Command("container status", "verbs:status", "one of them", "container format"),
    Command(
        "container attach",
        "sessions:attach",
        "see and type",
        "stdin logs keys container",
    ),
    Command(
        "container logs",
        "watching:logs",
        "what it has written",
        "follow since tail timestamps container",
    ),
    Command(
        "container exec",
        "sessions:execute",
        "run one command more: ID -- COMMAND [ARG...]",
        "stdin tty keys env cwd container",
    ),
    Command(
        *("container wait", "verbs:wait", "how it ends"),
        *("patience container format", "person"),
    ),
    Command("container kill", "verbs:kill", "send a signal", "signal container"),
    Command("container pause", "verbs:pause", "freeze it", "container"),
    Command("container resume", "verbs:resume", "thaw it", "container"),
    Command(
        *("container stats", "verbs:stats", "what it uses"),
        *("container format", "person"),
    ),
    Command(
        *("container events", "watching:events", "what happens, as it does"),
        *("since format", "person"),
    ),
    Command("container inspect", "verbs:inspect", "all that is known", "container"),
    Command(
        *("container prune", "verbs:prune", "remove all that have ended"),
        *("format", "person"),
    ),
    Command("completion", "completion:script", "for a shell, to be sourced", "shell"),
)
WITH_A_COMMAND = (
    "container create",
    "container run",
    "container exec",
)  # -- COMMAND [ARG...]
HOST = "/run/conmand.sock"
