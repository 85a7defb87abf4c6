"""The commands that conman has not: logs, exec, wait, events, completion and more."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys

import pytest
from conmands import CONMANCTL, rootfs
from eventually import eventually
from facts import reads

SHELLS = [shell for shell in ("bash", "zsh", "fish") if shutil.which(shell)]


def test_logs_go_where_they_came_from(daemon, bundle):
    daemon.start()
    script = "echo out; echo err >&2; sleep 0.3; printf unended; exit 5"
    create = ("container", "create", "-I", rootfs(bundle), "web", "--", "sh", "-c")
    daemon.says(*create, script)
    daemon.says("container", "start", "web")
    assert daemon.told("container", "wait", "web")["exit"]["code"] == 5
    done = daemon.ctl("container", "logs", "web")
    assert (done.stdout, done.stderr) == (b"out\nunended", b"err\n")
    followed = daemon.ctl("container", "logs", "-f", "web")
    assert followed.stdout == done.stdout
    last = daemon.ctl("container", "logs", "--tail", "1", "-t", "web").stdout
    assert re.fullmatch(rb"\d{4}-\d\d-\d\dT\S+ unended", last)
    assert daemon.ctl("container", "logs", "--since", "0.1s", "nope").returncode == 1
    daemon.says("container", "remove", "web")


def test_who_has_not_shown_all_says_so(daemon, bundle):
    """As to a pager that is not scrolled; the container does not wait for it."""
    daemon.start()
    run = ("container", "run", "-I", rootfs(bundle), "web", "--")
    words = [
        *CONMANCTL,
        "-H",
        daemon.socket,
        *run,
        *"head -c 60000000 /dev/zero".split(),
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as us:
        eventually(lambda: daemon.ctl("container", "wait", "web").returncode == 0)
        shown, said = us.communicate(timeout=30)
    assert us.returncode == 1
    assert len(shown) < 60_000_000
    assert b"web writes faster than it was read here" in said
    assert said.endswith(b": its log has all of it\n")
    daemon.says("container", "remove", "web")


def test_logs_are_followed_until_somebody_interrupts(daemon, bundle):
    daemon.start()
    create = ("container", "create", "-I", rootfs(bundle), "web", "--", "sh", "-c")
    daemon.says(*create, "while :; do echo tick; sleep 0.1; done")
    daemon.says("container", "start", "web")
    words = [*CONMANCTL, "-H", daemon.socket, "container", "logs", "-f", "web"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as following:
        reads(following.stdout.fileno(), b"tick\ntick\ntick", timeout=20)
        following.send_signal(signal.SIGINT)
        assert following.wait(10) == 130
    eventually(lambda: daemon.journal(method="Logs", code="CANCELLED"))
    daemon.says("container", "remove", "--force", "web")


def test_exec_is_the_command_as_far_as_a_shell_can_tell(daemon, bundle):
    daemon.start()
    daemon.says("container", "create", "-I", rootfs(bundle), "web", "--", "sleep", "60")
    daemon.says("container", "start", "web")
    script = "cat; echo $A >&2; pwd; exit 42"
    how = ("-i", "-e", "A=b=c", "-w", "/bin")
    words = ("container", "exec", *how, "web", "--", "sh", "-c", script)
    done = daemon.ctl(*words, stdin=b"in" * 100_000)
    assert done.stdout == b"in" * 100_000 + b"/bin\n"
    assert (done.stderr, done.returncode) == (b"b=c\n", 42)
    killed = daemon.ctl("container", "exec", "web", "--", "sh", "-c", "kill -9 $$")
    assert killed.returncode == 137
    daemon.says("container", "remove", "--force", "web")


def test_the_rest_of_ours(daemon, bundle):
    daemon.start()
    daemon.says("container", "create", "-I", rootfs(bundle), "web", "--", "sleep", "60")
    daemon.says("container", "start", "web")
    assert daemon.says("container", "pause", "web") == "{}\n"
    table = daemon.says("container", "list", "--format", "table")
    assert re.match(r"ID +NAME +STATE +ENDED +CREATED +COMMAND\n\w{12} +web +", table)
    assert "paused" in table
    assert daemon.says("container", "resume", "web") == "{}\n"
    usage = daemon.told("container", "stats", "web")
    assert int(usage["pids"]) == 1
    assert "PIDS\n" in daemon.says("container", "stats", "--format=table", "web")
    assert daemon.says("container", "kill", "-s", "KILL", "web") == "{}\n"
    ended = daemon.says("container", "wait", "--format", "table", "web")
    assert ended == "ENDED\nSIGKILL\n"
    assert daemon.told("container", "inspect", "web")["name"] == "web"
    assert len(daemon.told("container", "prune")["removed"]) == 1
    words = [*CONMANCTL, "-H", daemon.socket, "container", "events", "--since", "1h"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as watching:
        seen = reads(watching.stdout.fileno(), b'"remove"', timeout=20)
        watching.kill()
    kinds = [json.loads(line)["kind"] for line in seen.splitlines()[:5]]
    assert kinds == ["create", "start", "pause", "resume", "kill"]


def test_who_waits_long_on_a_terminal_sees_it(daemon, bundle):
    daemon.start()
    daemon.says("container", "create", "-I", rootfs(bundle), "web", "--", "sleep", "60")
    daemon.says("container", "start", "web")
    ours, theirs = pty.openpty()
    words = [*CONMANCTL, "-H", daemon.socket, "container", "wait", "web"]
    with subprocess.Popen(words, stdout=theirs, stderr=theirs) as waiting:
        reads(ours, b"waiting for web to end, 2 s", timeout=20)
        daemon.says("container", "kill", "-s", "9", "web")
        seen = reads(ours, b"SIGKILL", timeout=20)
        assert waiting.wait(10) == 0
    assert b"\x1b[KENDED\nSIGKILL" in seen.replace(b"\r", b"")
    os.close(ours)
    os.close(theirs)
    daemon.says("container", "remove", "web")


def test_on_no_terminal_there_is_no_progress(daemon, bundle):
    daemon.start()
    create = ("container", "create", "-I", rootfs(bundle), "web", "--", "sleep", "1.5")
    daemon.says(*create)
    daemon.says("container", "start", "web")
    done = daemon.ctl("container", "wait", "web")
    assert done.stderr == b""
    daemon.says("container", "remove", "web")


COMPLETE = {
    "bash": "source <(conmanctl completion bash); COMP_WORDS=({words}); "
    "COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _conmanctl; "
    "printf '%s\\n' \"${{COMPREPLY[@]}}\"",
    "zsh": "compdef() {{ }}; compadd() {{ print -rl -- $offered; }}; _files() {{ }}; "
    "source <(conmanctl completion zsh); words=({words}); CURRENT=$#words; _conmanctl",
    "fish": "conmanctl completion fish | source; complete -C '{line}'",
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_offers_words_and_who_is_there(shell, daemon, bundle, tmp_path):
    daemon.start()
    made = daemon.client.create("web", bundle("hello"))
    program = tmp_path / "conmanctl"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m {CONMANCTL[-1]} "$@"\n')
    program.chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}

    def offered(*words):
        line = " ".join(["conmanctl", *words])
        quoted = " ".join(f"'{word}'" for word in ["conmanctl", *words])
        script = COMPLETE[shell].format(words=quoted, line=line)
        done = subprocess.run(
            [shell, "-c", script],
            env=os.environ | path,
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        return sorted(filter(None, done.stdout.split("\n")))

    assert offered("container", "sta") == ["start", "stats", "status"]
    here = ("--host", str(daemon.socket), "container", "start")
    assert offered(*here, "w") == ["web"]
    assert offered(*here, made.id[:4]) == [made.id[:12]]
    assert offered("container", "logs", "--fo") == ["--follow"]
    assert offered("completion", "b") == ["bash"]
    daemon.client.remove("web")
