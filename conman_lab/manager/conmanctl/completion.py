"""What a shell may offer next: words of the table, and containers of the live daemon.

The scripts for the shells are three lines each, and call us back with the words so far:
so a shell offers what this version can do, and who is there now.
"""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from conman_lab.errors import LabError

from .commands import COMMANDS, FLAGS, HOST, Command

BASH = """\
_conmanctl() {
    local IFS=$'\\n'
    COMPREPLY=($(conmanctl __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _conmanctl conmanctl
"""
ZSH = """\
#compdef conmanctl
_conmanctl() {
    local -a offered
    offered=("${(@f)$(conmanctl __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    [[ -n $offered ]] && compadd -a offered || _files
}
compdef _conmanctl conmanctl
"""
FISH = """\
complete -c conmanctl -s I -l image -rF
complete -c conmanctl -f -a '(conmanctl __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def script(args: Namespace) -> None:
    """Print it; for bash: source <(conmanctl completion bash)."""
    print(SCRIPTS[args.shell], end="")


def offers(words: Sequence[str]) -> list[str]:
    """What may stand in the place of the last word, which is begun.

    >>> offers(["container", "st"])
    ['start', 'stats', 'status', 'stop']
    """
    *before, begun = words or [""]
    host, said = _without_host(before)
    if "--" in said:
        return []
    return sorted({it for it in _next(said, begun, host) if it.startswith(begun)})


def _next(said: list[str], begun: str, host: str) -> list[str]:
    """Everything that could follow."""
    plain = [word for word in said if not word.startswith("-")]
    command = next(
        (it for it in COMMANDS if it.words.split() == _first(plain, it)), None
    )
    if command is None:
        return _words_after(plain) + (["--host"] if begun.startswith("-") else [])
    if begun.startswith("-"):
        return _flags(command)
    left = plain[len(command.words.split()) :]
    if "shell" in command.takes:
        return [*FLAGS["shell"].how["choices"]]
    if said and said[-1] == "--format":
        return ["table", "json"]
    if "container" in command.takes and not left:
        return _containers(host)
    return []


def _first(plain: list[str], command: Command) -> list[str]:
    return plain[: len(command.words.split())]


def _words_after(plain: list[str]) -> list[str]:
    """The words of the table that go on from these."""
    count = len(plain)
    words = [it.words.split() for it in COMMANDS]
    return [it[count] for it in words if it[:count] == plain and len(it) > count]


def _flags(command: Command) -> list[str]:
    keys = command.takes.split()
    return [it for key in keys for it in FLAGS[key].names if it.startswith("--")]


def _without_host(words: list[str]) -> tuple[str, list[str]]:
    """The socket that was named, and the other words."""
    host, rest = HOST, []
    given = iter(words)
    for word in given:
        if word in ("-H", "--host"):
            host = next(given, HOST)
        elif word.startswith("--host="):
            host = word.partition("=")[2]
        else:
            rest.append(word)
    return host, rest


def _containers(host: str) -> list[str]:
    """Names and ids of those that are there; no daemon, no offer."""
    from conman_lab.manager.wire.channel import Channel  # noqa: PLC0415  # it costs
    from conman_lab.manager.wire.schema import METHODS  # noqa: PLC0415

    channel = Channel(Path(host).absolute())
    try:
        rows = channel.call(METHODS["ListContainers"]).containers
    except (LabError, OSError):
        return []
    finally:
        channel.close()
    return [word for row in rows for word in (row.name, row.id[:12])]
