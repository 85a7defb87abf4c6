"""Of whose end the watcher tells, and that nothing stops it from telling of the next."""

import os
import signal
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from eventually import eventually
from facts import ends
from manager_home import descriptors

from conman_lab.files import write_atomically
from conman_lab.identity import Identity
from conman_lab.linux import Exit
from conman_lab.manager.commands import Commands
from conman_lab.manager.watcher import Watcher
from conman_lab.record import changed
from conman_lab.shim.exitfile import to_json

MOST = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())


@pytest.fixture
def sleeper():
    """A process that is there until it is ended."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


@contextmanager
def watching(root, heard):
    """A watcher; at the end it has nothing open and no thread."""
    before = descriptors(), threading.active_count()
    watcher = Watcher(root, heard)
    try:
        yield watcher
    finally:
        watcher.close()
    assert (descriptors(), threading.active_count()) == before


def made(root, *names):
    """A directory for each."""
    for name in names:
        (root / name).mkdir()
    return [root / name for name in names]


def exits(directory):
    """As a shim does."""
    write_atomically(directory / "exit", to_json(Exit(code=0)), durable=False)


def test_an_exit_file_is_heard_of_while_its_shim_lives(tmp_path):
    heard = []
    (web,) = made(tmp_path, "web")
    with watching(tmp_path, heard.append) as watcher:
        watcher.watch("web", web)
        write_atomically(web / "log", b"", durable=False)  # another name,
        exits(tmp_path)  # and that name in another place
        exits(web)
        eventually(lambda: heard)
        watcher.catch_up()
    assert heard == ["web"]


def test_an_end_without_a_word_is_heard_of(tmp_path, sleeper):
    heard = []
    with watching(tmp_path, heard.append) as watcher:
        assert watcher.follow("web", Identity.of(sleeper.pid))
        sleeper.kill()
        eventually(lambda: heard == ["web"])


def test_whoever_has_the_pid_now_is_not_followed(tmp_path, sleeper):
    it = Identity.of(sleeper.pid)
    with watching(tmp_path, print) as watcher:
        before = descriptors()
        assert not watcher.follow("web", changed(it, started_at=it.started_at - 1))
        assert descriptors() == before
        sleeper.kill()
        sleeper.wait()
        assert not watcher.follow("web", it)


def test_who_lives_when_it_closes_is_let_go(tmp_path, sleeper):
    with watching(tmp_path, print) as watcher:
        assert watcher.follow("web", Identity.of(sleeper.pid))


def test_a_directory_that_has_gone_is_forgotten(tmp_path):
    (web,) = made(tmp_path, "web")
    with watching(tmp_path, print) as watcher:
        watcher.watch("web", web)
        web.rmdir()
        eventually(lambda: not watcher._directories)


@pytest.mark.parametrize("error", [OSError(24, "EMFILE"), RuntimeError("no thread")])
def test_what_cannot_be_done_for_one_hides_no_other(tmp_path, error):
    heard = []

    def hear(id):
        heard.append(id)
        if id == "web":
            raise error

    web, db = made(tmp_path, "web", "db")
    with watching(tmp_path, hear) as watcher:
        watcher.watch("web", web)
        watcher.watch("db", db)
        exits(web)
        eventually(lambda: heard == ["web"])
        exits(db)
        eventually(lambda: heard == ["web", "db"])


def test_when_news_are_lost_everybody_is_looked_at(tmp_path):
    """The kernel keeps so many and no more, inotify(7): the last one is that."""
    heard = []
    web, busy = made(tmp_path, "web", "busy")
    (busy / "out").touch()
    with watching(tmp_path, heard.append) as watcher:
        watcher.watch("web", web)
        watcher.watch("busy", busy)
        with watcher._telling:  # nobody reads them meanwhile
            for _ in range(MOST // 2 + 1):
                os.rename(busy / "out", busy / "in")
                os.rename(busy / "in", busy / "out")
            exits(web)
        eventually(lambda: "web" in heard)


def test_who_hears_may_ask_who_else_has_ended(tmp_path, sleeper):
    """As a listener does who lists: by then all has been told, and that is no error."""
    heard = []

    def hear(id):
        heard.append(id)
        watcher.catch_up()

    (web,) = made(tmp_path, "web")
    with watching(tmp_path, hear) as watcher:
        watcher.watch("web", web)
        watcher.follow("db", Identity.of(sleeper.pid))
        with watcher._telling:  # both are news in one round
            os.kill(sleeper.pid, signal.SIGKILL)
            assert ends(sleeper.pid)
            exits(web)
            watcher.catch_up()
            assert sorted(heard) == ["db", "web"]


# --- commands


def test_a_command_that_has_ended_before_anybody_listened_is_heard_of(tmp_path):
    (directory,) = made(tmp_path, "it")
    with watching(tmp_path, print) as watcher:
        exits(directory)
        command = Commands(watcher).keep(directory)
        assert command.end.result(0) == Exit(code=0)
    assert not directory.exists()


def test_a_command_has_ended_though_its_shim_has_not_yet(tmp_path, sleeper):
    (directory,) = made(tmp_path, "it")
    (directory / "shim.pid").write_text(str(Identity.of(sleeper.pid)))
    heard = []
    with watching(tmp_path, heard.append) as watcher:
        commands = Commands(watcher)
        command = commands.keep(directory)
        exits(directory)
        commands.look(eventually(lambda: heard and heard.pop()))
        assert command.end.result(0) == Exit(code=0)
        assert directory.exists()
        sleeper.kill()
        commands.look(eventually(lambda: heard and heard.pop()))
        assert not directory.exists()
