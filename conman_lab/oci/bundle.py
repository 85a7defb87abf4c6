"""A bundle: a directory with a `config.json` and, mostly, a `rootfs`.

A `Bundle` is a value.  To change one gives another, and the one that you had, and its
file, stay as they were:

    Bundle.load("bundles/hello").with_args("echo", "hi").save("/tmp/mine")

Saved elsewhere it does not copy its root file system, it points to it.
"""

import copy
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from conman_lab.errors import BadBundle
from conman_lab.files import write_atomically
from conman_lab.names import check_name, make_private, taking

from . import spec

Part = TypeVar("Part", dict[str, Any], list[Any])


@dataclass(frozen=True)
class Bundle:
    """What a container is to be: `config`, as in `directory`/config.json."""

    directory: Path
    config: dict[str, Any]

    @classmethod
    def load(cls, directory: Path | str) -> "Bundle":
        """Read a bundle; BadBundle if there is none, or nothing that JSON can read."""
        path = Path(directory).absolute() / "config.json"
        try:
            config = json.loads(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            raise BadBundle(
                path, "", "there is no such file; a bundle has one"
            ) from None
        except ValueError as error:  # not JSON, or not even UTF-8
            raise BadBundle(path, "", f"not JSON: {error}") from None
        if not isinstance(config, dict):
            raise BadBundle(path, "", "expected a JSON object, {...}")
        return cls(path.parent, config)

    @classmethod
    def create(
        cls, directory: Path | str, *args: str, rootfs: Path | str = "rootfs"
    ) -> "Bundle":
        """A new one, to run `args` in `rootfs`; it is on disk once you `save()` it."""
        bundle = cls(Path(directory).absolute(), spec.default_config())
        return bundle._with("root", path=str(rootfs)).with_args(*(args or ("sh",)))

    # --- what it says

    @property
    def args(self) -> list[str]:
        """The command."""
        return list(self._process.get("args", []))

    @property
    def terminal(self) -> bool:
        """It wants a terminal, and so somebody who holds the other end of it."""
        return bool(self._process.get("terminal", False))

    @property
    def rootfs(self) -> Path:
        """The root file system's directory."""
        return self.directory / str(self.config["root"]["path"])

    def __str__(self) -> str:
        return f"bundle {self.directory.name}: {' '.join(map(str, self.args))}"

    __repr__ = __str__

    @property
    def _process(self) -> dict[str, Any]:
        """Its part of the config; one that cannot be valid yet can be printed."""
        process = self.config.get("process")
        return process if isinstance(process, dict) else {}

    # --- the same, but

    def with_args(self, *args: str) -> "Bundle":
        """Another command."""
        return self._with("process", args=list(args))

    def with_env(self, /, **variables: str) -> "Bundle":
        """More environment variables, or other values for those that are there."""
        old = self._part("process.env", [])
        kept = [word for word in old if str(word).partition("=")[0] not in variables]
        new = [f"{name}={value}" for name, value in variables.items()]
        return self._with("process", env=kept + new)

    def with_terminal(self, terminal: bool = True) -> "Bundle":
        """With a terminal, or without."""
        return self._with("process", terminal=terminal)

    def with_cwd(self, cwd: str) -> "Bundle":
        """Another working directory."""
        return self._with("process", cwd=cwd)

    def with_capabilities(self, *names: str) -> "Bundle":
        """These capabilities and no others.  capabilities(7)."""
        sets = {kind: list(names) for kind in ("bounding", "effective", "permitted")}
        return self._with("process", capabilities=sets)

    def with_rootfs(self, path: Path | str) -> "Bundle":
        """Another root file system."""
        return self._with("root", path=str(path))

    def with_readonly(self, readonly: bool = True) -> "Bundle":
        """A root file system that cannot be written, or one that can."""
        return self._with("root", readonly=readonly)

    def with_hostname(self, hostname: str) -> "Bundle":
        """Another host name."""
        changed = copy.deepcopy(self.config) | {"hostname": hostname}
        return replace(self, config=changed)

    def with_mount(
        self, source: Path | str, destination: str, *options: str, kind: str = "bind"
    ) -> "Bundle":
        """One mount more, by default a bind mount of a directory of ours."""
        options = ("rbind", *options) if kind == "bind" else options
        mount = {"destination": destination, "type": kind, "source": str(source)}
        mounts = [*self._part("mounts", []), mount | {"options": list(options)}]
        return replace(self, config=copy.deepcopy(self.config) | {"mounts": mounts})

    def with_limits(
        self,
        memory: int | None = None,
        pids: int | None = None,
        cpus: float | None = None,
    ) -> "Bundle":
        """At most so many bytes, processes, processors.  None: as it was.

        Swap is limited together with memory, or the memory limit would be none.
        """
        limits: dict[str, Any] = {}
        if memory is not None:
            limits["memory"] = {"limit": memory, "swap": memory}
        if pids is not None:
            limits["pids"] = {"limit": pids}
        if cpus is not None:
            limits["cpu"] = {"quota": int(cpus * 100_000), "period": 100_000}
        return self._with("linux", resources=self._part("linux.resources", {}) | limits)

    def with_cgroup(self, path: str) -> "Bundle":
        """In this cgroup, in every tree; `/` first counts from the trees' roots."""
        return self._with("linux", cgroupsPath=path)

    def without_namespaces(self, *kinds: str) -> "Bundle":
        """Not in namespaces of these kinds of its own, but in the host's."""
        old = self._part("linux.namespaces", [])
        kept = [
            it for it in old if not (isinstance(it, dict) and it.get("type") in kinds)
        ]
        return self._with("linux", namespaces=kept)

    def _with(self, part: str, **changes: Any) -> "Bundle":
        changed = self._part(part, {}) | changes
        return replace(self, config=copy.deepcopy(self.config) | {part: changed})

    def _part(self, field: str, empty: Part) -> Part:
        """A copy of `linux.resources`, say, if it is of the kind of `empty`; BadBundle."""
        owner, _, name = field.rpartition(".")
        holder = self._part(owner, {}) if owner else self.config
        part = holder.get(name, empty)
        if not isinstance(part, type(empty)):
            expected = "an object" if isinstance(empty, dict) else "a list"
            file = self.directory / "config.json"
            raise BadBundle(file, field, f"expected {expected}, not {part!r}")
        return copy.deepcopy(part)

    # --- on disk

    def validate(self) -> "Bundle":
        """Return it if a runtime could run it; BadBundle with the first problem."""
        for field, expected in spec.problems(self.config, self.directory):
            raise BadBundle(self.directory / "config.json", field, expected)
        return self

    def save(self, directory: Path | str | None = None) -> "Bundle":
        """Write config.json, by default where it was; return the bundle there."""
        target = Path(directory).absolute() if directory else self.directory
        moved = self if target == self.directory else self.with_rootfs(self.rootfs)
        make_private(target)
        text = json.dumps(moved.config, indent=2)
        write_atomically(target / "config.json", text.encode() + b"\n", durable=False)
        return replace(moved, directory=target)

    def for_container(self, id: str, home: Path, cgroup_parent: str) -> "Bundle":
        """This bundle as container `id` gets it: its own config.json, a shared rootfs.

        Two containers of one bundle would otherwise share a cgroup, and a limit.
        podman, containerd and CRI-O write a config.json for each container, too.
        NameTaken.
        """
        own = self.validate().with_cgroup(f"/{cgroup_parent}/{check_name(id)}")
        taken = f"there is a container {id!r} already: delete it, or take another id"
        with taking(make_private(home / "containers") / id, taken) as directory:
            return own.save(directory / "bundle")
