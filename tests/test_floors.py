"""Imports go down only: the rooms of conman_lab, and who may look at whom."""

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import conman_lab

ROOT = Path(conman_lab.__file__).parent

FLOOR = (
    *("errors", "record", "linux", "stream", "files", "identity", "names", "places"),
    *("launcher", "checks", "spans", "alone"),
)
FLOORS = (  # a room may import what stands above it in this list, and itself
    FLOOR,
    ("oci", "observe"),
    ("naive",),
    ("pitfalls", "shim"),
    ("manager",),
    ("conformance", "views"),
    ("exercises", "lab", "adapters", "microvm"),
)
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        kept = [part for part in parts if part != "__init__"]
        found[".".join(["conman_lab", *kept])] = path
    return found


def imports(module: str, path: Path, source: str) -> Iterator[str]:
    """What of conman_lab it imports, wherever in the source: full dotted names."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            base = ".".join(part for part in (above, node.module) if part)
            yield from (f"{base}.{name.name}" for name in node.names)


def room_of(name: str) -> str | None:
    """The room that a dotted name is in; None for the package itself or another's."""
    parts = name.split(".")
    return parts[1] if parts[0] == "conman_lab" and len(parts) > 1 else None


def wrong_imports(module: str, path: Path, source: str) -> list[str]:
    """The imports that go up, or across."""
    room = room_of(module)
    wrong = []
    for name in imports(module, path, source):
        target = room_of(name)
        if target is None or target == room or {room, target} <= set(FLOOR):
            continue
        if room is None or LEVEL[target] >= LEVEL[room]:
            wrong.append(f"{module} imports {name}")
    return wrong


def test_every_room_has_its_floor():
    rooms = {room for name in modules() if (room := room_of(name))}
    assert rooms - set(LEVEL) == set(), "name the room in FLOORS, and in the map"


@pytest.mark.parametrize("module", modules())
def test_imports_go_down_only(module):
    path = modules()[module]
    assert wrong_imports(module, path, path.read_text()) == []


def test_the_package_itself_imports_nothing():
    tree = ast.parse((ROOT / "__init__.py").read_text())
    assert [type(node) for node in tree.body] == [ast.Expr], "a docstring alone"


def test_no_two_modules_need_each_other():
    """Reading order is dependency order, so there must be one."""
    known = modules()
    needs = {
        module: {
            name if name in known else name.rpartition(".")[0]
            for name in imports(module, path, path.read_text())
        }
        & set(known)
        for module, path in known.items()
    }
    graphlib.TopologicalSorter(needs).prepare()


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("conman_lab.linux", "from conman_lab.oci import Bundle"),
        ("conman_lab.oci.runtime", "from ..naive import Naive"),
        ("conman_lab.oci.runtime", "def f():\n    from conman_lab import shim"),
        ("conman_lab.pitfalls.orphan", "import conman_lab.shim.reaper"),
        ("conman_lab.pitfalls.orphan", "from ..shim import reaper"),
        ("conman_lab.shim.launch", "from conman_lab.pitfalls import orphan"),
        ("conman_lab.observe.trace", "from conman_lab.views import tree"),
        ("conman_lab.shim.launch", "from conman_lab.manager.store import Store"),
        ("conman_lab.adapters.conmon", "from conman_lab.lab import Lab"),
    ],
)
def test_an_import_that_goes_up_or_across_is_seen(module, source):
    assert len(wrong_imports(module, Path("module.py"), source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("conman_lab.files", "from . import linux"),
        ("conman_lab.checks", "from .launcher import Launcher"),
        ("conman_lab.oci.runtime", "from conman_lab import places"),
        ("conman_lab.oci.runtime", "from .bundle import Bundle"),
        ("conman_lab.pitfalls.orphan", "from ..naive import Naive"),
        ("conman_lab.conformance.matrix", "from conman_lab.shim.launcher import Shim"),
        ("conman_lab.lab.cli", "import os, sys\nfrom ctypes import util"),
    ],
)
def test_an_import_that_goes_down_is_let_through(module, source):
    assert wrong_imports(module, Path("module.py"), source) == []
