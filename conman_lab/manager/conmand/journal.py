"""What the daemon has done, a line of JSON each, on stderr or in a file.

    {"at": "2026-01-01T12:00:00.123Z", "what": "call", "method": "StartContainer", ...}

For grep and jq, and for systemd's journal, which keeps stderr.  A disk that is full
costs lines and nothing else.
"""

import json
import logging
import os
import time
from pathlib import Path


class Journal:
    """Writes lines; `path` None: to stderr."""

    def __init__(self, path: Path | None = None) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._fd = os.open(path, flags, 0o600) if path else 2

    def say(self, what: str, **details: object) -> None:
        """One line, in one write(2), so that no two are mixed."""
        now = time.time()
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        line = {"at": f"{seconds}.{int(now % 1 * 1000):03}Z", "what": what} | {
            name: value for name, value in details.items() if value not in (None, "")
        }
        try:  # noqa: SIM105
            os.write(self._fd, json.dumps(line, default=str).encode() + b"\n")
        except OSError:  # ENOSPC, EPIPE: we have containers to look after
            pass

    def listen_to(self, *names: str) -> None:
        """Write what these libraries complain of, too."""
        for name in names:
            logger = logging.getLogger(name)
            logger.addHandler(_Handler(self))
            logger.setLevel(logging.WARNING)
            logger.propagate = False


class _Handler(logging.Handler):
    """From `logging` to our lines."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        """Write one down."""
        trace = (
            logging.Formatter().formatException(record.exc_info)
            if (record.exc_info)
            else None
        )
        self._journal.say(
            record.levelname.lower(),
            by=record.name,
            words=record.getMessage(),
            trace=trace,
        )
