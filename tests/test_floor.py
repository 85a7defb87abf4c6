"""The floor: system calls, files, identities, errors and checks, on real processes."""

import errno
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from eventually import eventually
from facts import ends, state_of

from conman_lab import checks, errors, files, identity, linux, names, places
from conman_lab.errors import BadName, LabError
from conman_lab.identity import Identity
from conman_lab.linux import Exit
from conman_lab.naive import Naive
from conman_lab.record import changed, fields, record

IGNORED = {"SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH"}  # by default, signal(7)
STOPPING = {"SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU"}
FATAL = [
    number
    for number in range(1, signal.SIGRTMAX + 1)
    if linux.signal_name(number) not in IGNORED | STOPPING
]
# A background job of a shell ignores SIGINT, and what it starts does, too.  And not
# posix_spawn(3): its children ignore the C library's two signals.
FRESH = ("prlimit", "--core=0", "env", "--default-signal")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def python(script, *args, **options):
    """Run a script that finds the package, in an interpreter of its own."""
    path = f"import sys; sys.path.insert(0, {str(places.COURSE)!r})\n"
    return subprocess.Popen(
        [*options.pop("before", []), sys.executable, "-c", path + script, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def told(script, *args, **options):
    """What a script prints, by its end."""
    with python(script, *args, **options) as process:
        said = process.communicate()[0]
    assert process.returncode == 0, said
    return said.strip()


def comm(pid):
    return Path(f"/proc/{pid}/comm").read_text().strip()


@pytest.fixture
def sleeper():
    """A process that is there until it is ended."""
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


# --- record


@record
class Point:
    """A record of ours."""

    x: int
    y: int = 2


@dataclass(frozen=True)
class Twin:
    """The same, by the standard library."""

    x: int
    y: int = 2


def outcome(what, *args, **named):
    """What a call gives: its result's text, or the kind of its error."""
    try:
        return repr(what(*args, **named)).replace("Twin", "Point")
    except (TypeError, AttributeError) as error:
        return type(error) if isinstance(error, TypeError) else AttributeError


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ((1,), {}),
        ((1, 3), {}),
        ((), {"x": 1}),
        ((1,), {"y": None}),
        ((), {"y": 1, "x": 2}),
        ((), {}),
        ((1, 2, 3), {}),
        ((1,), {"x": 1}),
        ((1,), {"z": 1}),
    ],
)
def test_a_record_is_made_as_a_frozen_dataclass_is(args, named):
    assert outcome(Point, *args, **named) == outcome(Twin, *args, **named)


@pytest.mark.parametrize(
    "ask",
    [
        lambda kind: kind(1) == kind(1, 2),
        lambda kind: kind(1) == kind(2),
        lambda kind: kind(1) == (1, 2),
        lambda kind: len({kind(1), kind(1), kind(2)}),
        lambda kind: setattr(kind(1), "x", 2),
        lambda kind: setattr(kind(1), "z", 2),
        lambda kind: delattr(kind(1), "x"),
        lambda kind: kind.__match_args__,
    ],
)
def test_a_record_behaves_as_a_frozen_dataclass_does(ask):
    assert outcome(ask, Point) == outcome(ask, Twin)


def test_a_changed_record_is_another_one():
    one = Point(1)
    assert (changed(one, y=5), one) == (Point(1, 5), Point(1, 2))
    assert fields(one) == {"x": 1, "y": 2}
    assert pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(TypeError, match="Point has no field z"):
        changed(one, z=1)


# --- linux: Exit


def test_every_exit_code_is_told():
    """All 256 of them, from real processes."""
    for code in range(256):
        pid = os.posix_spawn("/bin/sh", ["sh", "-c", f"exit {code}"], {})
        how = Exit.from_wait_status(os.waitpid(pid, 0)[1])
        assert (how.code, how.signal, how.status) == (code, None, code)
        assert how.ok is (code == 0)
        assert str(how) == f"exit code {code}"


def test_every_fatal_signal_is_told():
    """The real-time ones, and the two that the C library keeps for itself."""
    assert len(FATAL) == 56
    for number in FATAL:
        with subprocess.Popen([*FRESH, "sleep", "60"]) as process:
            eventually(lambda: comm(process.pid) == "sleep")
            os.kill(process.pid, number)
            how = Exit.from_wait_status(os.waitpid(process.pid, 0)[1])
        assert (how.code, how.signal, how.status) == (None, number, 128 + number)
        assert str(how) == f"killed by {linux.signal_name(number)}"
        assert not how.ok


def test_a_core_dump_does_not_hide_the_signal():
    """waitpid(2) marks it with a bit of its own."""
    assert Exit.from_wait_status(0x80 | signal.SIGSEGV) == Exit(signal=signal.SIGSEGV)


def test_when_and_why_do_not_make_two_exits_different():
    one = Exit.from_wait_status(9)
    assert one.at is not None
    assert one == Exit(signal=9) == one.because_of_oom()
    assert one.because_of_oom().oom
    assert not one.oom
    assert str(one.because_of_oom()) == "killed by SIGKILL: out of memory"


def test_every_signal_has_a_name_of_its_own():
    names = [linux.signal_name(number) for number in range(1, signal.SIGRTMAX + 1)]
    assert len(set(names)) == len(names)
    assert names[:9][-1] == "SIGKILL"
    assert (names[31], names[32]) == ("signal 32", "signal 33")
    assert (names[33], names[34], names[63]) == ("SIGRTMIN", "SIGRTMIN+1", "SIGRTMAX")


# --- linux: processes

NAMED = """
from conman_lab import linux
linux.name_process(sys.argv[1])
print(flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("title", "comm"),
    [("shim:web", "shim:web"), ("shim:a-rather-long-one", "shim:a-rather-l")],
)
def test_a_name_shows_in_comm_and_command_line(title, comm):
    with python(NAMED, title) as process:
        process.stdout.readline()
        proc = Path("/proc", str(process.pid))
        assert (proc / "comm").read_text() == f"{comm}\n"
        assert (proc / "cmdline").read_bytes().rstrip(b"\0") == title.encode()
        listed = subprocess.run(
            ["ps", "-o", "args=", "-p", str(process.pid)],
            capture_output=True,
            text=True,
        )
        assert listed.stdout.strip() == title


def test_a_name_longer_than_the_command_line_was_is_cut():
    """There is no room behind it: the environment begins there."""
    with python(NAMED, "x" * 5000) as process:
        process.stdout.readline()
        proc = Path("/proc", str(process.pid))
        longest = (proc / "cmdline").read_bytes().rstrip(b"\0")
        assert set(longest) == {ord("x")}
        assert b"PATH=" in (proc / "environ").read_bytes()


def test_a_subreaper_adopts_orphans():
    parent = """
from conman_lab import linux
import os, subprocess
linux.become_subreaper()
shell = "sleep 60 >/dev/null 2>&1 & echo $!"
orphan = int(subprocess.run(["sh", "-c", shell], capture_output=True).stdout)
adopted = open(f"/proc/{orphan}/stat").read().rpartition(")")[2].split()[1]
os.kill(orphan, 9)
print(os.waitpid(orphan, 0) == (orphan, 9), int(adopted) == os.getpid())
"""
    assert told(parent) == "True True"


def test_who_dies_with_its_parent_does():
    parent = """
import subprocess
child = '''
import sys
sys.path.insert(0, sys.argv[1])
from conman_lab import linux
linux.die_with_parent()
print(flush=True)
sys.stdin.read()
'''
command = [sys.executable, "-c", child, sys.path[0]]
pipe = subprocess.PIPE
process = subprocess.Popen(command, stdin=pipe, stdout=pipe)
process.stdout.readline()
print(process.pid, flush=True)
sys.stdin.read()
"""
    with python(parent) as process:
        child = int(process.stdout.readline())
        assert state_of(child) in ("R", "S")
        process.kill()
        assert ends(child)


# --- linux: mounts

MOUNTED = """
import os
from pathlib import Path
from conman_lab import linux
place = sys.argv[1]
linux.mount("tmpfs", place, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "size=64k")
Path(place, "file").write_text("here")
row = next(row for row in open("/proc/self/mounts") if row.split()[1] == place)
print(*row.split()[2:4], os.listdir(place))
held = open(place + "/file")
linux.unmount(place)
print(os.path.ismount(place), os.listdir(place), held.read())
"""


@needs_root
def test_what_is_mounted_is_there_until_it_is_unmounted(tmp_path):
    """In a mount namespace of our own, so that nobody else ever sees it."""
    said = told(MOUNTED, str(tmp_path), before=["unshare", "--mount"]).splitlines()
    options = said[0].split()[1].split(",")
    assert {"nosuid", "nodev", "size=64k"} < set(options)
    assert said[0].endswith("['file']")
    assert said[1] == "False [] here", "detached, though a file of it was held open"
    assert not os.path.ismount(tmp_path)


@needs_root
def test_a_mount_that_fails_names_the_place(tmp_path):
    with pytest.raises(OSError, match="No such file or directory") as caught:
        linux.mount("tmpfs", str(tmp_path / "nowhere"), "tmpfs")
    assert caught.value.errno == errno.ENOENT
    assert caught.value.filename == str(tmp_path / "nowhere")
    with pytest.raises(OSError, match="Invalid argument"):
        linux.unmount(str(tmp_path))


# --- files


@pytest.mark.parametrize("name", ["a", "A-1_2.3", "0", "x" * 128])
def test_a_good_name_is_returned(name):
    assert names.check_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", ".a", "_", "a/b", "a b", "a\n", "é", "a\0"])
def test_what_could_harm_is_no_name(name):
    with pytest.raises(BadName, match="is no name"):
        names.check_name(name)


def test_private_is_for_us_alone_and_what_was_there_stays(tmp_path):
    tmp_path.chmod(0o755)
    deep = names.make_private(tmp_path / "a" / "b")
    modes = [path.stat().st_mode & 0o777 for path in (deep, deep.parent, tmp_path)]
    assert modes == [0o700, 0o700, 0o755]
    assert names.make_private(deep) == deep


def test_what_is_written_is_there_and_for_us_alone(tmp_path):
    path = tmp_path / "fact"
    for content in (b"one", b"", os.urandom(1 << 20)):
        files.write_atomically(path, content)
        assert path.read_bytes() == content
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["fact"]


DURABLE = """
from conman_lab.files import write_atomically
write_atomically(sys.argv[1], b"content", durable=sys.argv[2] == "True")
"""
SYNCED = re.compile(
    r"^(write|fsync|rename)\(.*/(room|fact)(?:\.unfinished)?[>\"]", re.MULTILINE
)


@pytest.mark.parametrize("durable", [True, False])
def test_a_durable_fact_is_on_the_disk_before_its_name_and_then_the_name(
    tmp_path, durable
):
    """As the kernel sees it, strace(1): no test can look at a disk after a power cut."""
    if not shutil.which("strace"):
        pytest.skip("there is no strace: ./lab test installs it")
    (tmp_path / "room").mkdir()
    calls = ["strace", "-y", "-e", "trace=write,fsync,rename", "-o", tmp_path / "calls"]
    told(DURABLE, str(tmp_path / "room" / "fact"), str(durable), before=calls)
    seen = [" ".join(it) for it in SYNCED.findall((tmp_path / "calls").read_text())]
    if durable:
        assert seen == ["write fact", "fsync fact", "rename fact", "fsync room"]
    else:
        assert seen == ["write fact", "rename fact"]


LIMITED = """
import resource, signal
from pathlib import Path
from conman_lab.files import write_atomically
if sys.argv[2] == "killed":
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
write_atomically(Path(sys.argv[1]), b"new" * 4096)
"""


@pytest.mark.parametrize("before", [b"old", None], ids=["old", "none"])
@pytest.mark.parametrize("how", ["an error", "killed"])
def test_a_write_that_fails_in_the_middle_leaves_the_old_fact(tmp_path, how, before):
    """The disk is full after 4096 bytes; or the writer is killed right there."""
    path = tmp_path / "fact"
    if before is not None:
        path.write_bytes(before)
    with python(LIMITED, str(path), how, stderr=subprocess.PIPE) as process:
        words = process.communicate()[1]
    if how == "killed":
        assert process.returncode == -signal.SIGXFSZ
        assert (tmp_path / "fact.unfinished").stat().st_size == 4096, "it was at it"
    else:
        assert "File too large" in words
        assert not (tmp_path / "fact.unfinished").exists()
    assert (path.read_bytes() if path.exists() else None) == before


def test_a_reader_sees_one_fact_or_the_other(tmp_path):
    """A thousand changes, and never half of one."""
    path = tmp_path / "fact"
    facts = [b"a" * 10_000, b"b" * 70_000]
    files.write_atomically(path, facts[0])
    done = threading.Event()

    def write():
        for number in range(1000):
            files.write_atomically(path, facts[number % 2], durable=False)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set():
        seen.add(path.read_bytes())
    writer.join()
    assert seen <= set(facts)


def test_a_file_that_is_there_is_not_waited_for(tmp_path):
    (tmp_path / "fact").touch()
    assert files.wait_for_file(tmp_path / "fact", timeout=0)


WAITING = """
import resource
from pathlib import Path
from conman_lab.files import wait_for_file
print(flush=True)
before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
there = wait_for_file(Path(sys.argv[1]), float(sys.argv[2]))
print(there, resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before)
"""


@pytest.mark.parametrize("how", ["renamed", "created", "linked"])
def test_a_file_that_appears_ends_the_wait(tmp_path, how):
    appear = {
        "renamed": lambda path: files.write_atomically(path, b"whole"),
        "created": lambda path: path.touch(),
        "linked": lambda path: path.symlink_to("/"),
    }
    path = tmp_path / "fact"
    with python(WAITING, str(path), "30") as process:
        process.stdout.readline()
        eventually(lambda: sleeps_in(process.pid, "select", "poll"))
        (tmp_path / "another").touch()
        appear[how](path)
        assert ends(process.pid)
        there, waits = process.stdout.read().split()
    assert there == "True"
    assert int(waits) <= 8, "woken by each name that appeared"


def sleeps_in(pid, *calls):
    """It is in a system call of these; proc_pid_wchan(5) names the kernel's function."""
    place = Path(f"/proc/{pid}/wchan").read_text()
    asleep = state_of(pid) == "S" and place not in ("", "0")
    return asleep and any(call in place for call in calls)


def test_waiting_in_vain_is_one_sleep_and_no_polling(tmp_path):
    there, waits = told(WAITING, str(tmp_path / "fact"), "0.3").split()
    assert there == "False"
    assert int(waits) <= 3


def test_to_wait_where_there_is_no_directory_is_an_error(tmp_path):
    before = os.listdir("/proc/self/fd")
    with pytest.raises(FileNotFoundError):
        files.wait_for_file(tmp_path / "nowhere" / "fact", timeout=1)
    assert len(os.listdir("/proc/self/fd")) == len(before)


# --- identity


def test_an_identity_survives_being_written_down(tmp_path):
    me = Identity.of(os.getpid())
    (tmp_path / "pid").write_text(str(me))
    assert Identity.read(tmp_path / "pid") == me
    assert me.alive


@pytest.mark.parametrize("text", [None, "", "12", "1 2", "a b c", "1 2 3 4"])
def test_what_is_no_identity_reads_as_none(tmp_path, text):
    if text is not None:
        (tmp_path / "pid").write_text(text)
    assert Identity.read(tmp_path / "pid") is None


def test_the_start_time_is_when_it_was_started():
    """By the clock that the kernel takes it from, in its ticks of mostly 10 ms."""
    ticks = os.sysconf("SC_CLK_TCK")
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    with subprocess.Popen(["sleep", "60"]) as process:
        after = time.clock_gettime(time.CLOCK_BOOTTIME)
        started_at = identity.start_time(process.pid) / ticks
        process.kill()
    assert before - 1 / ticks <= started_at <= after


def test_whoever_has_the_pid_now_is_somebody_else(sleeper):
    """The pid has come round: same number, started later, or in another boot."""
    it = Identity.of(sleeper.pid)
    for other in (
        changed(it, started_at=it.started_at - 1),
        changed(it, boot="00000000-0000-0000-0000-000000000000"),
    ):
        assert not other.alive
        assert not other.signal(signal.SIGKILL)
    assert sleeper.poll() is None
    assert it.signal(signal.SIGTERM)
    assert sleeper.wait() == -signal.SIGTERM


def test_a_zombie_is_not_alive(sleeper):
    it = Identity.of(sleeper.pid)
    assert it.alive
    sleeper.kill()
    assert ends(sleeper.pid)
    assert state_of(sleeper.pid) == "Z"
    assert not it.alive
    assert not it.signal()


def test_nobody_is_nobody(sleeper):
    it = Identity.of(sleeper.pid)
    sleeper.kill()
    sleeper.wait()
    assert (it.alive, it.signal()) == (False, False)
    with pytest.raises(ProcessLookupError, match=f"there is no process {it.pid}"):
        Identity.of(it.pid)


def test_a_process_goes_on_without_its_first_thread():
    """Its stat says Z; what ends a process is the end of its last thread."""
    code = (
        "import ctypes, threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "ctypes.CDLL(None).pthread_exit(None)"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    it = Identity.of(process.pid)
    try:
        eventually(lambda: state_of(process.pid) == "Z")
        assert (it.alive, it.wait(0)) == (True, False)
        assert it.signal()
        assert it.wait(5)
        assert not it.alive
    finally:
        process.kill()
        process.wait()


def test_a_pid_that_was_used_again_may_be_a_thread_s():
    """To pidfd_open(2) that is nobody: EINVAL or ENOENT, and not ESRCH."""
    go_on = threading.Event()
    thread = threading.Thread(target=go_on.wait)
    thread.start()
    it = Identity(thread.native_id, 1, identity.boot_id())
    try:
        assert (it.alive, it.signal(), it.wait(0)) == (False, False, True)
    finally:
        go_on.set()
        thread.join()


@pytest.mark.parametrize("name", ["a b", ") R 1 2", "((x", "a) Z (b", "\udcff"])
def test_a_name_cannot_lie_about_the_start(tmp_path, name):
    """/proc/PID/stat has the name in the middle, blanks, parentheses and all."""
    program = os.fsencode(tmp_path) + b"/" + os.fsencode(name)
    os.symlink("/bin/sleep", program)
    before = Identity.of(os.getpid())
    with subprocess.Popen([program, "60"]) as process:
        it = Identity.of(process.pid)
        assert it.started_at >= before.started_at
        assert it.alive
        assert it.signal()


def test_signalling_leaks_no_descriptor(sleeper):
    before = os.listdir("/proc/self/fd")
    assert Identity.of(sleeper.pid).signal(signal.SIGCONT)
    assert len(os.listdir("/proc/self/fd")) == len(before)


# --- errors


def test_the_tree_that_is_drawn_is_the_tree_that_is_there():
    drawn = re.findall(r"[├└]── (\w+) ", errors.__doc__)
    written = [
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, LabError)
    ]
    assert ["LabError", *drawn] == written


def test_a_bad_bundle_says_where_what_and_what_is_expected():
    error = errors.BadBundle("config.json", "process.args", "expected words")
    assert str(error) == "config.json: process.args: expected words"
    assert str(errors.BadBundle("config.json", "", "not JSON")) == (
        "config.json: not JSON"
    )


@pytest.mark.parametrize(
    ("status", "words", "message"),
    [
        (1, " no such thing\n", "runc start, exit status 1: no such thing"),
        (-9, "", "runc start, killed by signal 9: (it said nothing)"),
    ],
)
def test_a_failed_runtime_is_told_in_its_own_words(status, words, message):
    error = errors.RuntimeFailed("runc start", ["/usr/sbin/runc"], status, words)
    assert str(error) == message
    assert (error.command, error.status) == (("/usr/sbin/runc",), status)


# --- places


def test_all_state_is_under_one_root(monkeypatch, tmp_path):
    monkeypatch.setenv("CONMAN_LAB_ROOT", str(tmp_path))
    assert places.home("one") == tmp_path / "labs" / "one"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONMAN_LAB_ROOT", "here")
    assert places.root() == tmp_path / "here"
    monkeypatch.delenv("CONMAN_LAB_ROOT")
    assert places.root() == Path("/var/lib/conman-lab")


def test_the_course_is_where_it_is_said_to_be():
    assert (places.bundles() / "hello" / "config.json").exists()
    assert places.notebooks().is_dir()


# --- checks


@pytest.fixture
def verdict(runtime):
    """Run a body on a launcher that it does not touch; the verdict."""

    def run(body):
        check = checks.Check("name", "it is kept", body)
        return check.run(Naive(runtime))

    return run


def test_a_promise_that_is_kept_shows_what_was_seen(verdict):
    def body(launcher, evidence):
        evidence.note(f"ran on {launcher.name}")
        evidence.expect(1, "one", "one was there")
        evidence.tree = "P1 sh\n`- P2 sleep"

    kept = verdict(body)
    assert kept.kept
    assert str(kept) == (
        "name on Naive: kept\n"
        "  promise   it is kept\n"
        "  saw       ran on Naive\n"
        "  saw       one was there\n"
        "  P1 sh\n"
        "  `- P2 sleep"
    )


def test_a_promise_that_is_broken_shows_what_was_expected(verdict):
    def body(_, evidence):
        evidence.expect([], "something", "nothing")
        evidence.note("never reached")

    broken = verdict(body)
    assert not broken.kept
    assert broken.evidence.lines == ["nothing"]
    assert str(broken) == (
        "name on Naive: BROKEN\n"
        "  promise   it is kept\n"
        "  expected  something\n"
        "  saw       nothing"
    )


@pytest.mark.parametrize(
    "error", [TimeoutError("too long"), errors.ExitLost("it is lost"), OSError("no")]
)
def test_what_the_world_does_breaks_a_promise(verdict, error):
    def body(*_):
        raise error

    broken = verdict(body)
    assert broken.broken.seen == f"{type(error).__name__}: {error}"


def test_a_mistake_in_the_body_is_no_broken_promise(verdict):
    def body(*_):
        raise TypeError("a mistake of ours")

    with pytest.raises(TypeError, match="a mistake of ours"):
        verdict(body)
