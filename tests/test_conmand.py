"""The daemon: whom it lets in, what it survives, and what it leaves behind."""

import os
import socket
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from eventually import eventually
from facts import ends

from conman_lab.errors import InvalidArgument, NameTaken, Unreachable
from conman_lab.lab.clean import clean
from conman_lab.lab.registry import Registry
from conman_lab.manager.client import Client
from conman_lab.manager.conmand.threads import Kind
from conman_lab.manager.container import Status
from conman_lab.manager.wire.connection import Connection

SLEEP = ("sleeper",)


def test_its_socket_is_for_its_owner_alone(daemon):
    daemon.start()
    assert stat.S_IMODE(daemon.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(daemon.socket.parent.stat().st_mode) == 0o700


def test_containers_outlive_it_and_are_found_again(daemon, bundle):
    client = daemon.start().client
    made = client.create("web", bundle("sleeper"))
    client.start("web")
    pid = client.status("web").pid
    assert daemon.stop() == 0
    assert not daemon.socket.exists(), "its socket file went with it"
    assert not ends(pid, 0.2)
    client = daemon.start().client
    again = client.status(made.id)
    assert (again.status, again.pid) == (Status.RUNNING, pid)
    assert [line["what"] for line in daemon.journal() if line["what"] != "call"] == [
        *("ready", "stopping", "stopped", "ready"),
    ]
    client.remove("web", force=True)


def test_after_sigkill_the_next_one_takes_the_stale_socket(daemon, bundle):
    client = daemon.start().client
    client.create("web", bundle("exiter"))
    daemon.kill()
    assert daemon.socket.exists()
    with pytest.raises(
        Unreachable, match=r"no conmand answers at .*refused.*start one"
    ):
        client.list()
    client = daemon.start().client
    assert [it.name for it in client.list()] == ["web"]
    client.remove("web")


def test_a_second_daemon_on_the_same_root_is_refused(daemon):
    daemon.start()
    other = daemon.command(listen=daemon.home / "other.sock")
    done = subprocess.run(other, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert (
        f"process {daemon.process.pid} is the manager of {daemon.home}" in done.stderr
    )
    assert daemon.client.version().runtime_name


def test_somebodys_live_socket_is_left_alone(daemon):
    daemon.socket.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as somebody:
        somebody.bind(str(daemon.socket))
        somebody.listen()
        done = subprocess.run(
            daemon.command(), capture_output=True, text=True, timeout=30
        )
        assert done.returncode == 1
        assert "another daemon answers at" in done.stderr
        somebody.settimeout(5)
        somebody.accept()[0].close()
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(daemon.socket))


def test_one_that_cannot_listen_is_not_noted_as_the_one_that_runs(daemon):
    daemon.start()
    noted = (daemon.home / "run" / "conmand.pid").read_text()
    other = {"lib_root": daemon.home / "other", "log": daemon.home / "other.log"}
    second = subprocess.run(
        daemon.command(**other), capture_output=True, timeout=30, check=False
    )
    assert b"another daemon answers" in second.stderr
    assert (daemon.home / "run" / "conmand.pid").read_text() == noted


def test_a_file_that_is_no_socket_is_left_alone(daemon):
    daemon.socket.parent.mkdir()
    daemon.socket.write_text("precious")
    done = subprocess.run(daemon.command(), capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "is no socket" in done.stderr
    assert daemon.socket.read_text() == "precious"


def test_a_runtime_that_is_not_there_is_named(daemon):
    command = daemon.command(runtime_path="/nowhere/runc")
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "there is no /nowhere/runc" in done.stderr
    assert "Traceback" not in done.stderr


AS_NOBODY = """
import os, sys
sys.path.insert(0, sys.argv[2])
from conman_lab.lab.clean import clean
from conman_lab.lab.registry import Registry
from conman_lab.manager.client import Client
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    print(Client(sys.argv[1]).version())
except PermissionError as error:
    print(error)
"""


def test_a_stranger_is_refused_by_the_socket_and_by_the_daemon(daemon):
    """Even if somebody has opened the socket for all: the kernel tells who calls."""
    import sys

    from conman_lab.places import COURSE

    daemon.start()
    ask = [sys.executable, "-c", AS_NOBODY, daemon.socket, COURSE]
    run = {"capture_output": True, "text": True, "timeout": 30, "cwd": "/"}
    for directory in (daemon.socket.parent, *daemon.socket.parents):
        with suppress(PermissionError):
            mode = directory.stat().st_mode
            if directory.is_relative_to(daemon.home.parents[1]):
                directory.chmod(mode | 0o711)
    done = subprocess.run(ask, **run)
    assert "permission denied: it answers to root and its owner alone" in done.stdout
    daemon.socket.chmod(0o666)
    done = subprocess.run(ask, **run)
    assert "this daemon answers to root and uid 0" in done.stdout, done.stderr
    assert daemon.journal(code="PERMISSION_DENIED")


def test_a_message_too_large_is_refused_and_the_next_is_not(daemon, bundle):
    client = daemon.start().client
    with pytest.raises(InvalidArgument, match="bytes is too large: this daemon takes"):
        client.create("web", bundle("hello"), "echo", "x" * 5_000_000)
    assert client.list() == []
    assert daemon.journal(method="CreateContainer", code="INVALID_ARGUMENT")


def test_names_and_what_is_none(daemon, bundle):
    """All that conman takes is taken, and more; but nothing that is no word."""
    client = daemon.start().client
    for bad in ("a/b", "../x", "a\nb", "", "x" * 129, "-rf", ".", "ä", "a b", "a\0b"):
        with pytest.raises(InvalidArgument, match="is no name"):
            client.create(bad, bundle("hello"))
    assert client.list() == []
    for good in ("a", "_", "Web_1", "web-1.2", "x" * 32):
        client.create(good, bundle("hello"))
    assert len(client.list()) == 5
    for it in client.list():
        client.remove(it.id)


def test_of_two_who_want_one_name_one_gets_it(daemon, bundle):
    client = daemon.start().client
    ready = bundle("sleeper")

    def create(_):
        try:
            return Client(daemon.socket).create("web", ready).id
        except NameTaken:
            return None

    with ThreadPoolExecutor(8) as clients:
        made = [id for id in clients.map(create, range(8)) if id]
    assert [it.id for it in client.list()] == made
    assert len(made) == 1
    client.remove("web", force=True)


def test_two_who_start_and_two_who_stop_at_once(daemon, bundle):
    """One does it; the other finds it done, or is told that it is."""
    client = daemon.start().client
    client.create("web", bundle("sleeper"))

    def attempt(verb):
        try:
            return getattr(Client(daemon.socket), verb)("web").status
        except Exception as error:  # noqa: BLE001
            return type(error).__name__

    with ThreadPoolExecutor(2) as clients:
        assert sorted(clients.map(attempt, ["start"] * 2)) == ["RUNNING", "WrongState"]
        assert {*clients.map(attempt, ["stop"] * 2)} == {Status.EXITED}
    client.remove("web")


def test_sixty_four_clients_of_which_most_wait(daemon, bundle):
    """Whoever waits takes no place from those who ask."""
    client = daemon.start().client
    client.create("web", bundle("sleeper"))
    client.start("web")
    idle = daemon.threads()
    with ThreadPoolExecutor(64) as clients:
        waits = [clients.submit(Client(daemon.socket).wait, "web") for _ in range(48)]
        follows = [
            clients.submit(lambda: [*Client(daemon.socket).logs("web", follow=True)])
            for _ in range(8)
        ]
        eventually(lambda: daemon.descriptors() > 56)
        lists = [clients.submit(Client(daemon.socket).list) for _ in range(32)]
        assert [len(it.result(10)) for it in lists] == [1] * 32
        assert daemon.threads() - idle < 48, "a wait costs no thread"
        client.kill("web", 9)
        assert {it.result(10).signal for it in waits} == {9}
        said = [[record.text for record in it.result(10)] for it in follows]
        assert said == [[b"asleep"]] * 8
    client.remove("web")


def test_a_client_that_disappears_in_mid_stream_leaves_nothing(daemon, bundle):
    client = daemon.start().client
    client.create("web", bundle("ticker"))
    client.start("web")

    def look():
        """Five who follow, listen and wait; they hang up without a word."""
        for _ in range(5):
            for stream in (client.logs("web", follow=True), client.events(since=0)):
                next(stream)
                stream._call.connection._socket.shutdown(socket.SHUT_RDWR)
                stream.close()

    look()
    client.list()
    eventually(lambda: len(daemon.journal(code="CANCELLED")) == 10)
    threads, descriptors = daemon.threads(), daemon.descriptors()
    for _ in range(4):
        look()
    eventually(lambda: len(daemon.journal(code="CANCELLED")) == 50)
    pool = Kind.LOOK.value  # it grows up to that, when two come at the same moment
    eventually(lambda: daemon.threads() < threads + pool)
    eventually(lambda: daemon.descriptors() <= descriptors)
    client.remove("web", force=True)


def test_a_daemon_killed_in_mid_call_is_told(daemon, bundle):
    client = daemon.start().client
    client.create("web", bundle("sleeper"))
    client.start("web")
    with ThreadPoolExecutor(1) as waiting:
        wait = waiting.submit(client.wait, "web")
        eventually(lambda: daemon.descriptors() > 0 and client.list())
        daemon.kill()
        with pytest.raises(
            Unreachable, match="has gone in the middle of WaitContainer"
        ):
            wait.result(10)
    daemon.start()
    client.remove("web", force=True)


def test_clean_finds_a_daemon_below_a_labs_home_and_all_that_it_keeps(daemon, bundle):
    """As after a notebook that was killed: nobody says which processes there are."""
    client = daemon.start().client
    client.create("web", bundle("sleeper"))
    client.start("web")
    pid, registry = client.status("web").pid, Registry.of(daemon.home.name)
    assert daemon.process.pid in [it.pid for it in registry.noted()]
    gone = clean(registry)
    assert any("conmand" in thing or "python" in thing for thing in gone)
    assert ends(pid)
    assert ends(daemon.process.pid)
    assert not registry.left().things()


def test_logs_are_linked_where_people_look(daemon, bundle):
    client = daemon.start().client
    client.create("web", bundle("hello"))
    client.start("web")
    client.wait("web", 10)
    (link,) = (daemon.home / "logs").iterdir()
    assert link.name == f"{client.status('web').id}.log"
    assert b"Hello" in link.read_bytes()
    client.remove("web")
    assert [*(daemon.home / "logs").iterdir()] == []


def test_what_is_no_grpc_is_no_harm(daemon):
    daemon.start()
    for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 100, b"PRI * HTTP/2.0\r\n"):
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(str(daemon.socket))
            stranger.sendall(noise)
            stranger.shutdown(socket.SHUT_WR)
            stranger.settimeout(5)
            with suppress(ConnectionResetError):
                while stranger.recv(65536):
                    pass
    assert daemon.client.version()
    assert not daemon.journal(what="error")


def test_an_unknown_method_is_unimplemented(daemon):
    from conman_lab.manager.wire.call import Call
    from conman_lab.manager.wire.schema import METHODS, Method

    daemon.start()
    version = METHODS["Version"]
    nonsense = Method("Nonsense", version.request, version.reply, False, False)
    connection = Connection(daemon.socket)
    call = Call(connection, nonsense)
    call.send(version.request(), end=True)
    with pytest.raises(Exception, match="Method not found"):
        call.read()
    connection.close()


ACTIVATED = """
import os, sys
os.dup2(int(sys.argv.pop(1)), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
from conman_lab.manager.conmand.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def test_it_is_activated_by_a_socket_and_tells_when_it_is_ready(daemon):
    """As systemd does it: sd_listen_fds(3), sd_notify(3)."""
    path = daemon.socket
    path.parent.mkdir(mode=0o700)
    with (
        socket.socket(socket.AF_UNIX) as ours,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices,
    ):
        ours.bind(str(path))
        ours.listen()
        notices.bind(f"\0conman-lab-test-{os.getpid()}")
        notices.settimeout(20)

        command = daemon.command(listen="/nowhere/is/not/used")
        command[1:3] = ["-c", ACTIVATED, str(ours.fileno())]
        process = subprocess.Popen(
            command,
            env={
                **os.environ,
                "LISTEN_FDS": "1",
                "NOTIFY_SOCKET": f"@conman-lab-test-{os.getpid()}",
            },
            pass_fds=[ours.fileno()],
            stderr=subprocess.PIPE,
        )
        daemon._processes.append(process)
        assert notices.recv(100) == b"READY=1"
        assert Client(path).version()
        assert daemon.stop() == 0
        assert notices.recv(100) == b"STOPPING=1"
    assert path.exists(), "it is not ours to remove"
