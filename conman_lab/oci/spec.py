"""What the OCI runtime-spec asks of a config.json: one good one, and the rules.

The rules are explicit, and not a JSON schema's, for two reasons: the schema cannot look
at the file system (is there a rootfs?) or across fields (a relative cwd), and its
messages speak of anyOf and $ref, ours of the field.
https://github.com/opencontainers/runtime-spec/blob/v1.1.0/config.md
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

VERSION = "1.0.2"
NAMESPACES = ("pid", "network", "ipc", "uts", "mount", "cgroup", "user", "time")
CAPABILITY_SETS = ("bounding", "effective", "permitted", "inheritable", "ambient")
CAPABILITIES = ("CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE")

Problem = tuple[str, str]  # the field, and what is expected of it
Config = Mapping[str, Any]


def default_config() -> dict[str, Any]:
    """The least that is a container: own namespaces, a few mounts, few capabilities."""
    return {
        "ociVersion": VERSION,
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": ["sh"],
            "env": ["PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/"],
            "cwd": "/",
            "capabilities": {
                name: list(CAPABILITIES)
                for name in ("bounding", "effective", "permitted")
            },
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "container",
        "mounts": [
            _mount("/proc", "proc"),
            _mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            _mount("/dev/pts", "devpts", *_DEVPTS),
            _mount("/dev/shm", "tmpfs", "nosuid", "noexec", "nodev", "mode=1777"),
            _mount("/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"),
            _mount("/tmp", "tmpfs", "nosuid", "nodev", "mode=1777", "size=65536k"),
        ],
        "linux": {
            "namespaces": [{"type": kind} for kind in NAMESPACES[:5]],
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/sys/firmware"],
            "readonlyPaths": ["/proc/sys", "/proc/sysrq-trigger", "/proc/irq"],
        },
    }


_DEVPTS = ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5")


def _mount(destination: str, kind: str, *options: str) -> dict[str, Any]:
    mount = {"destination": destination, "type": kind, "source": kind}
    return mount | ({"options": list(options)} if options else {})


def problems(config: Config, directory: Path) -> Iterator[Problem]:
    """All that a runtime would refuse, in the order of the file."""
    yield from _version(config)
    yield from _process(config.get("process"))
    yield from _root(config.get("root"), directory)
    yield from _mounts(config.get("mounts", []))
    yield from _linux(config.get("linux", {}))


def _version(config: Config) -> Iterator[Problem]:
    version = config.get("ociVersion")
    if not isinstance(version, str) or not version.startswith("1."):
        yield "ociVersion", f"expected a version of the spec as '{VERSION}'"


def _process(process: Any) -> Iterator[Problem]:
    if not isinstance(process, dict):
        yield "process", "expected an object with args and cwd"
        return
    args = process.get("args")
    if not isinstance(args, list) or not args:
        yield "process.args", "expected the command: a list with at least one word"
    else:
        yield from _strings("process.args", args)
    yield from _environment(process.get("env", []))
    if not str(process.get("cwd", "")).startswith("/"):
        yield "process.cwd", "expected an absolute path in the container, as '/'"
    if not isinstance(process.get("terminal", False), bool):
        yield "process.terminal", "expected true or false"
    yield from _capabilities(process.get("capabilities", {}))


def _environment(env: Any) -> Iterator[Problem]:
    if not isinstance(env, list):
        yield "process.env", "expected a list of strings as 'NAME=value'"
        return
    yield from _strings("process.env", env)
    for index, word in enumerate(env):
        if isinstance(word, str) and "=" not in word:
            yield f"process.env[{index}]", f"expected NAME=value, not {word!r}"


def _capabilities(sets: Any) -> Iterator[Problem]:
    if not isinstance(sets, dict):
        yield "process.capabilities", f"expected an object of {_list(CAPABILITY_SETS)}"
        return
    for name, capabilities in sets.items():
        field = f"process.capabilities.{name}"
        if name not in CAPABILITY_SETS:
            yield field, f"unknown set; expected one of {_list(CAPABILITY_SETS)}"
        elif not isinstance(capabilities, list):
            yield field, "expected a list of names as 'CAP_KILL'"
        else:
            yield from _capability_names(field, capabilities)


def _capability_names(field: str, names: list[Any]) -> Iterator[Problem]:
    for index, name in enumerate(names):
        if not isinstance(name, str) or not name.startswith("CAP_"):
            yield f"{field}[{index}]", f"expected a name as 'CAP_KILL', not {name!r}"


def _root(root: Any, directory: Path) -> Iterator[Problem]:
    if not isinstance(root, dict) or not isinstance(root.get("path"), str):
        yield "root.path", "expected the directory of the root file system"
        return
    rootfs = directory / root["path"]
    if not rootfs.exists():
        yield "root.path", f"there is no {rootfs}: build it, or name another directory"
    elif not rootfs.is_dir():
        yield "root.path", f"{rootfs} is not a directory"


def _mounts(mounts: Any) -> Iterator[Problem]:
    if not isinstance(mounts, list):
        yield "mounts", "expected a list of objects"
        return
    for index, mount in enumerate(mounts):
        destination = mount.get("destination") if isinstance(mount, dict) else None
        if not isinstance(destination, str) or not destination.startswith("/"):
            expected = "expected where to mount it: an absolute path in the container"
            yield f"mounts[{index}].destination", expected


def _linux(linux: Any) -> Iterator[Problem]:
    if not isinstance(linux, dict):
        yield "linux", "expected an object"
        return
    namespaces = linux.get("namespaces", [])
    if not isinstance(namespaces, list):
        yield "linux.namespaces", "expected a list of objects"
        return
    for index, namespace in enumerate(namespaces):
        kind = namespace.get("type") if isinstance(namespace, dict) else None
        if kind not in NAMESPACES:
            expected = f"unknown namespace {kind!r}; expected one of "
            yield f"linux.namespaces[{index}].type", expected + _list(NAMESPACES)


def _strings(field: str, words: list[Any]) -> Iterator[Problem]:
    for index, word in enumerate(words):
        if not isinstance(word, str):
            yield f"{field}[{index}]", f"expected a string, not {word!r}"


def _list(words: tuple[str, ...]) -> str:
    return ", ".join(words)
