"""What no client of ours would ask, and what a daemon says to it: no trace, and a reason."""

import math
from contextlib import closing
from itertools import islice

import pytest

from conman_lab.errors import BadBundle, InvalidArgument, LabError, NotFound
from conman_lab.manager.conmand.sources import BEHIND, Happening
from conman_lab.manager.wire.call import Call
from conman_lab.manager.wire.connection import Connection
from conman_lab.manager.wire.schema import METHODS

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_runc]
WEB = {"container_id": "web"}
SLEEP = WEB | {"command": ["sleep", "5"]}
BUNDLE = {"name": "x", "source": "/tmp"}
NONSENSE = [
    ("ListContainers", {"state": 17}),
    ("CreateContainer", BUNDLE | {"config": "{"}),
    ("CreateContainer", BUNDLE | {"config": "[]"}),
    ("CreateContainer", BUNDLE | {"limits": {"cpus": math.nan}}),
    ("CreateContainer", BUNDLE | {"limits": {"cpus": math.inf}}),
    ("CreateContainer", BUNDLE | {"limits": {"memory": -1}}),
    ("CreateContainer", BUNDLE | {"restart": {"policy": "never"}}),
    ("CreateContainer", BUNDLE | {"source": "tmp"}),
    ("CreateContainer", BUNDLE | {"source": "/tmp/\0"}),
    ("StopContainer", WEB | {"patience": math.nan}),
    ("StopContainer", WEB | {"patience": 1e300}),
    ("StopContainer", WEB | {"timeout": -1}),
    ("WaitContainer", WEB | {"timeout": math.nan}),
    ("WaitContainer", WEB | {"timeout": -1}),
    ("KillContainer", WEB | {"signal": 0}),
    ("KillContainer", WEB | {"signal": -1}),
    ("Logs", WEB | {"tail": -1}),
    ("RunIn", {"exec": SLEEP, "timeout": 1e300}),
    ("RunIn", {"exec": SLEEP, "timeout": math.nan}),
    ("Session", {}),
]


def answer(daemon, method, fields):
    """What a daemon says."""
    with closing(Connection(daemon.socket)) as connection:
        call = Call(connection, METHODS[method])
        call.send(METHODS[method].request(**fields), end=True)
        return call.read(20)


def test_nonsense_is_refused_in_words_and_harms_nobody(daemon, bundle):
    client = daemon.start().client
    client.create("web", bundle("sleeper"))
    client.start("web")
    for method, fields in NONSENSE:
        with pytest.raises(InvalidArgument):
            print(method, fields, answer(daemon, method, fields))
    assert [str(it.status) for it in client.list()] == ["RUNNING"]
    client.remove("web", force=True)
    assert not [line for line in daemon.journal() if "trace" in line]


@pytest.mark.parametrize(
    "config",
    [
        "{}",
        '{"ociVersion": "1.0.2", "process": 3}',
        '{"ociVersion": "1.0.2", "process": {"args": 3}}',
        '{"ociVersion": "1.0.2", "root": []}',
        '{"ociVersion": "1.0.2", "root": {"path": 3}}',
        '{"ociVersion": "1.0.2", "linux": {"resources": 3}}',
    ],
)
def test_a_config_of_another_shape_is_refused_as_a_bundle(daemon, config):
    daemon.start()
    with pytest.raises(BadBundle):
        answer(daemon, "CreateContainer", BUNDLE | {"config": config})


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\0\0\0",
        b"\0\0\0\0\x64\x0a\x03abc",
        b"\0\0\0\0\x02\xff\xff",
        b"\1\0\0\0\0",
    ],
    ids=["nothing", "half a length", "half a message", "no message", "compressed"],
)
def test_a_message_that_is_none_is_refused_in_words(daemon, sent):
    daemon.start()
    with closing(Connection(daemon.socket)) as connection:
        call = Call(connection, METHODS["StartContainer"])
        connection.h2.send_data(call.id, sent, end_stream=True)
        connection.flush()
        with pytest.raises(InvalidArgument, match="message"):
            call.read(20)
    assert not [line for line in daemon.journal() if "trace" in line]


def test_a_session_whose_next_message_is_none_is_over(daemon, bundle):
    """And does not go on as one to which nobody types."""
    client = daemon.start().client
    client.create("web", bundle("sleeper"))
    client.start("web")
    with client.attach("web") as session:
        connection = session._call.connection
        connection.h2.send_data(session._call.id, b"\0\0\0\0\x02\xff\xff")
        connection.flush()
        with pytest.raises(InvalidArgument, match="cannot be read"):
            session.read(20)
    client.remove("web", force=True)


def test_what_is_refused_is_refused_at_once_as_in_process(daemon, bundle):
    """Nobody has to take the first line of a log to hear that there is none."""
    client = daemon.start().client
    for follow in (False, True):
        with pytest.raises(NotFound):
            client.logs("nobody", follow=follow)
    client.create("web", bundle("sleeper"))
    with pytest.raises(InvalidArgument):
        client.kill("web", 0)
    client.remove("web")


def test_long_lines_come_in_messages_that_every_client_takes(daemon, bundle):
    """They take 4 MiB, gRPC's default, unless they are told otherwise."""
    client = daemon.start().client
    script = "head -c 60000 /dev/zero | tr '\\0' x > /tmp/line; echo >> /tmp/line; "
    script += "for i in $(seq 120); do cat /tmp/line; done"
    client.create("web", bundle("hello").rootfs, "sh", "-c", script, readonly=False)
    client.start("web")
    assert client.wait("web", 30).ok
    for follow in (False, True):
        with closing(Connection(daemon.socket)) as connection:
            call = Call(connection, METHODS["Logs"])
            call.send(METHODS["Logs"].request(**WEB, follow=follow), end=True)
            messages = [*iter(lambda call=call: call.read(20), None)]
        assert sum(record.full for it in messages for record in it.records) == 120
        assert max(it.ByteSize() for it in messages) < 4 * 1024 * 1024
    client.remove("web")


def test_who_writes_without_an_end_does_not_fill_our_memory(daemon, bundle):
    client = daemon.start().client
    client.create("web", bundle("sleeper"))
    client.start("web")
    done = client.run_in("web", "head", "-c", "50000000", "/dev/zero", timeout=50)
    assert (done.status, len(done.stdout)) == (0, 16 * 1024 * 1024)
    client.remove("web", force=True)


def test_who_does_not_read_events_is_told_and_forgotten(manager, bundle):
    container = manager.create("web", bundle("sleeper"))
    happening = Happening(manager, None)
    for _ in range(BEHIND + 9):
        manager._house.tell("kill", container)
    events = iter(happening)
    assert len([*islice(events, BEHIND)]) == BEHIND
    with pytest.raises(LabError, match="not read in time"):
        next(events)
    assert happening._hear not in manager._house.events._callbacks
    happening.close()
    manager.remove("web")
