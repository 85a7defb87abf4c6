"""What an import costs: nothing for the package, little for what runs by the hundred.

Each test is a fresh interpreter without site-packages (`-I -S`): what is imported there
is of the standard library, or it is not found.
"""

import subprocess
import sys

import pytest
from test_floors import FLOOR, ROOT, room_of

STORY = ("oci", "naive", "pitfalls", "shim", "manager")
LIGHT = ("record", "linux", "stream", "files", "identity")  # what a shim needs of it
NEVER_IN_A_SHIM = (
    *("asyncio", "subprocess", "argparse", "tempfile", "logging", "multiprocessing"),
    *("dataclasses", "inspect", "pathlib", "typing"),
)
SHIM = "conman_lab.shim.__main__"
PARTS = "conman_lab.shim.parts"  # what it imports while its runtime is busy
ONLY_IF_WANTED = ("stdin", "console")  # rooms of the shim, and what those bring
THEIRS = ("fcntl", "termios")
SLOW = ("signal", "enum", "functools", "collections", "contextlib", "socket")

ASK = """
import sys
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
import {module}
print(*sorted(set(sys.modules) - before))
"""


def imported_by(module: str) -> set[str]:
    """Everything that importing `module` adds to a bare interpreter."""
    command = [sys.executable, "-I", "-S", "-c", ASK.format(module=module)]
    done = subprocess.run([*command, ROOT.parent], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_package_pulls_in_nothing_beyond_itself():
    assert imported_by("conman_lab") == {"conman_lab"}


@pytest.mark.parametrize("module", FLOOR)
def test_the_floor_needs_no_site_packages(module):
    assert f"conman_lab.{module}" in imported_by(f"conman_lab.{module}")


@pytest.mark.parametrize("module", ["cli", "clean", "doctor"])
def test_what_looks_and_cleans_before_set_up_needs_no_site_packages(module):
    assert f"conman_lab.lab.{module}" in imported_by(f"conman_lab.lab.{module}")


@pytest.mark.parametrize("module", LIGHT)
def test_what_a_shim_needs_of_the_floor_is_light(module):
    assert imported_by(f"conman_lab.{module}") & set(NEVER_IN_A_SHIM) == set()


@pytest.mark.parametrize("room", [room for room in STORY if (ROOT / room).is_dir()])
def test_a_room_of_the_story_needs_no_site_packages(room):
    assert f"conman_lab.{room}" in imported_by(f"conman_lab.{room}")


def test_the_runtime_pulls_in_no_other_room():
    """Whoever wants `oci` alone pays for `oci` alone."""
    rooms = {room_of(name) for name in imported_by("conman_lab.oci")}
    assert rooms - {None} - set(FLOOR) == {"oci"}


def test_naive_pulls_in_no_other_room():
    rooms = {room_of(name) for name in imported_by("conman_lab.naive")}
    assert rooms - {None} - set(FLOOR) == {"oci", "naive"}


@pytest.mark.parametrize("module", NEVER_IN_A_SHIM)
def test_a_running_shim_has_not_imported(module):
    """Each import is paid once for each container: the peers are written in C and Rust."""
    assert module not in imported_by(f"{SHIM}, {PARTS}")


@pytest.mark.parametrize("room", ONLY_IF_WANTED)
def test_a_shim_pays_for_stdin_and_a_terminal_only_if_its_container_has_one(room):
    assert f"conman_lab.shim.{room}" not in imported_by(f"{SHIM}, {PARTS}")
    assert imported_by(f"{SHIM}, {PARTS}") & set(THEIRS) == set()


@pytest.mark.parametrize("room", ONLY_IF_WANTED)
@pytest.mark.parametrize("module", NEVER_IN_A_SHIM)
def test_nor_do_those_import(module, room):
    assert module not in imported_by(f"conman_lab.shim.{room}")


@pytest.mark.parametrize("module", SLOW)
def test_a_shim_starts_its_runtime_before_it_has_imported(module):
    """What the runtime has to wait for, the user waits for."""
    assert module not in imported_by(SHIM)
