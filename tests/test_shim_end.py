"""A container's last moments, in their order, however busy its shim is."""

import os
import re
import shutil
import signal
import subprocess

import pytest
from facts import ends, reads
from shims import Shims, out

from conman_lab.linux import Exit


@pytest.fixture
def shims(runtime, bundle):
    with Shims(runtime, bundle) as shims:
        yield shims


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
