"""`conman-lab`: a table of commands, each a module with `add_arguments` and `run`.

The module is imported when its command is called, so that `help` costs nothing.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from conman_lab.errors import LabError, in_words

ABOUT = "The course conman_lab: its notebooks, what they use, and what they leave."
# name, module, one line
COMMANDS = (
    ("open", "conman_lab.lab.jupyterlab", "open JupyterLab on the notebooks"),
    ("check", "conman_lab.lab.doctor", "what this machine has, and what to do"),
    ("bundle", "conman_lab.lab.bundles", "list, build, show the bundles"),
    ("run", "conman_lab.lab.runner", "execute notebooks, one line each"),
    ("freeze", "conman_lab.lab.freeze", "write the notebooks' committed outputs"),
    ("bench", "conman_lab.lab.bench", "measure our shim beside the others"),
    ("conformance", "conman_lab.lab.conformance", "what a shim promises, tried"),
    ("service", "conman_lab.lab.service", "conmand as a service of systemd"),
    ("clean", "conman_lab.lab.clean", "remove all that the lab has left"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit status.  A LabError is told in its own words.

    And so is what the machine refuses: a full disk, a file that is another user's.
    """
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except BrokenPipeError:  # EPIPE: `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the last flush says it again
        return 141  # 128 + SIGPIPE
    except (LabError, OSError) as error:
        print(f"conman-lab: {in_words(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT, as a shell would say it


def _run(words: Sequence[str]) -> int:
    """Say all of it now: of an EPIPE at the interpreter's end nobody is told in time."""
    try:
        args = _parser(words)
        return int(args.run(args) or 0)
    finally:
        print(end="", flush=True)


def _parser(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="conman-lab", description=ABOUT)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    called = argv[0] if argv else None
    for name, module_name, line in COMMANDS:
        command = commands.add_parser(name, help=line, description=line)
        if name == called:
            module = import_module(module_name)
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
