"""A container's last moments, in their order, however busy its shim is."""

import os
import re
import resource
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from facts import ends, reads
from shims import out

from conman_lab.identity import Identity
from conman_lab.linux import Exit
from conman_lab.shim.kept import wait_for_end

LAST_WORDS = "i=0; while [ $((i += 1)) -le 1000 ]; do echo line $i; done; printf end"


@pytest.mark.parametrize(("name", "newline"), [("hello", b"\n"), ("shell", b"\r\n")])
def test_who_was_busy_hears_of_the_death_first_and_of_its_last_words(
    shims, name, newline
):
    """Its shim stands still until all is over; and then it is the signal that comes first.

    `hello` has pipes and `shell` a terminal, of which one read gives a part.
    """
    container = shims.create(name, "sh", "-c", LAST_WORDS)
    keeper = container.keeper
    os.kill(keeper, signal.SIGSTOP)
    try:
        container.start()
        assert ends(container.pid)
    finally:
        os.kill(keeper, signal.SIGCONT)
    assert container.wait(5) == Exit(code=0)
    lines = [b"line %d" % number + newline for number in range(1, 1001)]
    assert out(container) == b"".join(lines) + b"end"


class Ending(Identity):
    """Ends, and is reaped, just after somebody has seen it alive."""

    @property
    def alive(self):
        """It was; and two equal identities are of one class."""
        was = Identity(self.pid, self.started_at, self.boot).alive
        if was:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        return was


def test_a_shim_may_end_between_two_looks_of_who_waits_for_it(tmp_path):
    """It writes the exit file and is gone; a busy machine makes that a long moment."""
    shim = Identity.of(os.posix_spawn("/bin/sleep", ["sleep", "60"], {}))
    assert wait_for_end(tmp_path, Ending(shim.pid, shim.started_at, shim.boot), 5)


def test_who_waits_hears_of_a_shim_that_dies_without_a_word(tmp_path):
    """And does not ask again and again: it sleeps, whether for that or in vain."""
    pid = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
    assert not wait_for_end(tmp_path, Identity.of(pid), 0.2)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before < 50
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(wait_for_end, tmp_path, Identity.of(pid), 30)
        with pytest.raises(TimeoutError):
            waiting.result(0.2)
        os.kill(pid, signal.SIGKILL)
        assert waiting.result(10)
    os.waitpid(pid, 0)


def test_a_shim_that_does_not_end_is_ended(shims):
    container = shims.create("hello")
    shim = container.shim
    shim.signal(signal.SIGSTOP)
    container.wait_for_shim(timeout=0.05)
    assert shim.wait(5)


def test_who_deletes_waits_for_its_shim(shims):
    container = shims.create("hello")
    shim = container.shim
    shim.signal(signal.SIGSTOP)
    with ThreadPoolExecutor(1) as threads:
        deleting = threads.submit(container.delete)
        with pytest.raises(TimeoutError):
            deleting.result(1)
        shim.signal(signal.SIGCONT)
        deleting.result(10)
    assert not shim.alive


LAST_CALLS = re.compile(r"^(write|fdatasync|rename)\(.*/(log|exit)[>\"]")


@pytest.mark.parametrize("durable", [True, False])
def test_the_log_is_on_the_disk_before_the_exit_is_told(shims, durable):
    """As the kernel sees it, strace(1): no test can look at a disk after a power cut."""
    if not shutil.which("strace"):
        pytest.skip("there is no strace: ./lab test installs it")
    container = shims.create("hello", durable=durable)
    calls = ["strace", "-y", "-e", "trace=write,fdatasync,rename"]
    tracer = subprocess.Popen(
        [*calls, "-p", str(container.keeper)], stderr=subprocess.PIPE
    )
    with tracer:
        reads(tracer.stderr.fileno(), b"attached\n")
        container.start()
        assert container.wait(5) == Exit(code=0)
        said = tracer.stderr.read().decode()
    seen = [LAST_CALLS.match(line) for line in said.splitlines()]
    order = [" ".join(call.groups()) for call in seen if call]
    sync = ["fdatasync log"] if durable else []
    assert order == ["write log", *sync, "rename exit"]
