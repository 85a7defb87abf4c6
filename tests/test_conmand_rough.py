"""A daemon when something runs out, or is asked for at the wrong time."""

import os
import resource
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest
from conmands import rootfs
from eventually import eventually
from manager_home import left
from tmpfs import small_disk

from conman_lab.errors import LabError, NotFound, WrongState
from conman_lab.manager.client import Client
from conman_lab.manager.container import Policy, Restart, Status

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_runc]


def limit_descriptors(pid, most):
    """Of a process that runs; what the limits were before."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    return resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, hard))


def test_out_of_descriptors_it_refuses_and_goes_on_when_there_are_some(
    daemon, bundle, runtime
):
    client = daemon.start().client
    client.create("web", bundle("sleeper"))
    client.start("web")
    before = limit_descriptors(daemon.process.pid, daemon.descriptors())
    refused = 0
    for number in range(3):
        try:
            client.create(f"more_{number}", bundle("sleeper"))
        except (LabError, OSError):
            refused += 1
    assert refused
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, before)
    client = daemon.client
    assert client.status("web").status == Status.RUNNING
    client.create("after", bundle("sleeper"))
    for it in client.list():
        client.remove(it.id, force=True)
    daemon.stop()
    daemon.start()  # what could not even be undone, the next one removes
    eventually(lambda: left(runtime) == [])


def test_where_the_disk_is_full_nothing_is_half_made(daemon, bundle, runtime):
    source = bundle("sleeper")
    with small_disk(daemon.home / "containers", 512 * 1024) as disk:
        client = daemon.start().client
        client.create("web", source)
        filler = disk / "filler"
        with suppress(OSError), filler.open("wb", 0) as file:
            while file.write(b"\0" * 4096):
                pass
        with pytest.raises((LabError, OSError), match="space"):
            client.create("more", source)
        assert [it.name for it in client.list()] == ["web"]
        with pytest.raises(OSError, match="space"):
            client.start("web")
        assert client.status("web").status == Status.CREATED
        assert client.stop("web", 0).status == Status.EXITED
        filler.unlink()
        client.create("more", source)
        for name in ("web", "more"):
            client.remove(name, force=True)
        daemon.stop()
    eventually(lambda: left(runtime) == [])


def test_a_name_that_is_the_beginning_of_an_id_is_a_name(daemon, bundle):
    client = daemon.start().client
    first = client.create("first", bundle("sleeper"))
    second = client.create(first.id[:6], bundle("sleeper"))
    assert client.status(first.id[:6]).id == second.id
    assert client.status(first.id[:7]).id == first.id
    assert client.status(first.id).id == first.id
    client.remove(first.id[:6])
    assert client.status(first.id[:6]).id == first.id
    client.remove("first")


def test_a_paused_one_takes_no_command_and_says_what_to_do(daemon, bundle, runtime):
    client = daemon.start().client
    client.create("web", bundle("sleeper"))
    client.start("web")
    client.pause("web")
    with pytest.raises(WrongState, match="paused: resume it first"):
        client.exec("web", "true")
    with pytest.raises(WrongState, match="paused: resume it first"):
        client.run_in("web", "true", timeout=5)
    client.resume("web")
    assert client.run_in("web", "true", timeout=20).status == 0
    client.pause("web")
    client.remove("web", force=True)
    assert left(runtime) == []


def test_a_follower_reads_on_over_a_rotation(daemon, bundle):
    client = daemon.start().client
    log = Path(client.create("web", bundle("ticker")).log_path)
    client.start("web")
    shim = client.inspect("web")["shim"]
    with closing(client.logs("web", follow=True)) as records:
        seen = [str(next(records))]
        for _ in range(2):
            log.rename(log.with_name("log.1"))
            os.kill(shim, signal.SIGUSR1)  # open it anew
            eventually(log.exists)
            seen += [str(next(records)) for _ in range(3)]
    assert len(seen) == len(set(seen)) == 7, "each line once"
    client.remove("web", force=True)


def test_who_is_stubborn_holds_up_nobody(daemon, bundle):
    client = daemon.start().client
    script = "trap '' TERM; echo ready; while :; do sleep 1; done"
    client.create("deaf", rootfs(bundle), "sh", "-c", script)
    client.start("deaf")
    with closing(client.logs("deaf", follow=True)) as records:
        assert str(next(records)) == "ready"
    with ThreadPoolExecutor() as threads:
        stopping = threads.submit(Client(daemon.socket).stop, "deaf", 3.0)
        client.create("web", bundle("exiter"))
        client.start("web")
        assert client.wait("web", 20).code == 7
        assert {it.name for it in client.list()} == {"deaf", "web"}
        client.remove("web")
        assert stopping.result(20).exit.signal == signal.SIGKILL
    client.remove("deaf")


def test_a_layer_and_a_policy_survive_a_crash(daemon, bundle, runtime):
    client = daemon.start().client
    script = "echo run >> /runs; wc -l < /runs; sleep 600"
    always = Restart(Policy.ALWAYS)
    client.create(
        "web", rootfs(bundle), "sh", "-c", script, readonly=False, restart=always
    )
    client.start("web")
    daemon.kill()
    daemon.start()
    client = daemon.client
    client.kill("web", signal.SIGKILL)
    with closing(client.logs("web", follow=True)) as records:
        assert str(next(records)) == "1"
    eventually(lambda: client.status("web").restarts == 1, timeout=20)
    eventually(lambda: [*map(str, client.logs("web"))] == ["1", "2"], timeout=20)
    client.remove("web", force=True)
    with pytest.raises(NotFound):
        client.status("web")
    assert left(runtime) == []
