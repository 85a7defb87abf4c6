"""Each sharp tool has one place, and what is read in a cell stays short."""

import ast
import re
import sys
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest
from test_floors import LEVEL, ROOT, modules, room_of


@dataclass(frozen=True)
class Tool:
    """What may cut, how it is recognized, and where it may be used."""

    name: str
    pattern: str
    places: tuple[str, ...]
    example: str

    def is_in(self, source: str) -> bool:
        """Some line uses it."""
        return re.search(self.pattern, source, re.MULTILINE) is not None


def imported(*names: str) -> str:
    """The pattern of a line that imports one of `names`."""
    return rf"^\s*(import|from) ({'|'.join(names)})\b"


TOOLS = (
    Tool("ctypes", imported("ctypes"), ("linux.py",), "import ctypes"),
    Tool("fork", r"\bos\.fork(pty)?\(|\bpty\.fork\(", ("shim/*",), "if os.fork():"),
    Tool(
        "waitpid",
        r"\bos\.(waitpid|wait|wait3|wait4|waitid)\(",
        (
            "shim/reaper.py",
            "shim/zygote.py",  # it has one child at a time, and nothing else to do
            "pitfalls/stolen_exit.py",  # what it does beside Popen is the experiment
        ),
        "os.waitpid(-1, 0)",
    ),
    Tool(
        "subprocess",
        imported("subprocess", "multiprocessing"),
        (
            "oci/program.py",  # calls the runtime
            "shim/launch.py",  # starts a shim
            "shim/warm.py",  # starts what forks shims
            "adapters/*",  # are called, and call, as other people's programs
            "conformance/conmon.py",  # starts the oracle
            "pitfalls/manager.py",  # a manager of its own, for an experiment to kill
            "lab/started.py",  # starts what a lab asks for, and notes it first
            "lab/workspace.py",  # catches a time-out of those
            "lab/diagnosis.py",  # the doctor believes what it has tried
            "lab/benches/cat.py",  # starts the reference, cat(1)
            "lab/benches/peers.py",  # starts other people's engines
            "lab/runner.py",  # a notebook's kernel is a process of its own
            "exercises/*",  # what a learner may write
        ),
        "import subprocess",
    ),
    Tool("os.system", r"\bos\.(system|popen|spawn\w+)\(", (), "os.system('runc')"),
    Tool(
        "netlink",
        r"\bAF_NETLINK\b|\bNETLINK_\w+",
        ("observe/procevents.py",),
        "socket.socket(socket.AF_NETLINK)",
    ),
    Tool(
        "widgets",
        imported("ipywidgets", "anywidget", "matplotlib", "IPython"),
        ("views/*",),
        "    from ipywidgets import HTML",
    ),
    Tool(
        "signals by name",
        r"\b(pkill|killall|pidof)\b",
        (),
        "run(['pkill', 'sleep'])",
    ),
)

SOURCES = {str(path.relative_to(ROOT)): path for path in modules().values()}
LONGEST_MODULE, LONGEST_FUNCTION = 220, 40  # lines, with their docstrings
LONGER = {
    "oci/runtime.py": 270,  # the verbs of one program, of which each is a few lines
    "manager/client.py": 240,  # a manager's methods, of which each is a few lines
}
HEAVY = ("ipywidgets", "anywidget", "matplotlib")
STORY = ("oci", "naive", "pitfalls", "shim", "manager")
AT_THE_DOOR = {  # of the manager: what each of its rooms may import besides
    "manager/wire/*": {"google", "h2"},
    "manager/conmand/*": {"grpclib", "h2", "h11", "wsproto"},
    "manager/conmanctl/*": {"google"},
}


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_sharp_tool_has_one_place(tool):
    users = {name for name, path in SOURCES.items() if tool.is_in(path.read_text())}
    elsewhere = {
        user for user in users if not any(fnmatch(user, at) for at in tool.places)
    }
    assert elsewhere == set()


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_sharp_tool_would_be_found(tool):
    assert tool.is_in(f"import os\n{tool.example}\n")


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_heavy_is_imported_when_it_is_needed(name):
    """A view costs its reader a second of imports, so nobody else pays for it."""
    body = ast.parse(SOURCES[name].read_text()).body
    assert not {module for module in top_level(body) if module in HEAVY}


@pytest.mark.parametrize("name", [n for n in modules() if room_of(n) in STORY])
def test_the_story_needs_the_standard_library_only(name):
    path = modules()[name]
    file = str(path.relative_to(ROOT))
    doors = [tools for at, tools in AT_THE_DOOR.items() if fnmatch(file, at)]
    allowed = set(sys.stdlib_module_names).union({"conman_lab"}, *doors)
    tree = ast.parse(path.read_text())
    assert set(top_level(ast.walk(tree))) - allowed == set()


@pytest.mark.parametrize("name", [n for n in modules() if LEVEL.get(room_of(n)) == 0])
def test_the_floor_needs_the_standard_library_only(name):
    tree = ast.parse(modules()[name].read_text())
    foreign = set(top_level(ast.walk(tree))) - set(sys.stdlib_module_names)
    assert foreign <= {"conman_lab"}


@pytest.mark.parametrize("name", SOURCES)
def test_a_module_is_read_at_a_sitting(name):
    lines = len(SOURCES[name].read_text().splitlines())
    assert lines <= LONGER.get(name, LONGEST_MODULE)


@pytest.mark.parametrize("name", SOURCES)
def test_a_function_fits_on_a_screen(name):
    tree = ast.parse(SOURCES[name].read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    long = [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, functions)
        and node.end_lineno - node.lineno >= LONGEST_FUNCTION
    ]
    assert long == []


@pytest.mark.parametrize("name", SOURCES)
def test_a_module_opens_with_its_map(name):
    """A room's __init__ may be empty: the package's docstring is the map then."""
    source = SOURCES[name].read_text()
    empty = Path(name).name == "__init__.py" and not source.strip()
    assert empty or ast.get_docstring(ast.parse(source))


def top_level(nodes):
    """The first names of what these nodes import, relative imports left out."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]
