"""Who died, and how: each death is told once, whenever somebody asks.

The children are started by posix_spawn(3), not by `subprocess`, which would wait for
them itself.
"""

import os
import signal

import pytest
from apart import said_by
from facts import ends

from conman_lab.linux import Exit
from conman_lab.shim import reaper as room
from conman_lab.shim.reaper import Reaper


@pytest.fixture
def reaper():
    return Reaper()


def spawn(script):
    return os.posix_spawn("/bin/sh", ["sh", "-c", script], {})


def dead(script):
    """A child that has died, and nobody has heard of it: a zombie."""
    pid = spawn(script)
    assert ends(pid)
    return pid


def test_whoever_watches_is_told(reaper):
    told = []
    pid = spawn("exit 7")
    reaper.watch(pid, told.append)
    assert ends(pid)
    reaper.reap()
    assert told == [Exit(code=7)]


def test_a_death_that_nobody_has_asked_about_is_kept(reaper):
    told = []
    pid = dead("exit 7")
    reaper.reap()
    reaper.watch(pid, told.append)
    assert told == [Exit(code=7)]


def test_a_death_is_told_once(reaper):
    told = []
    pid = dead("exit 7")
    reaper.reap()
    reaper.watch(pid, told.append)
    reaper.watch(pid, told.append)  # the same pid: the next process of that number
    reaper.reap()
    assert told == [Exit(code=7)]


AGAIN = """
import os
from conman_lab.shim.reaper import Reaper
reaper, told = Reaper(), []
for code in (7, 8):
    with open("/proc/sys/kernel/ns_last_pid", "w") as last:
        last.write("99")
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", f"exit {code}"], {})
    if code == 7:
        reaper.watch(pid, told.append)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    reaper.reap()
    print(pid, *told)
"""


@pytest.mark.needs_root
def test_the_next_process_of_that_pid_is_not_told_to_who_watched_the_first():
    """In a pid namespace of our own, pid_namespaces(7), the next pid can be chosen."""
    alone = ("unshare", "--pid", "--fork", "--mount-proc")
    assert said_by(AGAIN, before=alone) == "100 exit code 7\n100 exit code 7\n"


def test_many_deaths_are_one_signal_and_all_are_told(reaper):
    """Pending SIGCHLDs merge, signal(7)."""
    told = {}
    codes = {dead(f"exit {code}"): code for code in range(20)}
    for pid in codes:
        reaper.watch(pid, lambda how, pid=pid: told.update({pid: how.code}))
    reaper.reap()
    assert told == codes


def test_a_signal_is_told_as_a_signal(reaper):
    told = []
    reaper.watch(dead("kill -KILL $$"), told.append)
    reaper.reap()
    assert told == [Exit(signal=signal.SIGKILL)]


def test_without_children_there_is_nothing_to_do(reaper):
    reaper.reap()


def test_it_does_not_wait_for_the_living(reaper):
    told = []
    pid = spawn("exec sleep 60")
    reaper.watch(pid, told.append)
    reaper.reap()
    assert told == []
    os.kill(pid, signal.SIGKILL)
    assert ends(pid)
    reaper.reap()
    assert told == [Exit(signal=signal.SIGKILL)]


def test_the_oldest_of_too_many_is_forgotten(reaper, monkeypatch):
    """A container may leave a million orphans behind in its life."""
    monkeypatch.setattr(room, "KEPT", 3)
    told = {}
    pids = []
    for code in range(5):
        pids.append(dead(f"exit {code}"))
        reaper.reap()
    for pid in pids:
        reaper.watch(pid, lambda how, pid=pid: told.update({pid: how.code}))
    assert told == {pids[2]: 2, pids[3]: 3, pids[4]: 4}
    assert len(reaper._unclaimed) == 0


WAIT = """
import os, signal
from conman_lab.shim.loop import Loop
from conman_lab.shim.reaper import Reaper, wait_for
loop, reaper = Loop(), Reaper()
loop.on_signal(signal.SIGCHLD, reaper.reap)
pid = os.posix_spawn("/bin/sh", ["sh", "-c", sys.argv[1]], {})
if sys.argv[2] == "dead":
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    signal.set_wakeup_fd(-1)  # whatever woke the loop has been and gone
try:
    print(wait_for(pid, loop, reaper, float(sys.argv[3])))
except TimeoutError as error:
    print(error)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
"""


@pytest.mark.parametrize("when", ["alive", "dead"])
def test_a_death_is_waited_for_and_found_if_it_has_been(when):
    assert said_by(WAIT, "exit 9", when, 5) == "exit code 9\n"


def test_what_does_not_end_in_time_is_a_time_out():
    words = said_by(WAIT, "exec sleep 60", "alive", 0.05)
    assert words == "not done after 0.05 s, and so it was ended\n"


END_ALL = """
import os, select, signal
from conman_lab import linux
from conman_lab.shim.reaper import children, end_all
linux.become_subreaper()
news, told = os.pipe()
os.set_inheritable(told, True)
os.posix_spawn("/bin/sh", ["sh", "-c", sys.argv[1], str(told)], {})
os.close(told)
assert os.read(news, 1) == b"!"  # all of them are there
end_all()
print("children:", children())
print("left:", os.read(news, 1))  # end of file: nobody has it open any more
"""
STUBBORN = {
    "a child": "printf ! >&$0; exec sleep 60",
    "one that ignores what can be ignored": (
        "trap '' HUP INT QUIT TERM; printf ! >&$0; while :; do sleep 60; done"
    ),
    "a grandchild": "(sleep 60; :) & printf ! >&$0; wait",
    "a daemon, two forks and a session away": (
        "setsid sh -c '(printf ! >&$0; sleep 60; :) & exit' $0; exec sleep 60"
    ),
    "a zombie": "(exit 3) & exec sh -c 'printf ! >&$0; sleep 60; :' $0",
    "a stopped one": "(kill -STOP $(exec sh -c 'echo $PPID'); :) & printf ! >&$0; wait",
    "a family": "for i in 1 2 3 4 5; do (sleep 60 & sleep 60; :) & done; printf ! >&$0",
}


@pytest.mark.parametrize("script", STUBBORN.values(), ids=STUBBORN)
def test_whoever_descends_from_us_is_ended(script):
    assert said_by(END_ALL, script) == "children: []\nleft: b''\n"
