"""Attach by an address: real clients of WebSocket, a real daemon, real containers."""

import json
import socket
import subprocess
import sys
import zlib
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from eventually import eventually
from spdy_client import UPGRADE, SpdyClient
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from conman_lab.errors import InvalidArgument, NotFound, NotPossible, WrongState
from conman_lab.manager.conmand.spdy import DICTIONARY
from conman_lab.manager.conmand.strangers import FULL, MOST
from conman_lab.manager.conmand.tokens import Tokens, Wish
from conman_lab.manager.wire.schema import METHODS

V4, V5 = "v4.channel.k8s.io", "v5.channel.k8s.io"
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
END_OF_STDIN = bytes([CLOSE, STDIN])
SUCCESS = {"metadata": {}, "status": "Success"}


@pytest.fixture
def client(daemon):
    """A client; at the end there is no container."""
    client = daemon.start().client
    yield client
    for container in client.list():
        client.remove(container.id, force=True)


@pytest.fixture
def running(client, bundle):
    """A container that has been started: `running("cat", stdin=True)`."""

    def give(*command, name="web", **wishes):
        client.create(name, bundle("hello").rootfs, *command, **wishes)
        return client.start(name)

    return give


def address(client, name="web", stdin=True, stdout=True, stderr=True):
    """What Attach answers."""
    wanted = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
    return client._channel.call(METHODS["Attach"], container_id=name, **wanted).url


@contextmanager
def attached(client, name="web", protocol=V5, **wanted):
    """A WebSocket to it; what is written from now on will be seen."""
    url = address(client, name, **wanted).replace("http:", "ws:")
    with connect(url, subprotocols=[protocol], max_size=None) as line:
        assert line.subprotocol == protocol
        assert line.recv(10) == bytes([STDOUT])
        yield line


def all_of(line):
    """What comes until the end, by channel."""
    said = {STDOUT: bytearray(), STDERR: bytearray(), ERROR: bytearray()}
    for message in line:  # until 1000, or it raises
        said[message[0]] += message[1:]
    return bytes(said[STDOUT]), bytes(said[STDERR]), json.loads(said[ERROR])


def until(line, text):
    """What comes on stdout, up to `text`."""
    seen = b""
    while text not in seen:
        seen += line.recv(10)[1:]
    return seen


def asked(url, head="GET {} HTTP/1.1\r\nHost: x\r\n\r\n"):
    """The status and the words that HTTP answers."""
    host, _, path = url.removeprefix("http://").partition("/")
    name, port = host.split(":")
    with socket.create_connection((name, int(port)), timeout=15) as line:
        line.sendall(head.replace("{}", f"/{path}").encode())
        answer = b"".join(iter(lambda: line.recv(4096), b"")).decode()
    return int(answer.split()[1]), answer.partition("\r\n\r\n")[2]


def upgraded(url, *protocols):
    """The status and the words that somebody is refused with who speaks WebSocket."""
    where, offer = url.replace("http:", "ws:"), protocols or [V5]
    with pytest.raises(InvalidStatus) as refused, connect(where, subprotocols=offer):
        pass
    response = refused.value.response
    return response.status_code, response.body.decode()


# --- what is said


def test_cat_says_what_it_is_told_until_its_input_ends(client, running):
    running("cat", stdin=True)
    with attached(client) as line:
        line.send(b"\0hello, ")
        line.send(b"\0there")
        line.send(END_OF_STDIN)
        assert all_of(line) == (b"hello, there", b"", SUCCESS)


def test_both_outputs_and_the_exit_come_to_the_end(client, running):
    script = "read x; seq 100000; echo oops >&2; exit 9"
    running("sh", "-c", script, stdin=True)
    with attached(client, protocol=V4) as line:
        line.send(b"\0go\n")
        written, wrong, status = all_of(line)
    assert written == b"".join(b"%d\n" % n for n in range(1, 100001))
    assert wrong == b"oops\n"
    assert (status["status"], status["reason"]) == ("Failure", "NonZeroExitCode")
    assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "9"}]


def test_what_was_not_asked_for_does_not_come(client, running):
    running("sh", "-c", "read x; echo a; echo b >&2", stdin=True)
    with attached(client, stderr=False) as line:
        line.send(b"\0\n")
        assert all_of(line)[:2] == (b"a\n", b"")


def test_a_terminal_has_the_size_that_was_sent(client, running):
    running("sh", terminal=True, env={"PS1": "here# "})
    with attached(client) as line:
        line.send(bytes([RESIZE]) + b'{"Width":101,"Height":33}\n')
        line.send(b"\0stty size; exit 7\n")
        written, _, status = all_of(line)
    assert b"33 101" in written
    assert status["details"]["causes"][0]["message"] == "7"


def test_if_stdin_stays_open_the_end_of_the_clients_ends_its_attach(client, running):
    running("cat", stdin=True, stdin_once=False)
    with attached(client) as line:
        line.send(b"\0first")
        until(line, b"first")
        line.send(END_OF_STDIN)
        assert all_of(line)[2] == SUCCESS
    with attached(client) as line:
        line.send(b"\0second")
        until(line, b"second")


def test_two_viewers_see_the_same(client, running):
    running("cat", stdin=True)
    with attached(client) as one, attached(client, stdin=False) as other:
        other.send(b"\0not for me to say")
        one.send(b"\0for all")
        one.send(END_OF_STDIN)
        assert all_of(one) == all_of(other) == (b"for all", b"", SUCCESS)


def test_one_who_does_not_read_keeps_nothing_from_the_other(client, running):
    """The other asks for more when it has all there was, or it might be dropped too."""
    part = 1_000_000
    running("sh", "-c", f"while read x; do head -c {part} /dev/zero; done", stdin=True)
    with attached(client, stdin=False) as slow, attached(client) as line:
        for _ in range(20):
            line.send(b"\0\n")
            seen = 0
            while seen < part:
                seen += len(line.recv(10)) - 1
            assert seen == part
        line.send(END_OF_STDIN)
        _, _, status = all_of(line)
        slow.socket.close()  # it would wait for a word that is behind the rest
    assert status == SUCCESS


FLOOD = ("head", "-c", "60000000", "/dev/zero")


def test_who_has_not_seen_all_is_told(client, bundle):
    client.create("web", bundle("hello").rootfs, *FLOOD)
    with attached(client, stdin=False) as line:
        client.start("web")
        assert client.wait("web", 30).ok
        *_, status = all_of(line)
    assert status["status"] == "Failure"
    assert status["message"].startswith("web writes faster than it was read here")


def test_a_large_message_arrives_whole(client, running):
    running("cat", stdin=True)
    data = bytes(range(256)) * 40_000
    with attached(client) as line:
        until_sent = [
            b"\0" + data[at : at + 500_000] for at in range(0, len(data), 500_000)
        ]
        for message in until_sent:
            line.send(message)
        line.send(END_OF_STDIN)
        assert all_of(line)[0] == data


def test_pings_are_answered_while_the_container_does_not_read(client, running):
    running("sleep", "1000", stdin=True)
    with attached(client) as line:
        line.send(b"\0" + bytes(500_000))  # a pipe holds 64 KiB
        assert line.ping().wait(10)


# --- the same over SPDY


def test_its_dictionary_is_everybodys():
    """The checksum that every SPDY/3 stream begins with, draft 3, 2.6.10.1."""
    assert (len(DICTIONARY), zlib.adler32(DICTIONARY)) == (1423, 0xE3C6A7C2)


@pytest.fixture
def spdy(client):
    """A client of SPDY: `spdy("error", "stdin", stderr=False)`."""
    clients = []

    def give(*types, **wanted):
        clients.append(SpdyClient(address(client, **wanted), *types))
        return clients[-1]

    yield give
    for it in clients:
        it.close()


def test_over_spdy_cat_says_what_it_is_told(running, spdy):
    running("cat", stdin=True)
    line = spdy("error", "stdin", "stdout", "stderr")
    assert line.answer.startswith("HTTP/1.1 101 ")
    assert "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n" in line.answer
    assert [*line.replies()] == [1, 3, 5, 7]
    data = bytes(range(256)) * 4000
    line.send("stdin", data)
    line.send("stdin", b"", ends=True)
    said, ended = line.all()
    assert said.pop("stdout") == data
    assert json.loads(said.pop("error")) == SUCCESS
    assert said == {"stdin": b"", "stderr": b""}
    assert ended == {"stdout", "stderr", "error"}


def test_over_spdy_a_terminal_has_a_size_and_an_exit(running, spdy):
    running("sh", terminal=True, env={"PS1": "here# "})
    line = spdy("error", "stdin", "stdout", "resize")
    line.send("resize", b'{"Width":101,')
    line.send("resize", b'"Height":33}')
    line.send("stdin", b"stty size; exit 7\n")
    said, _ = line.all()
    assert b"33 101" in said["stdout"]
    assert json.loads(said["error"])["details"]["causes"][0]["message"] == "7"


def test_over_spdy_who_has_not_seen_all_is_told(client, bundle, spdy):
    client.create("web", bundle("hello").rootfs, *FLOOD)
    line = spdy("error", "stdout", "stderr", stdin=False)
    assert [*line.replies()] == [1, 3, 5]
    client.start("web")
    assert client.wait("web", 30).ok
    said, ended = line.all()
    assert json.loads(said["error"])["status"] == "Failure"
    assert ended == {"stdout", "stderr", "error"}


def test_over_spdy_stdin_may_end_as_it_is_opened(running, spdy):
    running("cat", stdin=True)
    line = spdy("error", "stdout", "stderr")
    line.open("stdin", ends=True)
    assert json.loads(line.all()[0]["error"]) == SUCCESS


def test_over_spdy_pings_come_back_and_strange_streams_are_refused(running, spdy):
    running("cat", stdin=True)
    line = spdy("error", "stdin", "stdout", "stderr", "strange")
    for _ in range(4):
        assert line.read()[0] == 2
    assert line.read() == (3, 9, False, (3).to_bytes(4))
    line.ping(11)
    assert line.read() == (6, 11, False, b"")


def test_over_spdy_what_is_broken_ends(daemon, running, spdy):
    running("cat", stdin=True)
    line = spdy("error", "stdin", "stdout", "stderr")
    line._socket.sendall(bytes.fromhex("8002 0006 00000004 00000001"))  # SPDY/2
    eventually(lambda: daemon.journal(error="a frame of another version"))
    other = spdy("error")
    other._control(1, bytes(10) + b"no zlib")
    eventually(
        lambda: [
            it
            for it in daemon.journal(what="stream")
            if "headers: Error" in it["error"]
        ]
    )


def test_over_spdy_another_version_is_refused(client, running):
    running("cat", stdin=True)
    head = UPGRADE.replace("v4.channel", "v1.channel").replace("v5.channel", "channel")
    status, words = asked(address(client), head)
    assert (status, words) == (
        403,
        "X-Stream-Protocol-Version: offer v4.channel.k8s.io\n",
    )


# --- who goes


VIEWER = """
import sys
from websockets.sync.client import connect
with connect(sys.argv[1], subprotocols=[sys.argv[2]], ping_interval=None) as line:
    print(line.recv()[0], flush=True)
    while True:
        line.send(bytes(100_000))
"""


def test_a_client_that_is_killed_leaves_nothing(client, daemon, running):
    """Its container reads nothing: so nobody reads from the client either."""
    running("sleep", "1000", stdin=True, stdin_once=False)
    with attached(client):
        pass
    eventually(lambda: daemon.journal(what="stream"))
    before = daemon.threads(), daemon.descriptors()
    url = address(client).replace("http:", "ws:")
    viewer = subprocess.Popen(
        [sys.executable, "-c", VIEWER, url, V5], stdout=subprocess.PIPE
    )
    try:
        assert viewer.stdout.readline() == b"1\n"
        eventually(lambda: _is_stuck(viewer.pid))
    finally:
        viewer.kill()
        viewer.communicate(timeout=10)
    eventually(lambda: len(daemon.journal(what="stream")) == 2, timeout=20)
    eventually(lambda: (daemon.threads(), daemon.descriptors()) <= before)
    assert client.status("web").status == "RUNNING"


def _is_stuck(pid):
    """It waits in send(2), which takes no more."""
    with open(f"/proc/{pid}/wchan") as where:
        return "wait_woken" in (found := where.read()) or "sk_stream" in found


def test_the_daemon_stops_with_viewers_and_the_container_stays(client, daemon, running):
    pid = running("cat", stdin=True).pid
    with attached(client) as line:
        assert daemon.stop() == 0
        with pytest.raises(ConnectionClosed):
            line.recv(10)
    daemon.start()
    assert daemon.client.status("web").pid == pid


# --- who is refused


def test_a_token_is_good_for_a_minute():
    now = [1000.0]
    tokens = Tokens(lambda: now[0])
    wish = Wish("attach", "web", lambda: None, stdin=False, streams=frozenset())
    early, late = tokens.give(wish), tokens.give(wish)
    now[0] += 59
    assert tokens.redeem("attach", early) is wish
    third = tokens.give(wish)
    now[0] += 2
    with pytest.raises(NotFound, match="good once, and for 60 seconds"):
        tokens.redeem("attach", late)
    assert tokens.redeem("attach", third) is wish


def test_an_address_is_good_once(client, running):
    running("cat", stdin=True)
    url = address(client)
    with connect(url.replace("http:", "ws:"), subprotocols=[V5]):
        status, words = upgraded(url)
    assert status == 404
    assert "nothing to attach here: an address is good once" in words
    assert upgraded(url.rpartition("/")[0] + "/guess")[0] == 404
    assert upgraded(address(client).replace("/attach/", "/exec/"))[0] == 404


def test_what_is_no_upgrade_is_refused_in_words_and_costs_no_address(client, running):
    running("cat", stdin=True)
    url = address(client)
    status, words = asked(url)
    assert (status, "ask with Upgrade: websocket" in words) == (400, True)
    assert asked(url, "what is this?\r\n\r\n")[0] == 400
    assert (
        asked(url, f"GET {{}} HTTP/1.1\r\nHost: x\r\nX: {'y' * 20_000}\r\n\r\n")[0]
        == 400
    )
    half = "GET {} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert asked(url, half) == (
        400,
        "no WebSocket: Missing header, 'Sec-WebSocket-Version'\n",
    )
    status, words = upgraded(url, "chat")
    assert (status, "offer v5.channel.k8s.io or" in words) == (400, True)
    with connect(url.replace("http:", "ws:"), subprotocols=[V5]):
        pass


def test_one_that_has_ended_since_is_told(client, running):
    running("cat", stdin=True)
    url = address(client)
    client.stop("web", 0)
    status, words = upgraded(url)
    assert (status, "cannot attach to web, it is EXITED" in words) == (409, True)


def test_what_cannot_be_attached_to_has_no_address(client, running):
    running("sleep", "1000")
    with pytest.raises(InvalidArgument, match="web reads nothing"):
        address(client)
    with pytest.raises(InvalidArgument, match="attach to what of web"):
        address(client, stdin=False, stdout=False, stderr=False)
    with pytest.raises(NotFound):
        address(client, "nobody")
    client.stop("web", 0)
    with pytest.raises(WrongState):
        address(client, stdin=False)


def test_no_token_is_in_the_log(client, daemon, running):
    running("cat", stdin=True)
    tokens = [address(client).rpartition("/")[2] for _ in range(4)]
    url = address(client).rpartition("/")[0]
    with connect(f"{url}/{tokens[0]}".replace("http:", "ws:"), subprotocols=[V5]):
        upgraded(f"{url}/{tokens[0]}")
        asked(f"{url}/{tokens[1]}")
        asked(f"{url}/{tokens[2]}", "GET {} HTTP/9\r\n\r\n")
    eventually(lambda: len(daemon.journal(what="stream")) == 4)
    log = daemon.log.read_text()
    assert [token for token in tokens if token in log] == []


def test_of_strangers_who_say_nothing_the_oldest_go(client, daemon, running):
    """Each would hold a descriptor for ten seconds; who has a token is none of them."""
    running("cat", stdin=True)
    with attached(client) as line, ExitStack() as stack:
        before = daemon.descriptors()
        host, port = address(client).removeprefix("http://").split("/")[0].split(":")

        def stranger():
            it = socket.create_connection((host, int(port)), timeout=10)
            return stack.enter_context(it)

        silent = [stranger() for _ in range(3 * MOST)]
        assert [it.recv(1) for it in silent[: 2 * MOST]] == [b""] * (2 * MOST)
        assert before + MOST <= daemon.descriptors() <= before + MOST + 10
        with attached(client) as other:  # nobody keeps it out
            assert silent[2 * MOST].recv(1) == b""
            line.send(b"\0for all")
            line.send(END_OF_STDIN)
            assert all_of(line) == all_of(other) == (b"for all", b"", SUCCESS)
    gone = daemon.journal(what="stream", error=FULL)
    assert 2 * MOST < len(gone) <= 2 * MOST + 10


def test_a_port_that_is_taken_costs_the_addresses_alone(daemon, bundle):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        daemon.start({"streaming_addr": where})
        client = daemon.client
        client.create("web", bundle("sleeper"))
        client.start("web")
        with pytest.raises(NotPossible, match=f"{where} could not be listened at"):
            address(client, stdin=False)
        assert daemon.journal(what="no streaming")[0]["at"] == where
        client.remove("web", force=True)


def test_an_address_that_is_none_is_refused(daemon):
    done = subprocess.run(
        daemon.command(streaming_addr="8881"), capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "'8881' is no HOST:PORT, as 127.0.0.1:8881 is" in done.stderr


def test_a_strangers_words_that_are_no_text_are_refused_as_any(client, daemon, running):
    running("cat", stdin=True)
    url = address(client)
    head = "GET {} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    head += (
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    )
    for name in ("Protocol", "Extensions", "Version", "Key"):
        assert asked(url, f"{head}Sec-WebSocket-{name}: ä\r\n\r\n")[0] == 400
    assert not daemon.journal(what="error")


def test_who_says_goodbye_while_much_is_to_be_said_is_no_error(client, daemon, running):
    """The answer to a close frame is the last: what was about to be said is not."""
    shim_log = Path(running("yes").log_path).with_name("shim.log")
    with attached(client, stdin=False) as line:
        eventually(lambda: "did not keep up" in shim_log.read_text(), timeout=30)
        line.close()
    eventually(lambda: daemon.journal(what="stream"))
    assert not daemon.journal(what="error")
