"""The shortest way to run a container works, as long as nothing happens."""

import os
import pickle
import signal
from pathlib import Path

import pytest
from eventually import eventually
from facts import ends, state_of

from conman_lab.errors import ExitLost, LaunchFailed, RuntimeFailed
from conman_lab.naive import Naive
from conman_lab.stream import Stream


@pytest.fixture
def naive(runtime):
    return Naive(runtime)


@pytest.fixture
def create(naive, bundle):
    """Create a container of a bundle, perhaps with another command; deleted later."""
    created = []

    def make(name, *args):
        ready = bundle(name, *args)
        container = naive.create(f"n{len(created)}", ready.directory)
        created.append(container)
        return container

    yield make
    for container in created:
        container.delete()


def descriptors():
    return set(os.listdir("/proc/self/fd"))


def test_a_container_lives_and_its_output_comes(create):
    container = create("hello")
    assert Path(f"/proc/{container.pid}/comm").read_text() == "runc:[2:INIT]\n"
    container.start()
    assert container.output(Stream.STDOUT) == b"Hello from a container\n"
    assert container.output(Stream.STDERR) == b""


def test_the_streams_stay_apart(create):
    container = create("hello", "sh", "-c", "echo out; echo err >&2")
    container.start()
    assert container.output(Stream.STDERR) == b"err\n"
    assert container.output(Stream.STDOUT) == b"out\n"


def test_nobody_stays_with_it(create):
    """Its parent is whoever adopts orphans here, and so we cannot wait for it."""
    container = create("sleeper")
    assert (container.keeper, container.log, container.attach_socket) == (None,) * 3
    with pytest.raises(ChildProcessError):  # ECHILD: it is no child of ours
        os.waitpid(container.pid, os.WNOHANG)


def test_it_sees_the_end_and_not_how(create):
    container = create("exiter")
    container.start()
    with pytest.raises(ExitLost, match="has stopped, and how is known only to"):
        container.wait(5)


def test_it_waits_no_longer_than_it_was_told(create):
    container = create("sleeper")
    container.start()
    with pytest.raises(TimeoutError, match=r"n0 did not end in 0\.05 s"):
        container.wait(0.05)
    assert state_of(container.pid) in "RS"


def test_kill_goes_through_the_runtime(create):
    container = create("sleeper")
    container.start()
    container.kill(signal.SIGKILL)
    assert ends(container.pid)
    with pytest.raises(RuntimeFailed, match="runc kill, exit status 1"):
        container.kill(signal.SIGKILL)


@pytest.mark.parametrize("started", [True, False])
def test_delete_leaves_nothing(naive, create, started):
    before = descriptors()
    container = create("stubborn")
    if started:
        container.start()
    container.delete()
    assert eventually(lambda: state_of(container.pid) in ("", "Z"))
    assert naive.runtime.list() == []
    assert list((naive.home / "containers").iterdir()) == []
    assert descriptors() == before
    container.delete()  # twice does no harm


def test_what_cannot_be_created_is_told_and_leaves_nothing(naive, bundle):
    before = descriptors()
    with pytest.raises(LaunchFailed) as caught:
        naive.create("bad", bundle("hello", "no-such-program").directory)
    assert str(caught.value).startswith("runc create, exit status 1: ")
    assert "executable file not found" in str(caught.value)
    assert isinstance(caught.value.__cause__, RuntimeFailed)
    assert naive.runtime.list() == []
    assert descriptors() == before


def test_no_bundle_no_name_and_no_socket_are_launches_that_failed(
    naive, bundle, tmp_path
):
    cases = [
        ("one", tmp_path, "there is no such file; a bundle has one"),
        ("a b", bundle("hello").directory, "is no name"),
        ("one", bundle("shell").directory, "give a console socket"),
    ]
    for id, directory, words in cases:
        with pytest.raises(LaunchFailed, match=words):
            naive.create(id, directory)


def test_a_launcher_can_be_handed_to_another_process(naive):
    assert pickle.loads(pickle.dumps(naive)) == naive
    assert (naive.name, naive.home) == ("Naive", naive.runtime.home)
