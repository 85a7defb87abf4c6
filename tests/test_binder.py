"""What a Binder is told; build_binder.py builds it, which takes minutes and a network."""

import os
import subprocess
import tomllib

from conman_lab import places

BINDER = places.COURSE / "binder"


def test_it_asks_for_a_python_that_will_do():
    """Its own default is older than ours."""
    project = tomllib.loads((places.COURSE / "pyproject.toml").read_text())
    asked = (BINDER / "runtime.txt").read_text().strip().removeprefix("python-")
    assert f">={asked}" == project["project"]["requires-python"]


def test_its_scripts_are_programs_and_fail_if_a_step_does():
    for name in ("postBuild", "start"):
        script = BINDER / name
        assert os.access(script, os.X_OK)
        assert "\nset -eu\n" in script.read_text()
        assert subprocess.run(["bash", "-n", script]).returncode == 0


def test_start_becomes_what_it_is_given_and_that_replays():
    say = [
        "python3",
        "-c",
        "import os, sys; print(os.environ['CONMAN_LAB_MODE'], sys.argv)",
    ]
    done = subprocess.run(
        [BINDER / "start", *say, "a b", "c"], capture_output=True, text=True
    )
    assert done.stdout == "replay ['-c', 'a b', 'c']\n"
    exits = subprocess.run([BINDER / "start", "sh", "-c", "exit 7"])
    assert exits.returncode == 7


def test_it_installs_what_is_locked_and_the_course_where_its_notebooks_are():
    script = (BINDER / "postBuild").read_text()
    assert "--no-deps --require-hashes -r requirements.lock" in script
    assert "--no-deps --no-build-isolation -e ." in script
