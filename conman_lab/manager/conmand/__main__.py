"""`conmand`: many shims, one memory, and a socket to ask it by."""

import sys
from collections.abc import Sequence

from conman_lab.errors import LabError

from .journal import Journal
from .options import Options


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM; its exit status.  What keeps us from it is told once."""
    options = Options.from_argv(argv)
    import asyncio  # noqa: PLC0415  # after --help

    from .daemon import serve  # noqa: PLC0415

    journal = Journal(options.log)
    journal.listen_to("grpclib", "asyncio")
    try:
        asyncio.run(serve(options, journal))
    except (LabError, OSError) as error:
        journal.say("failed", error=str(error))
        print(f"conmand: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
