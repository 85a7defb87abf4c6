"""The real conmon as a launcher: what it tells, and what it cannot."""

import os
import pickle
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from facts import ends

from conman_lab.conformance.conmon import to_exit
from conman_lab.errors import ExitLost, LaunchFailed
from conman_lab.oci import Bundle
from conman_lab.stream import Stream

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_runc]


@pytest.fixture
def create(conmon, bundle):
    """Create a container of a bundle, perhaps with another command; deleted later."""
    created = []

    def make(name, *args, **changes):
        ready = bundle(name, *args)
        launcher = replace(conmon, **changes)
        created.append(launcher.create(f"c{len(created)}", ready.directory))
        return created[-1]

    yield make
    for container in created:
        container.delete()


def test_it_runs_a_container_from_its_creation_to_its_end(create):
    container = create("exiter", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert os.readlink(f"/proc/{container.keeper}/exe") == "/usr/bin/conmon"
    assert container.attach_socket.is_socket()
    container.start()
    how = container.wait(5)
    assert str(how) == "exit code 7"
    assert abs(how.at - time.time()) < 5
    assert container.output(Stream.STDOUT) == b"out\n"
    assert container.output(Stream.STDERR) == b"err\n"


def test_a_terminal_is_conmon_s_too(create):
    container = create("shell", "tty")
    container.start()
    assert container.wait(5).ok
    assert container.output(Stream.STDOUT) == b"/dev/pts/0\r\n"


def test_out_of_memory_is_told(create):
    container = create("eater")
    container.start()
    assert str(container.wait(5)) == "killed by SIGKILL: out of memory"


def test_a_failure_is_told_in_the_runtime_s_words_and_leaves_nothing(conmon, bundle):
    with pytest.raises(LaunchFailed, match=r"^runc create failed: .*not found in"):
        conmon.create("bad", bundle("hello", "no-such-program").directory)
    assert list((conmon.home / "containers").iterdir()) == []
    assert conmon.runtime.list() == []


def test_what_conmon_itself_refuses_is_told_in_its_words(conmon, bundle):
    nowhere = replace(conmon.runtime, program=Path("/no/runc"))
    with pytest.raises(LaunchFailed, match=r"Runtime path /no/runc is not valid"):
        replace(conmon, runtime=nowhere).create("bad", bundle("hello").directory)


def test_no_conmon_is_a_launch_that_failed(conmon, bundle):
    missing = replace(conmon, program="/no/conmon")
    assert not missing.installed
    with pytest.raises(LaunchFailed, match=r"cannot start conmon: .*No such file"):
        missing.create("bad", bundle("hello").directory)


def test_a_runtime_that_hangs_is_given_up_and_ended(conmon, bundle):
    hanging = conmon.home / "hanging"
    hanging.write_text('#!/bin/sh\ncase "$*" in *create*) exec sleep 1000; esac\n')
    hanging.chmod(0o700)
    slow = replace(conmon, runtime=replace(conmon.runtime, program=hanging))
    slow = replace(slow, deadline=0.2)
    with pytest.raises(LaunchFailed, match=r"reported nothing in 0\.2 s"):
        slow.create("slow", bundle("hello").directory)
    assert list((conmon.home / "containers").iterdir()) == []


def test_wait_ends_when_conmon_is_gone(create):
    container = create("sleeper")
    container.start()
    with pytest.raises(TimeoutError, match=r"c0 did not end in 0\.05 s"):
        container.wait(0.05)
    container.shim.signal(signal.SIGKILL)
    with pytest.raises(ExitLost, match="the conmon of c0 died before"):
        container.wait(5)


def test_delete_leaves_nothing_of_what_runs(conmon, create):
    container = create("stubborn")
    container.start()
    pid, keeper = container.pid, container.keeper
    container.delete()
    assert ends(pid)
    assert ends(keeper)
    assert list((conmon.home / "containers").iterdir()) == []
    assert conmon.runtime.list() == []
    container.delete()  # twice does no harm


def test_its_options_reach_it(create):
    container = create("sleeper", durable=False, log_size=4096)
    arguments = Path(f"/proc/{container.keeper}/cmdline").read_text()
    assert "\0--no-sync-log\0" in arguments
    assert "\0--log-size-max\0004096\0" in arguments


def test_a_number_over_128_is_taken_for_a_signal():
    assert (to_exit(137, 0, oom=False).signal, to_exit(192, 0, oom=False).signal) == (
        9,
        64,
    )
    assert [to_exit(n, 0, oom=False).code for n in (0, 128, 193, 255)] == [
        *(0, 128, 193, 255)
    ]


def test_a_launcher_can_be_handed_to_another_process(conmon):
    assert pickle.loads(pickle.dumps(conmon)) == conmon


def test_the_bundle_stays_as_it_was(conmon, bundle):
    ready = bundle("hello")
    conmon.create("one", ready.directory).delete()
    assert Bundle.load(ready.directory) == ready
