"""Of one and the same run, the connector and strace(1) tell the same story."""

import shlex
import shutil
import subprocess

import pytest
import strace

from conman_lab.observe import trace
from conman_lab.observe.events import Kind

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_runc]
STAGES = ["runc:[0:PARENT]", "runc:[1:CHILD]", "runc:[2:INIT]"]


@pytest.fixture
def both(runtime, bundle, tmp_path):
    """A container of `hello`, created and started, and seen by both."""
    if shutil.which("strace") is None:
        pytest.skip("there is no strace: apt-get install strace")
    own = runtime.place("web", bundle("hello"))
    create = runtime.command("create", "--bundle", str(own.directory), "web")
    start = runtime.command("start", "web")
    script = f"{shlex.join(create)} && {shlex.join(start)}"
    file = tmp_path / "strace"
    with trace() as t:
        done = subprocess.run(
            [*strace.WATCH, "-o", file, "sh", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=60,
        )
    assert done.returncode == 0
    if t.source != "process connector":
        pytest.skip(t.source)
    assert t.lost == 0
    return t, strace.read(file)


def test_the_connector_says_what_strace_says(both):
    """Every process, its parent, its programs, its names and its end."""
    t, theirs = both
    ours = {life.pid: life for life in t.lives() if life.pid in theirs}
    by_key = {life.key: life for life in t.lives()}
    assert set(ours) == set(theirs)
    for pid, life in ours.items():
        seen = theirs[pid]
        execs = [p for p in life.phases if p.kind is Kind.EXEC]
        names = [p.words[0] for p in life.phases if p.kind is Kind.COMM]
        if seen.parent is not None:
            assert by_key[life.parent].pid == seen.parent
        assert [phase.words[-1] for phase in execs][-len(seen.execs) :] == seen.execs
        assert names == seen.names
        assert str(life.exit) == seen.end


def test_both_see_the_stages_of_runc_init_in_their_order(both):
    t, theirs = both
    ours = [life for life in t.lives() if life.pid in theirs]
    for names in (
        [name for life in ours for name in life.titles if name in STAGES],
        [name for seen in theirs.values() for name in seen.names if name in STAGES],
    ):
        assert names == STAGES
    _shell, create, parent, child, init, start = ours
    assert create.titles == ["runc … create --bundle …/bundle web"]
    assert start.titles == ["runc … start web"]
    assert {life.parent for life in (parent, child, init)} == {create.key}
    assert init.titles == [STAGES[2], "echo Hello from a container"]
    born = [life.born_at for life in (create, parent, child, init)]
    assert born == sorted(born)
    assert [adoption.adopter for adoption in init.adoptions] == [None]
    assert init.adoptions[0].at == create.ended_at
