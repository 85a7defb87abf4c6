"""`conmand`: many shims, one memory, and a socket to ask it by."""

import os
import sys
from collections.abc import Sequence

from conman_lab.errors import LabError, in_words

from .journal import Journal
from .options import Options


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM; its exit status.  What keeps us from it is told once."""
    options = Options.from_argv(argv)
    import asyncio  # noqa: PLC0415  # after --help

    from .daemon import serve  # noqa: PLC0415

    try:
        journal = Journal(options.log)
    except OSError as error:
        return _failed(error)
    journal.listen_to("grpclib", "asyncio")
    try:
        asyncio.run(serve(options, journal))
    except (LabError, OSError) as error:
        journal.say("failed", error=in_words(error))
        return _failed(error)
    return 0


def _failed(error: Exception) -> int:
    """Say why, and what would help."""
    unable = isinstance(error, PermissionError) and os.geteuid()
    advice = " (conmand needs root: try sudo)" if unable else ""
    print(f"conmand: {in_words(error)}{advice}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
