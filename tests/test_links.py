"""Pipes, sockets and terminals between processes; the children here are real."""

import os
import pty
import signal
import socket
import subprocess
from contextlib import ExitStack

import pytest
from eventually import eventually
from tmpfs import small_disk

from conman_lab.observe import procfs
from conman_lab.observe.links import NOTHING, links


@pytest.fixture
def started():
    """Start `sleep 600` with what is wanted as its descriptors, and end it."""
    children = []

    def start(**how):
        child = subprocess.Popen(["sleep", "600"], **how)
        children.append(child)
        eventually(lambda: procfs.command_of(child.pid) == ("sleep", "600"))
        return child.pid

    yield start
    for child in children:
        child.kill()
        child.wait()


def test_a_pipe_leads_from_who_writes_to_who_reads(started):
    r, w = os.pipe()
    writer, reader = started(stdout=w), started(stdin=r)
    os.close(r)
    os.close(w)
    said = str(links(writer, reader))
    assert said == "pipe    P1 sleep 600 (stdout) → P2 sleep 600 (stdin)"


def test_a_socket_that_was_handed_on_is_shared(started):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        one, two = started(stdin=theirs), started(stdin=theirs)
        said = str(links(one, two))
    assert said == "socket  P1 sleep 600 (stdin) and P2 sleep 600 (stdin)"


def test_a_terminal_joins_its_master_and_who_sits_at_it(started):
    master, slave = pty.openpty()
    at_it = started(stdin=slave, stdout=slave)
    holds_it = started(pass_fds=[master])
    said = str(links(at_it, holds_it))
    os.close(master)
    os.close(slave)
    assert said == "pty     P1 sleep 600 (stdin, stdout) and P2 sleep 600"


def test_a_fifo_is_a_pipe_with_a_name(started, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    fd = os.open(tmp_path / "fifo", os.O_RDWR)
    one, two = started(stdin=fd), started(stdout=fd)
    os.close(fd)
    assert str(links(one, two)).startswith("fifo    P1 sleep 600 (stdin)")


def test_who_shares_nothing_is_said_to(started):
    null = subprocess.DEVNULL
    one = started(stdin=null, stdout=null, stderr=null)
    two = started(stdin=null, stdout=null, stderr=null)
    assert str(links(one, two)) == NOTHING


def test_who_has_gone_shares_nothing(started):
    pid = started()
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: procfs.snapshot([pid])[pid].state == "Z")
    assert str(links(pid)) == NOTHING


@pytest.mark.needs_root
@pytest.mark.needs_runc
def test_a_container_writes_to_its_shim(runtime, bundle):
    from conman_lab.shim.launcher import Shim

    container = Shim(runtime).create("web", bundle("hello", "sleep", "600").directory)
    container.start()
    eventually(lambda: procfs.command_of(container.pid)[:1] == ("sleep",))
    said = str(links(container)).splitlines()
    container.delete()
    assert said == [
        "pipe    P2 sleep 600 (stderr) → P1 shim:web",
        "pipe    P2 sleep 600 (stdout) → P1 shim:web",
    ]


@pytest.mark.needs_root
def test_two_fifos_of_one_number_are_two(started, tmp_path):
    """A file system counts its own inodes: two small disks, and the first file of each."""
    numbers, pids = set(), []
    with ExitStack() as stack:
        for name in ("one", "two"):
            disk = stack.enter_context(small_disk(tmp_path / name, "64k"))
            os.mkfifo(disk / "fifo")
            numbers.add((disk / "fifo").stat().st_ino)
            with (disk / "fifo").open("r+b", 0) as fifo:
                pids.append(started(stdin=fifo))
        assert len(numbers) == 1
        assert str(links(*pids)) == NOTHING
