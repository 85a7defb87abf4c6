"""Each bundle of the course does what it says, in a real container."""

import os
import re
import signal
import time
from itertools import takewhile
from pathlib import Path

import pytest
from eventually import eventually
from facts import ends, reads
from parent import as_its_parent_sees_it

from conman_lab import places
from conman_lab.lab import bundles
from conman_lab.oci import Bundle, cgroups, spec
from conman_lab.oci.runtime import Stdio

ABOUT = "org.conman-lab.about"


@pytest.fixture
def running(runtime):
    """Start a container of a bundle; its pid, and a pipe with both its streams."""
    opened = []

    def start(ready):
        output, theirs = os.pipe()
        opened.append(output)
        pid = runtime.create("it", ready, Stdio(stdout=theirs, stderr=theirs))
        os.close(theirs)
        runtime.start("it")
        return pid, output

    yield start
    for fd in opened:
        os.close(fd)
    runtime.delete("it", force=True)


@pytest.mark.parametrize("name", bundles.names())
def test_a_bundle_is_right_and_says_what_it_is_for(bundle, name):
    config = bundles.load(name).config
    assert list(spec.problems(config, bundle(name).directory)) == []
    assert config["annotations"][ABOUT].strip()
    assert config["hostname"] == name


@pytest.mark.parametrize("name", bundles.names())
def test_a_bundle_differs_from_the_least_only_where_it_says_so(name):
    """So what is special about it is found at a glance: `git diff --no-index`."""
    default, config = spec.default_config(), bundles.load(name).config
    env = config["process"].pop("env")
    assert default["process"].pop("env") == env[:2]
    for part in (default, config):
        for field in ("args", "terminal"):
            part["process"].pop(field)
    kinds = {"type": "pid"} if name == "orphans" else None
    namespaces = [each for each in default["linux"]["namespaces"] if each != kinds]
    default["linux"]["namespaces"] = namespaces
    resources = config["linux"].pop("resources", {})
    assert set(resources) == ({"memory"} if name == "eater" else set())
    default |= {"hostname": name, "annotations": config["annotations"]}
    assert config == default


@pytest.mark.parametrize("name", bundles.names())
def test_config_json_is_written_for_a_reader(name):
    """One that fits on a screen or two, in lines that do not break but for a script."""
    lines = (places.bundles() / name / "config.json").read_text().splitlines()
    assert len(lines) < 80
    wide = [line for line in lines if len(line) > 88]
    assert [
        line for line in wide if not re.search('"sh"|"trap|"BEGIN|about', line)
    ] == []


def test_hello_says_hello(runtime, bundle):
    done = runtime.run("it", bundle("hello"))
    assert (done.status, done.stdout) == (0, b"Hello from a container\n")


def test_sleeper_ends_at_once_on_sigterm(runtime, bundle):
    ended = as_its_parent_sees_it(runtime, bundle("sleeper"), signal.SIGTERM)
    assert ended[0] == "exit code 0"


def test_ticker_counts(runtime, bundle):
    done = runtime.run("it", bundle("ticker").with_env(TICKS="3"))
    assert done.stdout == b"tick 1\ntick 2\ntick 3\n"


def test_ticker_ticks_ten_times_a_second_for_ever(running, bundle):
    _, output = running(bundle("ticker"))
    started_at = time.monotonic()
    assert reads(output, b"tick 4\n") == b"tick 1\ntick 2\ntick 3\ntick 4\n"
    assert 0.25 < time.monotonic() - started_at < 2


def test_ticker_ends_when_nobody_reads_it(runtime, bundle):
    """Pid 1 does not die of SIGPIPE, signal(7) is not for init; its write(2) fails."""
    output, theirs = os.pipe()
    pid = runtime.create("it", bundle("ticker"), Stdio(stdout=theirs))
    os.close(theirs)
    runtime.start("it")
    reads(output, b"tick 1\n")
    os.close(output)
    assert ends(pid)
    runtime.delete("it")


@pytest.mark.parametrize("code", [0, 7, 255])
def test_exiter_ends_as_it_is_told(runtime, bundle, code):
    assert runtime.run("it", bundle("exiter")).status == 7
    told = bundle("exiter").with_env(EXIT_CODE=code)
    assert runtime.run("it", told).status == code
    args = ("sh", "-c", f"exit {code}")
    assert runtime.run("it", bundle("exiter").with_args(*args)).status == code


def test_cat_echoes_every_byte(runtime, bundle):
    everything = bytes(range(256)) * 1000
    assert runtime.run("it", bundle("cat"), everything).stdout == everything


def test_shell_is_on_a_terminal(bundle):
    assert bundle("shell").terminal


@pytest.mark.parametrize("count", [0, 1, 300, 1000])
def test_chatter_floods_both_streams_with_known_lines(runtime, bundle, count):
    done = runtime.run("it", bundle("chatter").with_env(COUNT=count))
    *lengths, last = done.stdout.split(b"\n")
    twice = takewhile(lambda n: n < 524_288, ((count + 1) << n for n in range(1, 21)))
    assert [len(line) for line in lengths] == [*range(count + 2), *twice]
    assert set(b"".join(lengths)) == {ord("x")}
    assert last == b"the end"
    assert done.stderr == done.stdout


def test_stubborn_ends_of_sigkill_alone(runtime, running, bundle):
    pid, output = running(bundle("stubborn"))
    reads(output, b"try me\n")
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        runtime.kill("it", signum)
    ignored = 1 << 14 | 1 << 1 | 1 << 0  # SIGTERM, SIGINT, SIGHUP
    status = Path(f"/proc/{pid}/status").read_text()
    mask = int(re.search(r"SigIgn:\t(\w+)", status)[1], 16)
    assert mask & ignored == ignored
    assert not ends(pid, timeout=0.05)
    runtime.kill("it", signal.SIGKILL)
    assert ends(pid)


def test_stubborn_is_so_without_a_pid_namespace_too(runtime, running, bundle):
    pid, output = running(bundle("stubborn").without_namespaces("pid"))
    reads(output, b"try me\n")
    runtime.kill("it", signal.SIGTERM)
    assert not ends(pid, timeout=0.05)


def test_orphans_are_left_behind_and_hold_the_pipe(runtime, running, bundle):
    pid, output = running(bundle("orphans"))
    reads(output, b"left 3 behind\n")
    assert ends(pid)
    left = cgroups.processes(f"{runtime.cgroup_parent}/it") - {pid}
    assert len(left) == 3
    assert pid not in {parent_of(orphan) for orphan in left}
    assert runtime.status("it") == "stopped"
    runtime.delete("it")
    assert all(ends(orphan) for orphan in left)
    assert os.read(output, 1) == b"", "and only now does the pipe end"


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_orphans_end_by_themselves(runtime, running, bundle):
    _, output = running(bundle("orphans").with_env(LINGER="0.2"))
    reads(output, b"left 3 behind\n")
    assert eventually(lambda: not cgroups.processes(f"{runtime.cgroup_parent}/it"))


def test_eater_is_killed_for_its_memory(runtime, bundle):
    how, words = as_its_parent_sees_it(runtime, bundle("eater"))
    assert how == "killed by SIGKILL"
    assert "oom_kill 1" in words


def test_eater_is_killed_by_run_too(runtime, bundle):
    assert runtime.run("it", bundle("eater")).status == 128 + signal.SIGKILL


def test_crasher_dies_of_a_signal_though_it_is_pid_1(runtime, bundle):
    """Its parent sees it: no shell in between has made 139 of it."""
    assert "pid" in {each["type"] for each in namespaces(bundle("crasher"))}
    assert as_its_parent_sees_it(runtime, bundle("crasher"))[0] == "killed by SIGSEGV"
    assert runtime.run("it", bundle("crasher")).status == 128 + signal.SIGSEGV


def test_pid_1_does_not_die_of_a_signal_of_its_own(runtime, bundle):
    """This is why `crasher` is as it is."""
    args = ("sh", "-c", "kill -SEGV $$; echo alive")
    assert runtime.run("it", bundle("hello").with_args(*args)).stdout == b"alive\n"


def namespaces(ready: Bundle):
    return ready.config["linux"]["namespaces"]
