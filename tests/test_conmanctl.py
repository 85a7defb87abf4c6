"""The command line, as a program: conman's own words, as its readers type them."""

import os
import re
import shutil
import subprocess
import sys
import time

import pytest
from conmands import CONMANCTL, CONMAND, rootfs

from conman_lab.manager.conmanctl.__main__ import main, parsed
from conman_lab.manager.conmanctl.commands import COMMANDS, FLAGS

LAB = (sys.executable, "-m", "conman_lab.lab.cli")
SHELLS = [shell for shell in ("bash", "zsh", "fish") if shutil.which(shell)]


def test_the_commands_of_conmans_readme(daemon, bundle):
    """Each prints what it is said to print, and nothing else."""
    daemon.start()
    version = daemon.told("version")
    assert list(version) == ["version", "runtimeName", "runtimeVersion"]
    create = ("container", "create", "--image", rootfs(bundle), "cont1", "--")
    made = daemon.says(*create, "sh", "-c", "trap 'exit 3' TERM; while :; do :; done")
    id = re.fullmatch(r'\{"containerId":"(\w+)"\}\n', made)[1]
    (row,) = daemon.told("container", "list")["containers"]
    assert list(row) == ["id", "name", "createdAt", "state"]
    assert (row["id"], row["name"], row["state"]) == (id, "cont1", "CREATED")
    assert abs(int(row["createdAt"]) / 1e9 - time.time()) < 60, "nanoseconds"
    assert daemon.says("container", "start", id) == "{}\n"
    assert daemon.told("container", "status", id)["status"]["state"] == "RUNNING"
    time_to_trap = ("container", "exec", id, "--", "true")
    assert daemon.ctl(*time_to_trap).returncode == 0
    assert daemon.says("container", "stop", id) == "{}\n"
    status = daemon.told("container", "status", id)["status"]
    assert list(status) == [
        *("containerId", "containerName", "state", "createdAt", "startedAt"),
        *("finishedAt", "exitCode", "message", "logPath"),
    ]
    assert (status["state"], status["exitCode"]) == ("EXITED", 3)
    assert daemon.says("container", "remove", id) == "{}\n"
    assert daemon.says("container", "remove", id) == "{}\n", "gone is gone"
    assert daemon.says("container", "list") == '{"containers":[]}\n'


def test_attach_as_in_the_articles(daemon, bundle):
    daemon.start()
    image = ("--image", rootfs(bundle))
    daemon.says("container", "create", "-i", *image, "echo", "--", "cat")
    daemon.says("container", "start", "echo")
    done = daemon.ctl("container", "attach", "-i", "echo", stdin=b"hello\n")
    assert (done.stdout, done.returncode) == (b"hello\n", 0), done.stderr
    assert daemon.told("container", "wait", "echo")["exit"]["code"] == 0
    daemon.says("container", "remove", "echo")


@pytest.mark.parametrize(
    ("flags", "readonly"),
    [
        ((), True),
        (("-R",), True),
        (("-R=false",), False),
        (("--rootfs-readonly=0",), False),
    ],
)
def test_flags_of_conmans_are_read_as_go_reads_them(flags, readonly):
    words = ["container", "create", "-I", "x", *flags, "name", "--", "sh", "-R", "--"]
    args = parsed(words)
    assert args.rootfs_readonly is readonly
    assert (args.name, args.command) == ("name", ["sh", "-R", "--"])


def test_the_host_may_stand_anywhere():
    for words in (["-H", "x", "version"], ["version", "--host=x"]):
        assert parsed(words).host == "x"
    assert parsed(["version"]).host == "/run/conmand.sock"


def test_no_daemon_is_a_clear_word(tmp_path):
    where = tmp_path / "sock"
    done = subprocess.run(
        [*CONMANCTL, "-H", where, "version"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"conmanctl: no conmand answers at {where} (no such file or directory): start "
        f"one (conmand --listen {where}), or say where it listens "
        "(conmanctl --host PATH)\n"
    )


def test_errors_are_the_managers_words_and_one(daemon, bundle):
    daemon.start()
    for words, expected in (
        (("start", "nope"), "there is no container 'nope'"),
        (("create", "-I", rootfs(bundle), "a/b", "--", "sh"), "is no name"),
        (("create", "-I", "/nowhere", "a", "--", "sh"), "/nowhere"),
        (("create", "-I", rootfs(bundle), "a"), "which command?"),
        (("kill", "-s", "NOPE", "a"), "there is no signal 'NOPE'"),
        (("logs", "--since", "soon", "a"), "'soon' is no time"),
    ):
        done = daemon.ctl("container", *words)
        assert done.returncode == 1
        assert done.stdout == b""
        assert expected in done.stderr.decode()
        assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    "words", [[*CONMANCTL, "--help"], [*CONMANCTL, "version"], [*LAB, "bundle", "list"]]
)
def test_a_reader_that_has_seen_enough_is_no_error(daemon, words):
    """Also of a short answer, which Python keeps until its end if it is for a pipe."""
    daemon.start()
    ours, theirs = os.pipe()
    os.close(ours)
    environment = {"PYTHONUNBUFFERED": "", "CONMAND_HOST": str(daemon.socket)}
    done = subprocess.run(
        words, stdout=theirs, stderr=subprocess.PIPE, env=os.environ | environment
    )
    os.close(theirs)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda it: it.words)
def test_each_command_has_its_help(command, capsys):
    assert all(key in FLAGS for key in command.takes.split())
    with pytest.raises(SystemExit, match="0"):
        parsed([*command.words.split(), "--help"])
    assert command.line in capsys.readouterr().out


def test_it_starts_without_what_it_does_not_need():
    """What is the daemon's alone: a person waits for each import."""
    for words in (["version"], ["container", "list"], ["completion", "bash"]):
        ask = (
            "import sys; from conman_lab.manager.conmanctl.__main__ import main\n"
            f"main({['-H', '/nowhere', *words]!r})\n"
            "print(*sorted(sys.modules), file=sys.stderr)"
        )
        done = subprocess.run(
            [sys.executable, "-c", ask], capture_output=True, text=True
        )
        loaded = set(done.stderr.split())
        assert not loaded & {"asyncio", "grpclib", "subprocess", "tempfile"}
        assert "h2" in loaded or words[0] == "completion"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", "required: COMMAND; see conmanctl --help"),
        ("container", "required: VERB; see conmanctl container --help"),
        ("container create", "NAME -- COMMAND [ARG...]\n"),
        ("container create", "--image, NAME, command; see conmanctl container create"),
        ("container create -R=maybe", "'maybe' is neither true nor false; see"),
        ("container create web -- sh", "required: -I/--image; see"),
    ],
)
def test_what_is_not_understood_is_answered_with_the_next_step(words, says, capsys):
    with pytest.raises(SystemExit) as end:
        parsed(words.split())
    assert end.value.code == 2
    assert says in capsys.readouterr().err


def test_a_path_that_is_no_socket_is_not_offered_for_listening(tmp_path, capsys):
    assert main(["--host", str(tmp_path), "version"]) == 1
    assert f"{tmp_path} is no socket: say where" in capsys.readouterr().err


def test_a_daemon_that_cannot_begin_says_why_and_leaves_no_trace(tmp_path):
    nowhere, place = tmp_path / "no" / "log", tmp_path / "file"
    place.touch()
    for flags, words in (
        (["--log", nowhere], f"{nowhere}: No such file"),
        (["--lib-root", place, "--runtime-path", "/bin/true"], f"{place}/"),
    ):
        done = subprocess.run([*CONMAND, *flags], capture_output=True, timeout=30)
        assert done.returncode == 1
        assert f"conmand: {words}" in done.stderr.decode()
        assert "Traceback" not in done.stderr.decode()
