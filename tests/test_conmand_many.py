"""Many containers outlive a SIGKILL of conmand, and of those that end then none is lost.

Twenty of which five end, by default; CONMAN_LAB_KEPT=500 asks for more, of which every
tenth ends.
"""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from conmands import rootfs
from eventually import eventually

from conman_lab.identity import Identity
from conman_lab.linux import Exit
from conman_lab.manager.container import Status

KEPT = int(os.environ.get("CONMAN_LAB_KEPT", "20"))
ENDING = max(KEPT // 10, 5)
AT_A_TIME = 4
# `read` of a fifo that nobody writes to sleeps without a second process.
SCRIPT = "trap 'exit {0}' TERM; mkfifo /tmp/f; echo ready; read line <>/tmp/f"
pytestmark = [pytest.mark.needs_root, pytest.mark.needs_runc]


def all_of(deed, numbers):
    """Do it for each number, some at a time; in their order."""
    with ThreadPoolExecutor(AT_A_TIME) as threads:
        return [*threads.map(deed, numbers)]


def end_of(number):
    """Every second one is killed, the others return their number."""
    return Exit(signal=9) if number % 2 else Exit(code=number % 256)


def begin(client, root, number):
    """Start one, and wait until it would hear a signal; its first process."""
    name, script = f"it_{number}", SCRIPT.format(number % 256)
    client.create(name, root, "sh", "-c", script, readonly=False)
    pid = client.start(name).pid
    with closing(client.logs(name, follow=True)) as records:
        assert str(next(records)) == "ready"
    return Identity.of(pid)


def test_all_are_kept_and_every_exit_is_right(daemon, bundle):
    daemon.start()
    client, root = daemon.client, rootfs(bundle)
    processes = all_of(lambda number: begin(client, root, number), range(KEPT))
    before = client.list()
    assert len(before) == KEPT
    daemon.kill()
    for number in range(ENDING):
        ends = signal.SIGKILL if number % 2 else signal.SIGTERM
        processes[number].signal(ends)
    told = [Path(it.log_path).with_name("exit") for it in before]
    ending = [path for path, it in zip(told, before, strict=True) if is_ending(it)]
    eventually(lambda: all(path.exists() for path in ending), timeout=60)

    daemon.start()
    client = daemon.client
    after = {it.name: it for it in client.list()}
    assert after.keys() == {it.name for it in before}
    for number in range(KEPT):
        it = after[f"it_{number}"]
        if number < ENDING:
            how = client.wait(it.name, 0)
            assert (it.status, how) == (Status.EXITED, end_of(number))
        else:
            assert it.status == Status.RUNNING
            assert processes[number].alive
    all_of(lambda number: client.remove(f"it_{number}", force=True), range(KEPT))
    assert client.list() == []


def is_ending(container):
    """One of those that are to end."""
    return int(container.name.removeprefix("it_")) < ENDING
