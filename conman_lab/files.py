"""Files as facts: written whole or not at all, waited for without polling.

A fact has one writer.  Readers see the old one, the new one or none, never half of
one, because rename(2) replaces a name in one step.
"""

import os
import time

from . import linux

AnyPath = str | os.PathLike[str]  # a shim does without pathlib: 1 MiB


def write_atomically(path: AnyPath, content: bytes, durable: bool = True) -> None:
    """Replace `path` whole or not at all; when `durable`, even if power fails.

    Whoever inotify(7) wakes will read it at once, so it must not appear before it is
    complete.
    """
    unfinished = f"{os.fspath(path)}.unfinished"
    fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        _write_all(fd, content)
        if durable:
            os.fsync(fd)
        os.rename(unfinished, path)
    except BaseException:  # ENOSPC, or we are being ended: no half file stays behind
        remove(unfinished)
        raise
    finally:
        os.close(fd)
    if durable:
        _sync_directory(os.path.dirname(path) or ".")


def wait_for_file(path: AnyPath, timeout: float) -> bool:
    """Wait until `path` is there; False if it is not after `timeout` seconds.

    The watch comes first and the look second: a file that appears in between is seen
    by the look, one that appears later by the watch.
    """
    ends_at = time.monotonic() + timeout
    directory = os.path.dirname(path) or "."
    with os.fdopen(linux.watch_directory(directory), "rb", 0) as news:
        while not os.path.exists(path):
            left = ends_at - time.monotonic()
            if left <= 0:
                return False
            readable(news.fileno(), timeout=left)
            news.read(4096)
    return True


def readable(*fds: int, timeout: float | None) -> list[int]:
    """Wait until some of them are readable, or at their end; none after `timeout` seconds.

    By poll(2), for select(2) knows only descriptors below 1024.
    """
    import select  # noqa: PLC0415  # 1 ms, for which a shim's runtime would wait

    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    return [fd for fd, _ in poll.poll(None if timeout is None else timeout * 1000)]


def remove(path: AnyPath) -> None:
    """Unlink it, if it is there."""
    try:  # noqa: SIM105  # a shim does without contextlib: 1 ms
        os.unlink(path)
    except FileNotFoundError:
        pass


def _write_all(fd: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]


def _sync_directory(path: AnyPath) -> None:
    """The new name is the directory's data, not the file's: fsync(2)."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
