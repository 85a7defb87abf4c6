"""What crosses the socket: conman's numbers, our values, and our errors."""

import dataclasses
import inspect
import json
import re
import subprocess
import sys

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from conman_lab import errors
from conman_lab.errors import BadBundle, LabError, RuntimeFailed
from conman_lab.linux import Exit
from conman_lab.manager.answers import Event, Record, Stats
from conman_lab.manager.client import Client
from conman_lab.manager.container import Container, Limits, Policy, Restart, Status
from conman_lab.manager.vocabulary import Containers
from conman_lab.manager.wire import convert, parts
from conman_lab.manager.wire.failures import TABLE, Code, code_of, pack, unpack
from conman_lab.manager.wire.schema import MESSAGE, METHODS
from conman_lab.stream import Stream

# conman's own messages, as its users' programs were compiled with them.
CONMAN = {
    "VersionRequest": "",
    "VersionResponse": "1 version, 2 runtime_name, 3 runtime_version",
    "CreateContainerRequest": "1 name, 2 rootfs_path, 3 rootfs_readonly, 4 command, "
    "5 args, 6 stdin, 7 stdin_once",
    "CreateContainerResponse": "1 container_id",
    "StartContainerRequest": "1 container_id",
    "StartContainerResponse": "",
    "StopContainerRequest": "1 container_id, 2 timeout",
    "StopContainerResponse": "",
    "RemoveContainerRequest": "1 container_id",
    "RemoveContainerResponse": "",
    "ListContainersRequest": "",
    "ListContainersResponse": "1 containers",
    "ContainerStatusRequest": "1 container_id",
    "ContainerStatusResponse": "1 status",
    "AttachRequest": "1 container_id, 2 tty, 3 stdin, 4 stdout, 5 stderr",
    "AttachResponse": "1 url",
    "Container": "1 id, 2 name, 3 created_at, 4 state",
    "ContainerStatus": "1 container_id, 2 container_name, 3 state, 4 created_at, "
    "5 started_at, 6 finished_at, 7 exit_code, 8 message, 9 log_path",
}
FULL = Container(
    id="a" * 32,
    name="web",
    command=("sleep", "1"),
    rootfs="/bundles/web/rootfs",
    readonly=False,
    labels={"tier": "front"},
    limits=Limits(memory=1 << 33, pids=7, cpus=0.5),
    restart=Restart(Policy.ON_FAILURE, 3),
    created_at=1.25,
    auto_remove=True,
    terminal=True,
    stdin=True,
    stdin_once=False,
    process="1 2 boot",
    restarts=2,
    status=Status.EXITED,
    started_at=2.5,
    exit=Exit(signal=9, at=3.75, oom=True),
    log_path="/log",
    message="words",
    paused=True,
)


@pytest.mark.parametrize("name", CONMAN)
def test_conmans_fields_have_conmans_numbers(name):
    fields = MESSAGE[name].DESCRIPTOR.fields_by_name
    expected = [entry.split() for entry in CONMAN[name].split(", ") if entry]
    assert {field: fields[field].number for _, field in expected} == {
        field: int(number) for number, field in expected
    }
    last = max((int(number) for number, _ in expected), default=0)
    ours = set(fields) - {field for _, field in expected}
    assert all(fields[field].number > last for field in ours), "ours come behind"


def test_a_message_is_the_bytes_that_protoc_would_make():
    """Key = number << 3 | type, https://protobuf.dev/programming-guides/encoding."""
    request = MESSAGE["CreateContainerRequest"](
        name="web", rootfs_readonly=True, args=["a", "b"]
    )
    assert request.SerializeToString() == b"\x0a\x03web\x18\x01\x2a\x01a\x2a\x01b"
    assert MESSAGE["Container"](created_at=300, state=1).SerializeToString() == (
        b"\x18\xac\x02\x20\x01"
    )


def test_the_proto_file_has_every_method_and_every_field():
    done = subprocess.run(
        [sys.executable, "-m", "conman_lab.manager.wire"],
        capture_output=True,
        text=True,
        check=True,
    )
    body = dict(
        re.findall(r"^message (\w+) {\n(.*?)^}", done.stdout, re.DOTALL | re.MULTILINE)
    )
    assert body.keys() == MESSAGE.keys()
    for name, kind in MESSAGE.items():
        told = {(n, int(i)) for n, i in re.findall(r" (\w+) = (\d+);", body[name])}
        assert told == {(it.name, it.number) for it in kind.DESCRIPTOR.fields}
    assert "  optional ContainerState state = 2;\n" in body["ListContainersRequest"]
    assert "  repeated Whole" not in done.stdout
    assert "  map<string,string> labels = 13;\n" in body["CreateContainerRequest"]
    rpcs = re.findall(r"  rpc (\w+) \((stream )?.*\((stream )?", done.stdout)
    assert [(n, bool(a), bool(b)) for n, a, b in rpcs] == [
        (it.name, it.asks_on, it.answers_on) for it in METHODS.values()
    ]


def test_the_states_have_conmans_numbers():
    assert [(s.value, n) for s, n in convert.NUMBER.items()] == [
        ("CREATED", 0),
        ("RUNNING", 1),
        ("EXITED", 2),
        ("UNKNOWN", 3),
    ]


def test_the_methods_are_where_conmans_clients_look_for_them():
    assert METHODS["Version"].path == "/Conman/Version"
    assert list(METHODS)[:8] == [
        *("Version", "CreateContainer", "StartContainer", "StopContainer"),
        *("RemoveContainer", "ListContainers", "ContainerStatus", "Attach"),
    ]


def test_a_client_of_conmans_sees_nothing_that_it_does_not_know():
    row = json_format.MessageToDict(
        MESSAGE["Container"](**convert.brief(FULL)),
        always_print_fields_with_no_presence=True,
    )
    assert json.loads(json.dumps(row)) == {
        "id": "a" * 32,
        "name": "web",
        "createdAt": "1250000000",
        "state": "EXITED",
    }


def test_of_a_full_one_every_field_is_set():
    """So that one which is new in Container, and does not cross, is seen."""
    bare = Container(id="b", name="x")
    names = [field.name for field in dataclasses.fields(Container)]
    assert [name for name in names if getattr(FULL, name) == getattr(bare, name)] == []


@pytest.mark.parametrize(
    "container",
    [FULL, Container(id="b", name="x")],
    ids=["all of it", "almost nothing"],
)
def test_a_container_crosses_as_it_is(container):
    packed = convert.whole_message(container).SerializeToString()
    there = convert.container_of(MESSAGE["Whole"].FromString(packed))
    assert there == container
    assert (there.exit, there.labels) == (container.exit, container.labels)
    assert not container.exit or there.exit.at == container.exit.at
    assert not container.exit or there.exit.oom


@given(
    st.binary(max_size=99), st.booleans(), st.sampled_from(Stream), st.floats(0, 1e10)
)
def test_a_record_of_a_log_crosses_as_it_is(text, full, stream, at):
    record = Record(at, stream, full, text)
    assert parts.record_of(parts.record_message(record)) == record


def test_events_and_stats_cross_as_they_are():
    event = Event(1.5, "exit", "a" * 32, "web", {"code": "7"})
    assert parts.event_of(parts.event_message(event)) == event
    for limit in (None, 0, 5):
        stats = Stats(0.25, 1 << 40, limit, 3, at=9.5)
        assert parts.stats_of(parts.stats_message(stats)) == stats


OF_EVERY_CLASS = [
    kind("web: in these words, ünd %20 these\nand more")
    for name, kind in vars(errors).items()
    if isinstance(kind, type)
    and issubclass(kind, LabError)
    and name not in ("BadBundle", "RuntimeFailed")
]


@pytest.mark.parametrize("error", OF_EVERY_CLASS, ids=lambda it: type(it).__name__)
def test_an_error_arrives_as_what_it_was(error):
    there = unpack(code_of(error), str(error), pack(error))
    assert type(there) is type(error)
    assert str(there) == str(error)


def test_what_an_error_knows_besides_arrives_as_well():
    bad = BadBundle("/b/config.json", "process.args", "expected a list")
    there = unpack(code_of(bad), str(bad), pack(bad))
    assert (there.where, there.field, there.expected) == (
        *("/b/config.json", "process.args", "expected a list"),
    )
    failed = RuntimeFailed("runc start", ["runc", "start", "x"], -9, "said")
    there = unpack(code_of(failed), str(failed), pack(failed))
    assert (there.command, there.status, there.words) == (
        *(("runc", "start", "x"), -9, "said"),
    )
    full = OSError(28, "No space left on device", "/var/x")
    there = unpack(code_of(full), str(full), pack(full))
    assert str(there) == str(full)


def test_an_error_of_a_class_of_the_daemons_own_arrives_as_its_base():
    class Odd(errors.WrongState):
        pass

    there = unpack(code_of(Odd("odd")), "odd", pack(Odd("odd")))
    assert type(there) is errors.WrongState


@pytest.mark.parametrize(
    ("code", "kind"), [(code, kind) for kind, code in reversed(TABLE)]
)
def test_a_stranger_without_our_trailer_is_understood(code, kind):
    first = next(its for its, its_code in TABLE if its_code == code)
    there = unpack(code, "words", None)
    assert isinstance(there, first if first is not OSError else LabError)


def test_a_bug_is_an_internal_error():
    assert code_of(KeyError("x")) is Code.INTERNAL


def test_no_two_words_of_the_table_are_the_same():
    assert len({kind for kind, _ in TABLE}) == len(TABLE)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, it in vars(Containers).items()
        if inspect.isfunction(it) and re.match("[a-z]", name)
    ],
)
def test_a_client_has_the_managers_methods(name):
    ours = inspect.signature(getattr(Client, name), eval_str=False)
    theirs = inspect.signature(getattr(Containers, name), eval_str=False)
    assert ours.parameters == theirs.parameters
