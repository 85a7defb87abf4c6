"""Containers on disk: a directory each, and `state.json` in it makes it a container.

    containers/ID/        writer     lifetime
      state.json          manager    written last, unlinked first
      bundle/             manager    create ... remove
      rootfs/ overlay/    manager    create ... remove       only if it may be written
      started             manager    start ... (restart)     when, as text
      stop                manager    stop ...                it was asked to: see policy
      exit.before         manager    restart ...             the exit of the run before
      execs/EXEC/         manager    as long as a command runs, or its log is kept
      pid                 runtime    create ...
      shim.pid shim.log   shim       fork ...
      log                 shim       create ...
      attach              shim       create ... exit
      exit                shim       once
    containers/ID.gone    manager    while it is removed

Creation writes state.json last and removal unlinks it first, so a directory without one
is what a crash has left, in whichever of the two, and there is only one thing to do
with it.  `ids` and `unfinished` look for names of our making alone: a home may be
shared with others.
"""

import json
import re
import secrets
import shutil
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from conman_lab.files import remove, write_atomically
from conman_lab.identity import Identity

from .container import Container, Limits, Policy, Restart, Status

ID = re.compile(r"[0-9a-f]{32}")
GONE = ".gone"
WHO = [it.name for it in fields(Container)]
WHO = WHO[: WHO.index("status")]  # what state.json has: see Container


def new_id() -> str:
    """A name that nobody else has: 128 random bits."""
    return secrets.token_hex(16)


class Store:
    """The directory `root`, with a directory for each container."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def directory(self, id: str) -> Path:
        """All that there is of one."""
        return self.root / id

    def ids(self) -> list[str]:
        """Those that are containers."""
        return [id for id in self._ours() if self._state(id).exists()]

    def unfinished(self) -> list[str]:
        """Those that are not, or not yet, or no more."""
        gone = {path.name.removesuffix(GONE) for path in self.root.glob(f"*{GONE}")}
        ours = {id for id in self._ours() if not self._state(id).exists()}
        return sorted(ours | {id for id in gone if ID.fullmatch(id)})

    def make(self, id: str) -> Path:
        """Make the directory of one that is to be."""
        directory = self.directory(id)
        directory.mkdir(mode=0o700)
        return directory

    def save(self, container: Container) -> None:
        """Write down who it is, to survive us and a power failure."""
        known = asdict(container)
        text = json.dumps({name: known[name] for name in WHO}, indent=2) + "\n"
        write_atomically(self._state(container.id), text.encode())

    def load(self, id: str) -> Container:
        """Who it is.  One that cannot be read is a container still, to be removed."""
        log = str(self.directory(id) / "log")
        try:
            return _container(json.loads(self._state(id).read_bytes()), log)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            why = f"its state.json cannot be read ({error}): remove it"
            return Container(
                id=id, name=id[:12], status=Status.UNKNOWN, log_path=log, message=why
            )

    def disown(self, id: str) -> None:
        """From now on it is no container, only a directory."""
        remove(self._state(id))

    def set_aside(self, id: str) -> Path:
        """Rename the directory, and return it; see below."""
        return set_aside(self.directory(id))

    # --- what the manager notes beside it

    def note(self, id: str, name: str, text: str) -> None:
        """Write a note; it must survive us, but no power failure: no container does."""
        write_atomically(self.directory(id) / name, text.encode(), durable=False)

    def has(self, id: str, name: str) -> bool:
        """There is such a note."""
        return (self.directory(id) / name).exists()

    def noted(self, id: str, name: str) -> float | None:
        """The number in a note; None if there is no such note."""
        with suppress(OSError, ValueError):
            return float((self.directory(id) / name).read_text())
        return None

    def forget(self, id: str, *names: str) -> None:
        """Remove notes, or what a shim has left."""
        for name in names:
            remove(self.directory(id) / name)

    def _state(self, id: str) -> Path:
        return self.directory(id) / "state.json"

    def _ours(self) -> list[str]:
        with suppress(FileNotFoundError):
            names = [path.name for path in self.root.iterdir()]
            return sorted(name for name in names if ID.fullmatch(name))
        return []


def set_aside(directory: Path) -> Path:
    """Rename it to NAME.gone: who has not opened a file in it by now never will.

    Not even its shim.log.  A shim finds out where that is, and whoever gives up there
    would make it again, and the directory, to say so.
    """
    aside = directory.with_suffix(GONE)
    if aside.exists():  # we have been here before
        shutil.rmtree(directory, ignore_errors=True)
    with suppress(FileNotFoundError):
        directory.rename(aside)
    with suppress(FileNotFoundError):
        (aside / "shim.log").rename(aside / "shim.log.gone")
    return aside


def _container(who: dict[str, Any], log: str) -> Container:
    """Read back what `save` wrote; fields of a later version are left out."""
    known = {name: who[name] for name in WHO if name in who}
    Identity.parse(who["process"])  # ValueError: no process was ever called so
    restart = who["restart"]
    known["command"] = tuple(who["command"])
    known["limits"] = Limits(**who["limits"])
    known["restart"] = Restart(Policy(restart["policy"]), restart["limit"])
    return Container(**known, log_path=log)
