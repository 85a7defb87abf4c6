"""A client is a manager from afar: the same methods, the same words, the same ends."""

import asyncio
import inspect
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from eventually import eventually

from conman_lab.errors import BadBundle, Deadline, FellBehind, NotFound, WrongState
from conman_lab.linux import Exit
from conman_lab.manager.client import Client
from conman_lab.manager.container import Limits, Policy, Restart, Status
from conman_lab.manager.manager import Manager
from conman_lab.manager.sessions import ViewerSession
from conman_lab.stream import Stream

VERBS = [
    *(
        "version",
        "create",
        "start",
        "stop",
        "kill",
        "wait",
        "pause",
        "resume",
        "remove",
    ),
    *("list", "status", "inspect", "logs", "attach", "exec", "run_in", "stats"),
    *("events", "prune", "close"),
]


@pytest.mark.parametrize("verb", VERBS)
def test_it_has_the_managers_methods(verb):
    ours = inspect.signature(getattr(Client, verb))
    theirs = inspect.signature(getattr(Manager, verb))
    assert list(ours.parameters.values()) == list(theirs.parameters.values())


def test_a_session_from_afar_has_what_one_in_process_has():
    from conman_lab.manager.remote import RemoteSession

    names = ("fileno", "read", "send", "end_input", "resize", "wait", "close")
    for name in (*names, "__iter__", "__enter__", "__exit__"):
        ours = inspect.signature(getattr(RemoteSession, name)).parameters
        assert list(ours) == list(
            inspect.signature(getattr(ViewerSession, name)).parameters
        )


def test_a_life_from_afar(daemon, bundle):
    client = daemon.start().client
    made = client.create(
        "web",
        bundle("hello"),
        "sh",
        "-c",
        "echo $GREETING; echo no >&2; exit 7",
        env={"GREETING": "hi"},
        labels={"tier": "front"},
        limits=Limits(pids=50),
        restart=Restart(Policy.NO),
    )
    assert (made.status, made.name, made.labels) == (
        *(Status.CREATED, "web", {"tier": "front"}),
    )
    assert made.limits == Limits(pids=50)
    assert client.start(made.id[:6]).name == "web"
    assert client.wait("web", 10) == Exit(code=7)
    seen = client.status("web")
    assert (seen.status, seen.exit, seen.id) == (Status.EXITED, Exit(code=7), made.id)
    assert seen.exit.at
    assert {(it.stream, it.text) for it in client.logs("web")} == {
        (Stream.STDOUT, b"hi"),
        (Stream.STDERR, b"no"),
    }
    assert [it.text for it in client.logs("web", tail=0)] == []
    assert client.list(Status.EXITED, {"tier": "front"}) == [seen]
    assert client.list(Status.RUNNING) == client.list(labels={"tier": "x"}) == []
    assert client.inspect("web")["config"]["process"]["args"][0] == "sh"
    kinds = client.events(since=0)
    assert [next(kinds).kind for _ in range(3)] == ["create", "start", "exit"]
    kinds.close()
    assert client.prune() == [made.id]
    with pytest.raises(NotFound):
        client.remove("web")


def test_a_running_one_from_afar(daemon, bundle):
    client = daemon.start().client
    client.create("web", bundle("sleeper"))
    client.start("web")
    assert client.pause("web").paused
    assert not client.resume("web").paused
    assert client.stats("web").pids >= 1
    done = client.run_in("web", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.status, done.stdout, done.stderr) == (3, b"out\n", b"err\n")
    began_at = time.monotonic()
    with pytest.raises(Deadline, match=r"web did not end in 0\.2 s"):
        client.wait("web", 0.2)
    with pytest.raises(Deadline, match="and so it was ended"):
        client.run_in("web", "sleep", "30", timeout=0.3)
    assert time.monotonic() - began_at < 10
    client.kill("web", 9)
    assert client.wait("web", 5) == Exit(signal=9)
    client.remove("web")


def test_errors_have_the_managers_classes_and_words(daemon, bundle, tmp_path):
    """The same thing is asked of both, one after the other on the same root."""

    def complaints(manager):
        made = manager.create("web", bundle("hello"))
        told = []
        for ask in (
            lambda: manager.create("web", bundle("hello")),
            lambda: manager.create("a/b", bundle("hello")),
            lambda: manager.create("other", tmp_path / "nothing"),
            lambda: manager.status("nope"),
            lambda: manager.pause("web"),
            lambda: manager.exec("web", "true"),
            lambda: manager.exec("web"),
            lambda: manager.attach("web", stdin=True),
            lambda: manager.kill("web", 99),
            lambda: manager.wait("web", 0.05),
            lambda: [*manager.logs("web", tail=-1)],
            lambda: [*manager.logs("nope", follow=True)],
        ):
            try:
                ask()
                told.append("nothing")
            except Exception as error:  # noqa: BLE001
                told.append((type(error), str(error)))
        manager.remove(made.id)
        return told

    afar = complaints(daemon.start().client)
    daemon.stop()
    with Manager(daemon.home, daemon._runtime) as manager:
        assert complaints(manager) == afar
    assert "nothing" not in afar


def test_a_bundle_that_is_not_on_disk_crosses(daemon, bundle):
    client = daemon.start().client
    client.create("web", bundle("hello").with_args("sh", "-c", "exit 9"))
    client.start("web")
    assert client.wait("web", 10) == Exit(code=9)
    with pytest.raises(BadBundle) as bad:
        client.create("bad", bundle("hello").with_args())
    assert bad.value.field == "process.args"
    client.remove("web")


def test_exec_with_input_and_an_exit(daemon, bundle):
    client = daemon.start().client
    client.create("web", bundle("sleeper"))
    client.start("web")
    command = ("sh", "-c", "cat; echo end >&2; exit 5")
    with client.exec("web", *command, stdin=True) as session:
        session.send(b"one\n")
        assert session.read(10) == (Stream.STDOUT, b"one\n")
        session.send(b"two\n" * 20_000)
        session.end_input()
        pieces = [*session]
        assert b"".join(b for s, b in pieces if s is Stream.STDOUT) == b"two\n" * 20_000
        assert [b for s, b in pieces if s is Stream.STDERR] == [b"end\n"]
        assert session.wait(10) == Exit(code=5)
        assert session.read(0) is None
    client.remove("web", force=True)


def test_waiting_first_and_reading_afterwards(daemon, bundle):
    client = daemon.start().client
    client.create("web", bundle("sleeper"))
    client.start("web")
    with client.exec("web", "echo", "kept") as session:
        assert session.wait(10) == Exit(code=0)
        assert [*session] == [(Stream.STDOUT, b"kept\n")]
    client.remove("web", force=True)


def test_one_who_waits_late_hears_the_same(daemon, bundle):
    """All of it, and the end of the call, come at once."""
    client = daemon.start().client
    client.create("web", bundle("sleeper"))
    client.start("web")
    with client.exec("web", "echo", "kept") as session:
        eventually(lambda: daemon.journal(method="Session", code="OK"))
        assert session.wait(10) == Exit(code=0)
        assert [*session] == [(Stream.STDOUT, b"kept\n")]
    client.remove("web", force=True)


def test_a_terminal_from_afar_has_its_size(daemon, bundle):
    client = daemon.start().client
    client.create("web", bundle("sleeper"))
    client.start("web")
    how = {"terminal": True, "stdin": True, "rows": 20, "columns": 70}
    with client.exec("web", "sh", **how) as session:
        seen = bytearray()

        def sees(words):
            while words not in seen:
                seen.extend(session.read(10)[1])
            return True

        session.send(b"stty size\n")
        assert sees(b"20 70")
        session.resize(33, 99)
        session.send(b"stty size\n")
        assert sees(b"33 99")
        session.send(b"exit 4\n")
        assert session.wait(10) == Exit(code=4)
    client.remove("web", force=True)


def test_detached_it_goes_on(daemon, bundle):
    client = daemon.start().client
    client.create("web", bundle("cat"), stdin=True, stdin_once=False)
    client.start("web")
    for word in (b"one\n", b"two\n"):
        with client.attach("web", stdin=True) as session:
            session.send(word)
            assert session.read(10) == (Stream.STDOUT, word)
    assert client.status("web").status is Status.RUNNING
    assert [it.text for it in client.logs("web")] == [b"one", b"two"]
    client.remove("web", force=True)


def test_sessions_that_are_hung_up_leave_nothing(daemon, bundle):
    """Also those whose container writes no more, and whose input nobody reads."""
    client = daemon.start().client
    client.create("web", bundle("sleeper"))
    client.start("web")
    quiet = ("sh", "-c", "exec >/dev/null 2>&1; sleep 60")

    def look():
        sessions = [client.attach("web"), client.exec("web", "sleep", "60", stdin=True)]
        sessions.append(client.exec("web", *quiet))
        for session in sessions:
            connection = session._call.connection
            connection._socket.shutdown(socket.SHUT_RDWR)
            session.close()

    def gone(count):
        return len(daemon.journal(method="Session", code="CANCELLED")) == count

    look()
    eventually(lambda: gone(3))
    threads, descriptors = daemon.threads(), daemon.descriptors()
    for _ in range(3):
        look()
    eventually(lambda: gone(12))
    eventually(lambda: daemon.threads() < threads + 9)  # a pool grows, not by each
    followed = 6  # a pidfd for each of the commands, which go on
    eventually(lambda: daemon.descriptors() <= descriptors + followed)
    client.remove("web", force=True)


def test_who_does_not_read_stops_nobody_else(daemon, bundle):
    """HTTP/2's windows fill, then the pump, then the shim drops that viewer."""
    client = daemon.start().client
    client.create("web", bundle("hello"), "sh", "-c", "while :; do echo chatter; done")
    stuck = client.attach("web")
    client.start("web")
    with client.attach("web") as session:
        assert sum(len(session.read(10)[1]) for _ in range(100)) > 1000
    assert client.status("web").status is Status.RUNNING
    rss = _resident(daemon.process.pid)
    assert rss < 200 * 1024 * 1024
    stuck.close()
    client.remove("web", force=True)


def test_who_has_not_seen_all_is_told_from_afar_as_well(daemon, bundle):
    client = daemon.start().client
    client.create("web", bundle("hello"), "head", "-c", "60000000", "/dev/zero")
    with client.attach("web") as session:
        client.start("web")
        assert client.wait("web", 30) == Exit(code=0)
        with pytest.raises(FellBehind, match=r"^web writes faster .* has all of it$"):
            list(session)
    eventually(lambda: daemon.journal(method="Session", code="DATA_LOSS"))
    client.remove("web")


def _resident(pid):
    """Bytes of memory: proc_pid_statm(5)."""
    import os
    from pathlib import Path

    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf(
        "SC_PAGE_SIZE"
    )


def test_it_works_where_a_loop_runs_already(daemon, bundle):
    """As in a notebook's cell."""
    client = daemon.start().client

    async def cell():
        client.create("web", bundle("exiter"))
        client.start("web")
        return client.wait("web", 10), [*client.logs("web", follow=True)]

    how, _ = asyncio.run(cell())
    assert how == Exit(code=7)
    client.remove("web")


def test_threads_may_share_one(daemon, bundle):
    client = daemon.start().client
    ready = bundle("exiter")

    def live(number):
        name = f"c{number}"
        client.create(name, ready)
        client.start(name)
        how = client.wait(name, 30)
        client.remove(name)
        return how

    with ThreadPoolExecutor(4) as threads:
        assert {*threads.map(live, range(8))} == {Exit(code=7)}
    assert client.list() == []


def test_a_daemon_that_was_restarted_is_found_again(daemon):
    """The connections that were kept are dead, and are seen to be."""
    client = daemon.start().client
    assert client.list() == []
    daemon.kill()
    daemon.start()
    assert client.list() == []


def test_closed_it_connects_again(daemon):
    client = daemon.start().client
    client.close()
    assert client.version().runtime_name
    client.close()


def test_an_interrupted_call_does_not_confuse_the_next(daemon, bundle):
    client = daemon.start().client
    client.create("web", bundle("sleeper"))
    client.start("web")
    stream = client.logs("web", follow=True)
    assert next(stream).text == b"asleep"
    stream.close()
    assert client.status("web").status is Status.RUNNING
    with pytest.raises(WrongState):
        client.start("web")
    client.remove("web", force=True)
