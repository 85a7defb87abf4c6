"""A bundle is a value: read, changed without harm, checked before a runtime sees it."""

import copy
import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from conman_lab.errors import BadBundle, BadName, NameTaken
from conman_lab.oci import Bundle, spec


@pytest.fixture
def good(tmp_path):
    """A bundle as small as can be, on disk, with all that a runtime asks for."""
    (tmp_path / "good" / "rootfs").mkdir(parents=True)
    return Bundle.create(tmp_path / "good", "echo", "hi").save()


def on_disk(bundle):
    return (bundle.directory / "config.json").read_text()


# --- what cannot be a bundle at all


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "there is no such file"),
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "expected a JSON object"),
        (b'"config"', "expected a JSON object"),
        (b"null", "expected a JSON object"),
    ],
)
def test_no_bundle_is_told_with_its_file(tmp_path, content, expected):
    path = tmp_path / "config.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadBundle) as caught:
        Bundle.load(tmp_path)
    assert str(caught.value).startswith(f"{path}: ")
    assert expected in caught.value.expected


def test_the_file_is_no_bundle_its_directory_is(good):
    with pytest.raises(BadBundle, match="there is no such file"):
        Bundle.load(good.directory / "config.json")


# --- what a runtime would refuse


def put(path, value):
    """A change of a config: set the field `a.b[0].c`, given as a tuple of its steps."""

    def change(config):
        *way, last = path
        for step in way:
            config = config[step]
        config[last] = value

    return change


def drop(*path):
    """A change of a config: remove the field."""

    def change(config):
        *way, last = path
        for step in way:
            config = config[step]
        del config[last]

    return change


PROCESS, CAPABILITIES = "process", ("process", "capabilities")
BAD = [
    (drop("ociVersion"), "ociVersion", "a version of the spec as '1.0.2'"),
    (put(["ociVersion"], "0.5"), "ociVersion", "a version of the spec"),
    (put(["ociVersion"], 1), "ociVersion", "a version of the spec"),
    (drop(PROCESS), "process", "an object with args and cwd"),
    (put([PROCESS], "echo"), "process", "an object with args and cwd"),
    (drop(PROCESS, "args"), "process.args", "at least one word"),
    (put([PROCESS, "args"], []), "process.args", "at least one word"),
    (put([PROCESS, "args"], "echo hi"), "process.args", "a list"),
    (put([PROCESS, "args"], ["echo", 7]), "process.args[1]", "a string, not 7"),
    (put([PROCESS, "args"], [None]), "process.args[0]", "a string, not None"),
    (put([PROCESS, "env"], "A=b"), "process.env", "strings as 'NAME=value'"),
    (put([PROCESS, "env"], ["A=b", 1]), "process.env[1]", "a string, not 1"),
    (put([PROCESS, "env"], ["A=b", "C"]), "process.env[1]", "NAME=value, not 'C'"),
    (drop(PROCESS, "cwd"), "process.cwd", "an absolute path"),
    (put([PROCESS, "cwd"], "tmp"), "process.cwd", "an absolute path"),
    (put([PROCESS, "cwd"], 7), "process.cwd", "an absolute path"),
    (put([PROCESS, "terminal"], "yes"), "process.terminal", "true or false"),
    (put([*CAPABILITIES], ["CAP_KILL"]), "process.capabilities", "an object of"),
    (
        put([*CAPABILITIES, "bonding"], []),
        "process.capabilities.bonding",
        "unknown set; expected one of bounding, effective",
    ),
    (
        put([*CAPABILITIES, "bounding"], "CAP_KILL"),
        "process.capabilities.bounding",
        "a list of names",
    ),
    (
        put([*CAPABILITIES, "bounding"], ["CAP_KILL", "kill"]),
        "process.capabilities.bounding[1]",
        "a name as 'CAP_KILL', not 'kill'",
    ),
    (drop("root"), "root.path", "the directory of the root file system"),
    (put(["root"], {}), "root.path", "the directory of the root file system"),
    (put(["root", "path"], 7), "root.path", "the directory of the root file system"),
    (put(["root", "path"], "nowhere"), "root.path", "nowhere: build it"),
    (put(["root", "path"], "config.json"), "root.path", "is not a directory"),
    (put(["mounts"], {}), "mounts", "a list of objects"),
    (put(["mounts", 1], "/tmp"), "mounts[1].destination", "where to mount it"),
    (drop("mounts", 0, "destination"), "mounts[0].destination", "where to mount it"),
    (
        put(["mounts", 2, "destination"], "tmp"),
        "mounts[2].destination",
        "an absolute path",
    ),
    (put(["linux"], []), "linux", "an object"),
    (put(["linux", "namespaces"], "pid"), "linux.namespaces", "a list of objects"),
    (
        put(["linux", "namespaces", 0, "type"], "pids"),
        "linux.namespaces[0].type",
        "unknown namespace 'pids'; expected one of pid, network, ipc",
    ),
    (
        put(["linux", "namespaces", 1], "pid"),
        "linux.namespaces[1].type",
        "unknown namespace None",
    ),
]


@pytest.mark.parametrize(("change", "field", "expected"), BAD)
def test_what_a_runtime_would_refuse_is_told_with_file_and_field(
    good, change, field, expected
):
    config = copy.deepcopy(good.config)
    change(config)
    (good.directory / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadBundle) as caught:
        Bundle.load(good.directory).validate()
    assert caught.value.field == field
    assert expected in caught.value.expected
    assert str(caught.value).startswith(f"{good.directory}/config.json: {field}: ")


@pytest.mark.parametrize(("change", "field", "expected"), BAD)
def test_a_bad_bundle_can_be_printed(good, change, field, expected):
    """A learner looks at it in a cell before anything else."""
    config = copy.deepcopy(good.config)
    change(config)
    assert str(Bundle(good.directory, config)).startswith("bundle good: ")


@pytest.mark.parametrize("words", [["NO-VALUE"], ["=", "A=1"], [""]])
def test_changing_the_env_does_not_hide_a_bad_one(good, words):
    config = copy.deepcopy(good.config)
    config["process"]["env"] = words
    changed = Bundle(good.directory, config).with_env(B="2")
    assert changed.config["process"]["env"] == [*words, "B=2"]


def test_all_problems_are_found_in_the_order_of_the_file(good):
    config = copy.deepcopy(good.config)
    config |= {"ociVersion": "2", "mounts": {}, "root": {}}
    config["process"] |= {"args": [], "cwd": "x"}
    fields = [field for field, _ in spec.problems(config, good.directory)]
    order = ["ociVersion", "process.args", "process.cwd", "root.path", "mounts"]
    assert fields == order


def test_a_good_bundle_has_no_problems_and_validates_to_itself(good):
    assert list(spec.problems(good.config, good.directory)) == []
    assert good.validate() is good


# --- the same, but


CHANGES = {
    "args": lambda bundle: bundle.with_args("sleep", "1"),
    "env": lambda bundle: bundle.with_env(HOME="/root", NEW="1"),
    "terminal": lambda bundle: bundle.with_terminal(),
    "cwd": lambda bundle: bundle.with_cwd("/tmp"),
    "capabilities": lambda bundle: bundle.with_capabilities("CAP_CHOWN"),
    "rootfs": lambda bundle: bundle.with_rootfs("/elsewhere"),
    "readonly": lambda bundle: bundle.with_readonly(False),
    "hostname": lambda bundle: bundle.with_hostname("other"),
    "mount": lambda bundle: bundle.with_mount("/srv", "/data", "ro"),
    "limits": lambda bundle: bundle.with_limits(memory=1 << 25, pids=10, cpus=0.5),
    "cgroup": lambda bundle: bundle.with_cgroup("/other/one"),
    "namespaces": lambda bundle: bundle.without_namespaces("pid", "network"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_of_a_bad_bundle_works_or_says_what_is_bad(good, change):
    for spoiled, field, _ in BAD:
        config = copy.deepcopy(good.config)
        spoiled(config)
        try:
            assert isinstance(change(Bundle(good.directory, config)), Bundle)
        except BadBundle as error:
            assert error.field == field  # noqa: PT017  # mostly there is none


def test_a_variable_may_have_any_name(good):
    assert "self=1" in good.with_env(self="1").config["process"]["env"]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_touches_neither_the_original_nor_its_file(good, change):
    config, text = copy.deepcopy(good.config), on_disk(good)
    changed = change(good)
    assert changed.config != good.config
    assert good.config == config
    assert on_disk(good) == text


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_of_the_change_does_not_reach_back(good, change):
    """No list or object in it is shared with the original, however deep."""
    before = json.dumps(good.config)
    changed = change(good)
    spoil(changed.config)
    assert json.dumps(good.config) == before


def spoil(value):
    """Change everything in a config that can be changed in place."""
    for child in list(value.values() if isinstance(value, dict) else value):
        if isinstance(child, dict | list):
            spoil(child)
    value.clear()


def test_each_change_says_what_it_should(good):
    changed = good
    for change in CHANGES.values():
        changed = change(changed)
    process, linux = changed.config["process"], changed.config["linux"]
    assert (changed.args, changed.terminal) == (["sleep", "1"], True)
    assert {"HOME=/root", "NEW=1"} < set(process["env"])
    assert "HOME=/" not in process["env"]
    assert process["cwd"] == "/tmp"
    assert set(map(tuple, process["capabilities"].values())) == {("CAP_CHOWN",)}
    assert changed.config["root"] == {"path": "/elsewhere", "readonly": False}
    assert changed.config["hostname"] == "other"
    assert changed.config["mounts"][-1] == {
        "destination": "/data",
        "type": "bind",
        "source": "/srv",
        "options": ["rbind", "ro"],
    }
    assert linux["resources"] == {
        "memory": {"limit": 1 << 25, "swap": 1 << 25},
        "pids": {"limit": 10},
        "cpu": {"quota": 50_000, "period": 100_000},
    }
    assert linux["cgroupsPath"] == "/other/one"
    kinds = [namespace["type"] for namespace in linux["namespaces"]]
    assert kinds == ["ipc", "uts", "mount"]


def test_limits_add_to_those_that_are_there(good):
    both = good.with_limits(pids=5).with_limits(memory=1 << 25)
    assert set(both.config["linux"]["resources"]) == {"pids", "memory"}


# --- on disk


def test_what_is_saved_is_what_is_loaded(good):
    assert Bundle.load(good.directory) == good


def test_saved_elsewhere_it_points_to_the_same_rootfs(good, tmp_path):
    moved = good.save(tmp_path / "a" / "b")
    assert moved.rootfs == good.rootfs
    assert Bundle.load(tmp_path / "a" / "b").validate() == moved
    assert sorted(path.name for path in moved.directory.iterdir()) == ["config.json"]


def test_saved_in_its_place_its_rootfs_stays_relative(good):
    assert good.save().config["root"]["path"] == "rootfs"


def test_each_container_of_a_bundle_has_its_own_cgroup(good, tmp_path):
    one, two = (good.for_container(id, tmp_path, "parent") for id in ("one", "two"))
    paths = [bundle.config["linux"]["cgroupsPath"] for bundle in (one, two)]
    assert paths == ["/parent/one", "/parent/two"]
    assert one.rootfs == two.rootfs == good.rootfs
    assert one.directory == tmp_path / "containers" / "one" / "bundle"
    assert "cgroupsPath" not in good.config["linux"]


def test_of_many_who_want_one_name_one_gets_it(good, tmp_path):
    start = Barrier(8)

    def want(_):
        start.wait()
        try:
            return good.for_container("wanted", tmp_path, "parent")
        except NameTaken as error:
            return error

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(want, range(8)))
    got = [outcome for outcome in outcomes if isinstance(outcome, Bundle)]
    refused = [str(error) for error in outcomes if isinstance(error, NameTaken)]
    assert (len(got), len(refused)) == (1, 7)
    assert set(refused) == {
        "there is a container 'wanted' already: delete it, or take another id"
    }


@pytest.mark.parametrize("id", ["../x", "a b", "-x", "", "a/b", ".", "ü", "x" * 129])
def test_an_id_that_must_not_reach_a_path_leaves_nothing(good, tmp_path, id):
    with pytest.raises(BadName, match="is no name"):
        good.for_container(id, tmp_path / "home", "parent")
    assert not (tmp_path / "home").exists()


def test_a_bad_bundle_takes_no_name(good, tmp_path):
    with pytest.raises(BadBundle):
        good.with_cwd("x").for_container("one", tmp_path / "home", "parent")
    assert not (tmp_path / "home").exists()


def test_a_name_is_free_again_when_its_config_cannot_be_written(good, tmp_path):
    unwritable = Bundle(good.directory, good.config | {"annotations": {"a": {1, 2}}})
    with pytest.raises(TypeError):  # a set is not JSON
        unwritable.for_container("one", tmp_path, "parent")
    assert good.for_container("one", tmp_path, "parent").validate()
