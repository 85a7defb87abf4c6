"""The exit file: how the container ended, whole or not at all.

    {"code": 7, "signal": null, "at": 1764000000.5, "oom": false}

Its room on the disk is taken when the container is created, under another name.  At the
end it needs to be filled and renamed, and neither wants a free block: a container whose
output has filled the disk loses output, and not its exit.
"""

import os

from conman_lab.files import AnyPath
from conman_lab.linux import Exit

ROOM = 512  # bytes; more than any exit needs


class ExitFile:
    """Reserves room beside `path`, and becomes it once."""

    def __init__(self, path: str) -> None:
        self.path, self._unfinished = path, f"{path}.unfinished"
        self._fd = self._reserve()

    def write(self, how: Exit) -> None:
        """Tell it: whoever inotify(7) wakes will read it at once, and find it whole."""
        try:
            self._fill(how)
        except FileNotFoundError:  # somebody has removed the directory
            os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
            self._fd = self._reserve()
            self._fill(how)

    def _reserve(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        fd = os.open(self._unfinished, flags, 0o600)
        os.posix_fallocate(fd, 0, ROOM)
        return fd

    def _fill(self, how: Exit) -> None:
        text = to_json(how)
        os.pwrite(self._fd, text, 0)
        os.ftruncate(self._fd, len(text))
        os.rename(self._unfinished, self.path)


def to_json(how: Exit) -> bytes:
    """By hand: `json` costs each shim 0.4 MiB.

    >>> to_json(Exit(code=7, at=1.5))
    b'{"code": 7, "signal": null, "at": 1.5, "oom": false}'
    """
    code, signum, at = (
        "null" if n is None else n for n in (how.code, how.signal, how.at)
    )
    oom = "true" if how.oom else "false"
    return f'{{"code": {code}, "signal": {signum}, "at": {at}, "oom": {oom}}}'.encode()


def read_exit_file(path: AnyPath) -> Exit | None:
    """How the container ended; None if no shim has written it."""
    import json  # noqa: PLC0415  # only the manager reads

    try:
        with open(path) as file:
            return Exit(**json.load(file))
    except FileNotFoundError:
        return None
