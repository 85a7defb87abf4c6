"""What a machine can say of the style, with the versions that the lock file has."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from conman_lab import places


@pytest.mark.parametrize("words", ["ruff check", "ruff format --check", "mypy"])
def test_it_has_nothing_to_say(words):
    tool, *arguments = words.split()
    if find_spec(tool) is None:
        pytest.skip(f"needs {tool}")
    command = [sys.executable, "-m", tool, *arguments]
    done = subprocess.run(
        command,
        cwd=places.COURSE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
