"""Processes as /proc shows them; psutil is the oracle."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace

import psutil
import pytest
from apart import said_by
from eventually import eventually
from facts import ends, state_of
from test_doctor import A_USER

from conman_lab import places
from conman_lab.lab.registry import Registry
from conman_lab.observe import procfs
from conman_lab.oci import cgroups

FAMILY = "sleep 600 & sleep 601 & (sleep 602 & wait) & wait"


@pytest.fixture
def family():
    """A shell, three below it, one below those; all in a session of their own."""
    shell = subprocess.Popen(["sh", "-c", FAMILY], start_new_session=True)
    eventually(lambda: len(sleeps(shell.pid)) == 3)
    yield shell
    os.killpg(shell.pid, signal.SIGKILL)
    shell.wait()


def sleeps(pid):
    return [each for each in walk(pid) if each.command[:1] == ("sleep",)]


def walk(pid):
    return [process for tree in procfs.tree_of(pid) for process in tree.walk()]


def once_it_runs(child):
    """In the middle of exec(2) there is no command line, and Popen is back by then."""
    eventually(lambda: procfs.snapshot([child.pid])[child.pid].command)
    return procfs.snapshot([child.pid])[child.pid]


def as_psutil_says(process):
    """The same record, from somebody else."""
    oracle = psutil.Process(process.pid)
    return procfs.Process(
        pid=oracle.pid,
        ppid=oracle.ppid(),
        comm=oracle.name()[:15],
        command=tuple(oracle.cmdline()),
        state=process.state,
        session=os.getsid(process.pid),
        started_at=process.started_at,
    )


def test_a_tree_is_what_psutil_finds(family):
    oracle = psutil.Process(family.pid)
    theirs = {oracle.pid, *(child.pid for child in oracle.children(recursive=True))}
    assert {process.pid for process in walk(family.pid)} == theirs
    assert len(theirs) == 5


def test_a_record_is_what_psutil_says(family):
    seen = walk(family.pid)
    assert seen == [as_psutil_says(process) for process in seen]


def test_a_sleeper_sleeps_and_psutil_says_so(family):
    for process in sleeps(family.pid):
        assert (process.state, psutil.Process(process.pid).status()) == (
            "S",
            "sleeping",
        )


def test_a_start_is_told_in_seconds_since_boot(family):
    for process in walk(family.pid):
        since_1970 = psutil.Process(process.pid).create_time()
        assert process.started_at == pytest.approx(
            since_1970 - psutil.boot_time(), abs=1.5
        )


def test_the_older_come_first(family):
    (tree,) = procfs.tree_of(family.pid)
    pids = [child.process.pid for child in tree.children]
    assert pids == sorted(pids, key=lambda pid: psutil.Process(pid).create_time())
    assert len(tree.children[-1].children) == 1


def test_everybody_is_in_a_snapshot(family):
    everybody = procfs.snapshot()
    assert {family.pid, os.getpid(), 1} <= everybody.keys()
    assert set(procfs.snapshot([family.pid, 1])) == {family.pid, 1}


def test_parents_and_ancestors_are_psutils(family):
    child = sleeps(family.pid)[-1].pid
    assert procfs.ancestors(child) == [p.pid for p in psutil.Process(child).parents()]
    assert procfs.parents()[family.pid] == os.getpid()


def test_who_is_below_another_is_no_root(family):
    below = sleeps(family.pid)[0].pid
    (tree,) = procfs.tree_of(below, family.pid)
    assert tree.process.pid == family.pid


def test_two_that_are_not_related_are_two_trees(family):
    one, two = [process.pid for process in sleeps(family.pid)][:2]
    assert [tree.process.pid for tree in procfs.tree_of(two, one)] == [one, two]


def test_a_zombie_has_no_command_line():
    child = subprocess.Popen(["true"])
    eventually(lambda: state_of(child.pid) == "Z")
    process = procfs.snapshot([child.pid])[child.pid]
    child.wait()
    assert (process.comm, process.command, process.state) == ("true", (), procfs.ZOMBIE)
    assert (process.cgroup, process.namespaces) == ("", ())


def test_a_stopped_one_is_said_to_be(family):
    family.send_signal(signal.SIGSTOP)
    eventually(lambda: procfs.snapshot([family.pid])[family.pid].state == "T")


def test_a_name_may_hold_what_it_likes(tmp_path):
    program = tmp_path / ") R 1 ( (x"
    shutil.copy(shutil.which("sleep"), program)
    child = subprocess.Popen([program, "600"])
    try:
        process = once_it_runs(child)
        assert (process.comm, process.ppid) == (program.name, os.getpid())
        assert process.command == (str(program), "600")
    finally:
        child.kill()
        child.wait()


def test_a_long_command_line_is_whole():
    words = ["x" * 5000, "", "end"]
    child = subprocess.Popen(
        ["sh", "-c", "read -r line", *words], stdin=subprocess.PIPE
    )
    command = once_it_runs(child).command
    child.communicate(b"\n")
    assert command[-3:] == tuple(words)


def test_who_has_gone_is_left_out():
    child = subprocess.Popen(["true"])
    child.wait()
    assert procfs.snapshot([child.pid]) == {}
    assert procfs.tree_of(child.pid) == []
    assert procfs.ancestors(child.pid) == []


def test_who_goes_while_we_look_is_left_out(monkeypatch):
    """Between the pass over all and the look at each, and between two of its files."""
    children = [subprocess.Popen(["sleep", "600"]) for _ in range(3)]
    text = procfs._text

    def end_it_first(path):
        if path.endswith("cmdline") and children[1].poll() is None:
            for child in children[1:]:
                child.kill()
                child.wait()
        return text(path)

    monkeypatch.setattr(procfs, "_text", end_it_first)
    seen = procfs.snapshot(child.pid for child in children)
    monkeypatch.undo()
    assert set(seen) == {children[0].pid}
    children[0].kill()
    children[0].wait()


def test_a_storm_of_short_lives_is_survived():
    """A hundred of them come and go while we take snapshots."""
    storm = "for i in $(seq 100); do true & /bin/true; done; wait"
    shell = subprocess.Popen(["sh", "-c", storm])
    looks = 0
    while shell.poll() is None:
        walk(os.getpid())
        procfs.snapshot()
        looks += 1
    assert looks > 1
    assert shell.returncode == 0


def test_what_is_asked_later_is_not_answered_by_a_successor():
    """The same pid, another start: nobody may answer for the one who had it."""
    us = procfs.snapshot([os.getpid()])[os.getpid()]
    before_us = replace(us, started_at=us.started_at - 1)
    assert us.cgroup != ""
    assert (before_us.cgroup, before_us.namespaces) == ("", ())


def test_a_cgroup_is_the_one_in_proc():
    us = procfs.snapshot([os.getpid()])[os.getpid()]
    with open("/proc/self/cgroup") as file:
        assert any(line.rstrip().endswith(f":{us.cgroup}") for line in file)


def test_a_cgroup_is_where_it_is_deepest():
    v1 = "12:pids:/user\n11:memory:/\n1:name=systemd:/user/me/app\n0::/\n"
    assert procfs._deepest(v1) == "/user/me/app"
    assert procfs._deepest("0::/a:b\n") == "/a:b"
    assert procfs._deepest("") == ""


@pytest.mark.needs_root
def test_namespaces_are_those_that_are_not_the_hosts():
    ours = procfs.snapshot([os.getpid()])[os.getpid()].namespaces
    command = ["unshare", "--uts", "--ipc", "sh", "-c", "echo; read -r line"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdout.readline()
    theirs = procfs.snapshot([child.pid])[child.pid].namespaces
    child.communicate(b"\n")
    assert set(theirs) == {*ours, "ipc", "uts"}


@pytest.mark.needs_root
def test_a_container_has_namespaces_and_a_cgroup_of_its_own(runtime, bundle):
    pid = runtime.create("c", bundle())
    process = procfs.snapshot([pid])[pid]
    assert {"ipc", "mnt", "net", "pid", "uts"} <= set(process.namespaces)
    assert process.cgroup.endswith(f"{runtime.cgroup_parent}/c")
    assert process.session == pid


def test_it_needs_nothing_else():
    """A look must not change what is looked at: no programs, no packages."""
    ask = "import sys; import conman_lab.observe.procfs; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", ask], capture_output=True, text=True, check=True
    )
    assert "subprocess" not in done.stdout.split()


def test_who_ends_between_its_two_files_is_a_zombie_and_no_nameless_sleeper(
    monkeypatch,
):
    """A tree reads everybody's stat first and the command lines later."""
    child = subprocess.Popen(["sleep", "600"])
    command_of = procfs.command_of

    def end_it_first(pid):
        if pid == child.pid:
            child.kill()
            ends(pid)
        return command_of(pid)

    monkeypatch.setattr(procfs, "command_of", end_it_first)
    (seen,) = procfs.tree_of(child.pid)
    monkeypatch.undo()
    child.wait()
    assert (seen.process.state, seen.process.command) == (procfs.ZOMBIE, ())


def test_a_tree_may_be_deeper_than_python_s_stack():
    """As of a shell's function that calls itself in a subshell."""
    script = """
        import os, sys
        from conman_lab.observe import procfs
        def grow(depth):
            if depth == 0:
                os.write(w, b"%d" % os.getpid())
                os.read(forever, 1)
            if not os.fork():
                grow(depth - 1)
            os.wait()
            os._exit(0)
        r, w = os.pipe()
        forever, _ = os.pipe()
        if not os.fork():
            grow(150)
        last = int(os.read(r, 10))
        sys.setrecursionlimit(100)
        try:
            (tree,) = procfs.tree_of(os.getpid())
            line = [process.pid for process in tree.walk()]
        finally:
            os.kill(last, 9)
        os.wait()
        print(len(line), line[0] == os.getpid(), line[-1] == last)
    """
    assert said_by(script) == "152 True True\n"


@pytest.mark.needs_root
def test_a_user_sees_what_is_not_hidden():
    """proc(5), hidepid=1: all directories are listed, and none of others' is readable."""
    hidden = "mount -o remount,hidepid=1 /proc"
    ask = "from conman_lab.observe import procfs, trace\n"
    ask += "print(len(procfs.snapshot()), procfs.parent_of(1))\nwith trace(): pass"
    command = [*A_USER, sys.executable, "-c", ask]
    done = subprocess.run(
        [
            "unshare",
            "-mpf",
            "--mount-proc",
            "sh",
            "-c",
            f'{hidden}; "$@"; :',
            "sh",
            *command,
        ],
        capture_output=True,
        text=True,
        cwd=places.COURSE,
    )
    assert (done.stdout, done.stderr) == ("1 None\n", "")


@pytest.mark.needs_root
@pytest.mark.parametrize("name", ["a b", "\v", "\u2028", "\udcff"])
def test_a_cgroup_may_have_any_name(home, name):
    """But with a newline, for /proc/PID/cgroup has a line for each tree."""
    above = Registry.of(home.name).cgroup
    directory = cgroups.tree("pids") / above / name
    directory.mkdir(parents=True)
    with subprocess.Popen(["sleep", "600"]) as process:
        for tree in cgroups.trees():
            (tree / above / name).mkdir(parents=True, exist_ok=True)
            with suppress(OSError):  # cpuset's have no processors yet
                (tree / above / name / "cgroup.procs").write_text(str(process.pid))
        assert cgroups.of_process(process.pid, "pids") == directory
        seen = procfs.snapshot([process.pid])[process.pid].cgroup
        assert seen == f"/{above}/{name}".replace("\udcff", "\ufffd")
        process.kill()
    for tree in cgroups.trees():
        (tree / above / name).rmdir()
