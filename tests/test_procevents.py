"""What the kernel tells of processes, and what we make of it where it tells nothing."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from itertools import takewhile

import pytest
from apart import FIND_US, said_by
from eventually import eventually
from facts import ends

from conman_lab.errors import NotPossible
from conman_lab.linux import Exit
from conman_lab.observe import polling, procfs, trace
from conman_lab.observe.events import Kind
from conman_lab.observe.polling import Poller
from conman_lab.observe.procevents import Connector
from conman_lab.observe.recording import Recording

pytestmark = pytest.mark.needs_root
TRACED = f"""{FIND_US}
import subprocess, time
from conman_lab.observe import trace
def run_until_seen(title, *command):
    with subprocess.Popen(command, stdin=subprocess.PIPE):
        while not any(title in life.titles for life in t.lives()):
            time.sleep(0.01)
with trace() as t:
    run_until_seen("cat", "sh", "-c", "cat; exit 3")
    run_until_seen("cat -", "cat", "-")
print(t.source)
print(t)
"""


@pytest.fixture(params=[Connector, Poller])
def recorded(request):
    """Record a command's life with either source; as a zombie it can be looked at."""
    if request.param is Connector:
        connector().close()

    def record(*command):
        recording = Recording([os.getpid()], request.param())
        child = subprocess.Popen(command)
        ended = eventually(lambda: lives_of(recording, child.pid)[0].ended_at)
        child.wait()
        recording.stop()
        assert ended
        return lives_of(recording, child.pid)

    return record


def connector(**how):
    try:
        return Connector(**how)
    except NotPossible as why:
        pytest.skip(str(why))


def python(script):
    return [sys.executable, "-c", script]


def lives_below_us(recording):
    return recording.lives()[1:]


def lives_of(recording, pid):
    """A process, and those below it; a first one that has not ended, if it is not there."""
    lives = recording.lives()
    pids = [life.pid for life in lives]
    if pid not in pids:
        return lives[:1]
    life, *behind = lives[pids.index(pid) :]
    return [life, *takewhile(lambda other: other.depth > life.depth, behind)]


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("sleep 0.4; exit 7", "exit code 7"),
        ("sleep 0.4; kill -9 $$", "killed by SIGKILL"),
        ("sleep 0.4; exit 0", "exit code 0"),
    ],
)
def test_how_a_process_ended_is_told(recorded, script, how):
    shell, sleep = recorded("sh", "-c", script)
    # In the end: who polls may see it between its fork and its exec, too.
    assert (str(shell.exit), shell.titles[-1]) == (how, f"sh -c {script}")
    assert (sleep.titles[-1], sleep.parent) == ("sleep 0.4", shell.key)


@pytest.mark.parametrize("source", [Connector, Poller])
def test_whoever_was_there_is_seen(source):
    if source is Connector:
        connector().close()
    t = Recording([os.getpid()], source())
    t.stop()
    us = t.lives()[0]
    assert (us.pid, us.seen, us.ended_at) == (os.getpid(), True, None)
    assert us.phases[0].words == procfs.command_of(os.getpid())


def test_others_are_left_out():
    """A shell that is not below what was asked for has a child."""
    other = subprocess.Popen(["sh", "-c", "read _; true"], stdin=subprocess.PIPE)
    asked = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    with trace(asked.pid) as t:
        other.communicate(b"\n")
        asked.communicate()
    (only,) = t.lives()
    assert (only.pid, str(only.exit)) == (asked.pid, "exit code 0")


def test_everything_is_everything():
    with trace(everything=True) as t:
        subprocess.run(["true"])
    lives = {life.pid: life for life in t.lives()}
    assert {1, os.getpid()} <= lives.keys()
    assert any(life.titles == ["true"] for life in lives.values())


def test_a_name_of_its_own_a_session_and_a_user_are_told():
    connector().close()
    script = """
import os
os.setsid()
open("/proc/self/comm", "w").write("another name")
os.setuid(65534)
"""
    with trace() as t:
        subprocess.run(python(script))
    seen = [event for event in t.events if event.pid == t.lives()[1].pid]
    kinds = [event.kind for event in seen]
    expected = [Kind.FORK, Kind.EXEC, Kind.SESSION, Kind.COMM, Kind.UID, Kind.EXIT]
    assert kinds == expected
    assert [event.name for event in seen if event.kind in (Kind.COMM, Kind.UID)] == [
        "another name",
        "65534, 65534",
    ]


def test_the_kernels_clock_is_ours():
    with trace() as t:
        t.mark("before")
        subprocess.run(["true"])
        t.mark("after")
    before, after = (mark.at for mark in t.marks)
    life = t.lives()[1]
    assert before < life.born_at < life.phases[1].at < life.ended_at < t.ended_at
    assert life.phases[1].at < after


# --- threads


def test_a_thread_is_no_process():
    connector().close()
    script = """
from threading import Thread
threads = [Thread(target=int) for _ in range(5)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    with trace() as t:
        subprocess.run(python(script))
    assert len(t.lives()) == 2
    assert [event.kind for event in t.events].count(Kind.EXIT) == 1


def test_a_thread_that_executes_a_program_is_the_process():
    connector().close()
    script = """
import os, time
from threading import Thread
Thread(target=os.execvp, args=("sh", ["sh", "-c", "exit 5"])).start()
time.sleep(60)
"""
    with trace() as t:
        subprocess.run(python(script))
    (life,) = lives_below_us(t)
    assert life.titles[-1] == "sh -c exit 5"
    assert str(life.exit) == "exit code 5"


def test_a_process_has_ended_when_its_last_thread_has():
    connector().close()
    script = """
import ctypes, sys
from threading import Thread
def last():
    sys.stdin.read(1)
    print(flush=True)
Thread(target=last).start()
print(flush=True)
ctypes.CDLL(None).syscall(60, 0)  # exit(2) ends the calling thread alone
"""
    with trace() as t:
        child = subprocess.Popen(
            python(script), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        child.stdout.readline()
        eventually(lambda: procfs.snapshot([child.pid])[child.pid].state == "Z")
        t.mark("the first thread has gone")
        assert t.lives()[1].ended_at is None
        child.communicate(b"x")
    assert t.lives()[1].ended_at > t.marks[0].at


# --- adoption


def test_an_orphan_is_adopted_by_the_subreaper():
    """Who it was is asked of the orphan itself as well."""
    script = """
        import os, subprocess
        from conman_lab import linux
        from conman_lab.observe import trace
        linux.become_subreaper()
        with trace() as t:
            subprocess.run(["sh", "-c", "(sleep 0.1; exec grep PPid /proc/self/status) &"])
            while True:
                try: os.wait()
                except ChildProcessError: break
        us, shell, orphan, *_ = t.lives()
        print(os.getpid(), orphan.adoptions[0].adopter == us.key, orphan.parent == shell.key)
    """
    ppid, pid, *verdict = said_by(script).replace("PPid:", "").split()
    assert verdict == ["True", "True"]
    assert ppid == pid


@pytest.mark.parametrize("patience", ["sleep 0.2", ":"])
def test_an_orphan_that_ends_at_once_has_an_adopter_too(patience):
    """Its own last message tells who it was, if /proc is too late."""
    connector().close()
    with trace() as t:
        subprocess.run(["sh", "-c", f"{patience} & sh -c : & exit 0"])
        eventually(lambda: all(life.ended_at for life in lives_below_us(t)))
    for life in lives_below_us(t)[1:]:
        shell_ended_at = t.lives()[1].ended_at
        if life.ended_at > shell_ended_at and life.parent == t.lives()[1].key:
            assert [adoption.at for adoption in life.adoptions] == [shell_ended_at]


# --- what is lost


def burst(count):
    """A shell that forks so many, one after the other."""
    script = f"i=0; while [ $i -lt {count} ]; do (:); i=$((i+1)); done"
    subprocess.run(["sh", "-c", script], check=True)


def test_of_ten_thousand_forks_none_is_lost_or_it_is_said_how_many():
    connector().close()
    with trace() as t:
        burst(10_000)
    forks = [event for event in t.events if event.kind is Kind.FORK]
    assert len(forks) == 10_001 or len(forks) + t.lost > 10_001
    if t.lost == 0:
        assert all(life.exit.code == 0 for life in lives_below_us(t))


def test_what_is_lost_is_counted():
    """A listener with room for a few messages, who sleeps through a burst.

    What it has heard and what it has not are all that was to be heard: another, with
    more room, began to listen before it and heard so many.
    """
    with closing(connector()) as able, closing(connector(room=20_000)) as sleepy:
        [*sleepy.begin(), *able.begin()]
        burst(1000)
        heard = [message.kind for message in able.rest()]
        told = [*sleepy.rest()]
    lost = sum(message.lost for message in told)
    assert Kind.LOST not in heard
    assert lost > 1900
    others = 50  # threads are heard, too, and not told; so are answers
    assert len(told) + lost >= len(heard) - others


def test_the_last_gap_is_noticed_though_nothing_comes_after_it():
    before = os.sched_getaffinity(0)
    with closing(connector(room=20_000)) as sleepy:
        [*sleepy.begin()]
        burst(200)
        first = [*sleepy.read()]
        last = [*sleepy.rest()]
    assert Kind.LOST not in {message.kind for message in first}
    assert sum(message.lost or 1 for message in first + last) >= 400
    assert os.sched_getaffinity(0) == before


# --- where the connector is not to be had

NO_CONNECTOR = [
    *("strace", "-fqqo/dev/null", "-etrace=socket"),
    "-einject=socket:error=EPROTONOSUPPORT",
]


def traced(*before):
    done = subprocess.run(
        [*before, *python(TRACED)], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    source, tree = done.stdout.split("\n", 1)
    return source, tree


@pytest.mark.parametrize(
    ("before", "why"),
    [
        (["unshare", "-n"], "is in the first network namespace alone"),
        (["unshare", "-pf", "--mount-proc"], "knows the pids of the first pid namespa"),
        (["unshare", "-Ur"], "does not answer: is this a user namespace?"),
        (NO_CONNECTOR, "is not to be had: Protocol not supported"),
    ],
    ids=["network", "pid", "user", "kernel"],
)
def test_in_a_namespace_of_ones_own_it_polls_and_says_so(before, why):
    source, tree = traced(*before)
    assert source.startswith("polling /proc: the process connector ")
    assert why in source
    assert "sh -c cat; exit 3" in tree
    assert "cat\n" in tree or "cat  (" in tree
    assert "cat -" in tree


def test_without_privileges_it_listens_or_says_that_it_needs_root():
    """Since Linux 6.6 everybody may listen; a big buffer is root's."""
    source, tree = traced("setpriv", "--inh-caps=-all", "--bounding-set=-all")
    may = tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 6)
    expected = (
        "process connector" if may else "polling /proc: the process connector needs"
    )
    assert source.startswith(expected)
    assert "P3 cat" in tree


def test_here_it_is_the_connector():
    source, tree = traced()
    connector().close()
    assert source == "process connector"
    assert tree == (
        f"P1 python -c {tree.split('P1 python -c ')[1].splitlines()[0]}\n"
        "├─ P2 sh -c cat; exit 3  (exit code 3)\n"
        "│  └─ P3 cat  (exit code 0)\n"
        "└─ P4 cat -  (exit code 0)\n"
    )


def test_polling_takes_who_has_begun_to_end_for_no_other_program():
    """Its memory goes before it is a zombie, and its command line with that."""
    ran = polling._Look(1, "sleep", ("sleep", "9"), started_at=5, session=1, exit=None)
    ending, gone = replace(ran, words=()), replace(ran, words=(), exit=Exit(code=3))
    assert [*polling._changes(0, 7, ran, ending)] == []
    assert [told.kind for told in polling._changes(0, 7, ending, gone)] == [Kind.EXIT]
    other = replace(ran, comm="cat", words=("cat",))
    between = replace(other, words=())
    assert [*polling._changes(0, 7, ran, between)] == []
    (told,) = polling._changes(0, 7, between, other)
    assert (told.kind, told.words) == (Kind.EXEC, ("cat",))


def test_polling_sees_an_adoption():
    recording = Recording([os.getpid()], Poller())
    shell = subprocess.Popen(
        ["sh", "-c", "sleep 600 >/dev/null & echo $!; read _"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    orphan = int(shell.stdout.readline())
    eventually(lambda: orphan in {life.pid for life in recording.lives()})
    shell.communicate(b"\n")
    eventually(lambda: any(life.adoptions for life in recording.lives()))
    os.kill(orphan, signal.SIGKILL)
    assert ends(orphan)
    recording.stop()
    (life,) = [life for life in recording.lives() if life.pid == orphan]
    assert len(life.adoptions) == 1


# --- the end


def test_it_ends_cleanly_and_twice_does_no_harm():
    before, threads = set(os.listdir("/proc/self/fd")), len(tasks())
    for _ in range(3):
        with trace() as t:
            pass
        t.stop()
    assert set(os.listdir("/proc/self/fd")) == before
    eventually(lambda: len(tasks()) == threads)


def test_a_block_that_fails_ends_it_too():
    threads = len(tasks())
    with pytest.raises(ZeroDivisionError), trace():
        1 / 0  # noqa: B018
    eventually(lambda: len(tasks()) == threads)


def tasks():
    """The threads that the kernel has: join() returns a moment before one has gone."""
    return os.listdir("/proc/self/task")


def test_threads_take_turns_as_usual_when_the_last_recording_has_ended():
    """Whichever that is."""
    usual = sys.getswitchinterval()
    first, second = Recording([os.getpid()]), Recording([os.getpid()])
    first.stop()
    assert sys.getswitchinterval() < usual
    second.stop()
    assert sys.getswitchinterval() == usual


def test_a_process_with_many_descriptors_can_listen():
    """select(2) knows those below 1024 alone, and a manager of many may have more."""
    script = """
        import os, resource, subprocess
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
        many = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
        from conman_lab.files import wait_for_file
        from conman_lab.observe import trace
        with trace() as t:
            subprocess.run(["true"])
        print(t.find("true").exit, wait_for_file("/nowhere", 0.01))
    """
    assert said_by(script) == "exit code 0 False\n"


def test_two_can_listen_at_once():
    connector().close()
    with trace() as outer:
        subprocess.run(["sh", "-c", "sleep 0.1; :", "outer"])
        with trace() as inner:
            subprocess.run(["sh", "-c", "sleep 0.1; :", "inner"])
    assert last_words(inner) == ["inner", "0.1"]
    assert last_words(outer) == ["outer", "0.1", "inner", "0.1"]


def last_words(recording):
    return [life.phases[-1].words[-1] for life in lives_below_us(recording)]
