"""Trees and sources, as text, as HTML and as what a widget is given."""

import inspect
import os
import re
import signal
import subprocess
import threading
from contextlib import contextmanager
from html.parser import HTMLParser

import pytest
from eventually import eventually
from facts import modules_after, state_of

from conman_lab import naive
from conman_lab.lab import Lab
from conman_lab.naive import Naive
from conman_lab.observe import procfs
from conman_lab.observe.words import LONGEST
from conman_lab.shim.launcher import Shim
from conman_lab.views import diff, rows, show, show_map, tree
from conman_lab.views.live import LiveTree
from conman_lab.views.words import in_words

WIDGET = "application/vnd.jupyter.widget-view+json"
SLEEPER = "sh -c trap 'exit 0' TERM; echo asleep; sleep 2147483647 & wait"
FAMILY = "sleep 600 & sleep 601 & wait"
FAMILY_TREE = f"P1 sh -c {FAMILY}\n├─ P2 sleep 600\n└─ P3 sleep 601"
HOSTILE = "</span><script>alert('&\"')</script>\n\x1b[31m\u2028"


@contextmanager
def running(*command, **options):
    """A process, once exec(2) is behind it; it ends with the block, and its session."""
    with subprocess.Popen(command, start_new_session=True, **options) as process:
        try:
            eventually(lambda: procfs.snapshot([process.pid])[process.pid].command)
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def family():
    with running("sh", "-c", FAMILY) as shell:
        eventually(lambda: str(tree(shell.pid)) == FAMILY_TREE)
        yield shell


def child_of(shell):
    return procfs.tree_of(shell.pid)[0].children[0].process.pid


class Text(HTMLParser):
    """What a reader reads, and the tags that were in the way."""

    def __init__(self, html):
        super().__init__()
        self.text, self.tags = "", set()
        self.feed(html)
        self.close()

    def handle_data(self, data):
        """Between tags."""
        self.text += data

    def handle_starttag(self, tag, attrs):
        """Of any kind."""
        self.tags.add(tag)


# --- as text


def test_names_are_in_the_order_of_the_tree(family):
    assert str(tree(family.pid)) == FAMILY_TREE


def test_a_tree_has_no_pids_unless_asked_for(family):
    view = tree(family.pid)
    assert str(family.pid) not in str(view) + view._repr_html_()
    assert f"P1 (pid {family.pid}) sh" in str(tree(family.pid, pids=True))
    assert f"(pid {family.pid})" in tree(family.pid, pids=True)._repr_html_()


def test_a_view_is_of_the_moment_when_it_was_asked_for(family):
    view = tree(family.pid)
    os.kill(child_of(family), signal.SIGKILL)
    eventually(lambda: str(tree(family.pid)) != str(view))
    assert "P2 sleep 600\n" in str(view)


@pytest.mark.needs_root
def test_the_same_life_twice_is_the_same_text_and_html(runtime, bundle):
    def life(id):
        container = Naive(runtime).create(id, bundle().directory)
        created = tree(container)
        container.start()
        eventually(lambda: "P2 sleep 2" in str(tree(container)))
        started = tree(container)
        container.delete()
        return [
            face for it in (created, started) for face in (str(it), it._repr_html_())
        ]

    first, second = life("one"), life("two")
    assert first == second
    assert first[0] == "P1 runc init  (adopted by init)"
    assert first[2] == f"P1 {SLEEPER}  (adopted by init)\n└─ P2 sleep 2147483647"


@pytest.mark.needs_root
def test_a_container_comes_with_its_keeper(runtime, bundle):
    container = Shim(runtime).create("web", bundle().directory)
    assert str(tree(container)) == "P1 shim:web  (adopted by init)\n└─ P2 runc init"
    container.delete()
    assert str(tree(container)) == "no processes"


@pytest.mark.needs_root
def test_a_lab_is_all_of_its_processes():
    lab = Lab("views")
    try:
        assert str(tree(lab)) == "no processes"
        one, two = lab.start("sleep", "600"), lab.start("sleep", "601")
        assert str(tree(lab)) == "P1 sleep 600\nP2 sleep 601"
        assert str(tree(two, one)) == str(tree([two.pid, one])) == str(tree(lab))
    finally:
        lab.end()


def test_what_is_no_process_is_refused_with_what_would_be_one():
    for wrong in ("P1", None):
        with pytest.raises(TypeError, match=r"is no process: give a pid, a container"):
            tree(wrong)


def test_who_has_gone_is_in_no_tree():
    process = subprocess.Popen(["true"])
    process.wait()
    assert str(tree(process.pid)) == "no processes"
    assert "no processes" in tree(process.pid)._repr_html_()


def test_our_own_child_is_no_orphan_and_neither_are_we(family):
    assert "adopted" not in str(tree(family.pid)) + str(tree(os.getpid()))


def test_an_orphan_is_said_to_be_adopted():
    command = "(sleep 600 & echo $!); read -r line"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with running("sh", "-c", command, **pipes) as shell:
        orphan = int(shell.stdout.readline())
        eventually(lambda: str(tree(orphan)) == "P1 sleep 600  (adopted by init)")


def test_a_zombie_is_named_and_so_is_who_was_stopped(family):
    os.kill(child_of(family), signal.SIGSTOP)
    eventually(lambda: "P2 sleep 600  (stopped)\n" in str(tree(family.pid)))
    family.send_signal(signal.SIGSTOP)  # it cannot wait for its child any more
    os.kill(child_of(family), signal.SIGKILL)
    eventually(lambda: "├─ P2 sleep  (zombie)\n" in str(tree(family.pid)))
    assert '<span style="color:#dc4a4a">zombie</span>' in tree(family.pid)._repr_html_()


def test_whether_it_runs_or_sleeps_is_not_told():
    """It differs from one look to the next, and tells nothing."""
    with running("sh", "-c", "while :; do :; done") as busy:
        eventually(lambda: state_of(busy.pid) == "R")
        text = str(tree(busy.pid))
        busy.send_signal(signal.SIGSTOP)
        eventually(lambda: "stopped" in str(tree(busy.pid)))
        busy.send_signal(signal.SIGCONT)
        eventually(lambda: state_of(busy.pid) == "R")
        assert str(tree(busy.pid)) == text


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("/usr/sbin/runc --root /var/x/y --log /dev/null run web", "runc … run web"),
        ("runc init", "runc init"),
        ("runc run --bundle /var/lib/lab/web web", "runc run --bundle …/web web"),
        ("/usr/bin/python3.11 -m http.server", "python -m http.server"),
        ("/a/b/python -m ipykernel_launcher -f /x/k-1.json", "python -m ipykernel_launcher"),
        ("/a/b/python -P -m conman_lab.lab.kernel -f k", "python -m ipykernel_launcher"),
        ("-bash", "-bash"),
        ("cat /etc/passwd --to=/a/b/c.json", "cat /etc/passwd --to=…/c.json"),
        ("curl http://host/a/b/c", "curl http://host/a/b/c"),
        ("sed s/a/b/c/d", "sed s/a/b/c/d"),
    ],
)  # fmt: skip
def test_words_are_the_same_on_every_machine(command, words):
    assert in_words(process(*command.split())) == words


def test_words_are_one_short_line():
    words = in_words(process("sh", "-c", "a\nb\x1b[0m" + "x" * 500 + " the end"))
    assert words.startswith(r"sh -c a\nb\x1b[0mxx")
    assert words.endswith("x the end")
    assert len(words) == LONGEST


def test_who_has_no_command_line_goes_by_its_comm():
    assert in_words(process(comm="runc:[1:CHILD]")) == "runc init"
    assert in_words(process(comm="kthreadd")) == "kthreadd"


def process(*command, comm="comm"):
    return procfs.Process(1, 0, comm, command, "S", 1, 0.0)


# --- as HTML


def test_html_says_what_the_text_says(family):
    read = Text(tree(family.pid)._repr_html_())
    assert read.text.splitlines() == str(tree(family.pid)).splitlines()
    assert read.tags == {"pre", "span"}


def test_a_hostile_command_line_stays_text():
    with running("sh", "-c", "read -r line", HOSTILE, stdin=subprocess.PIPE) as mean:
        html = tree(mean.pid)._repr_html_()
    assert Text(html).tags == {"pre", "span"}
    assert "<script>alert('&\"')</script>\\n\\x1b[31m\\u2028" in Text(html).text


@pytest.mark.needs_root
def test_namespaces_are_in_the_html_and_not_in_the_text(runtime, bundle):
    pid = runtime.create("c", bundle())
    read = Text(tree(pid)._repr_html_()).text
    assert read.endswith("adopted by init  ipc mnt net pid uts")
    assert "mnt" not in str(tree(pid))


# --- more than one look


def test_who_has_ended_stays_in_its_place(family):
    view = tree(family.pid)
    child = child_of(family)
    os.kill(child, signal.SIGKILL)
    eventually(lambda: procfs.snapshot([child]) == {})  # sh has waited for it
    later = view.again()
    assert "├─ P2 sleep 600  (ended)\n└─ P3 sleep 601" in str(later)
    assert "text-decoration:line-through" in later._repr_html_()


def test_a_zombie_goes_by_what_it_was_when_it_lived(family):
    view = tree(family.pid)
    family.send_signal(signal.SIGSTOP)  # it cannot wait for its child any more
    os.kill(child_of(family), signal.SIGKILL)
    eventually(lambda: "├─ P2 sleep  (zombie)" in str(tree(family.pid)))
    assert "├─ P2 sleep 600  (zombie)" in str(view.again())


def test_a_name_is_never_given_twice(family):
    view = tree(family.pid)
    with running("sleep", "602") as other:
        later = tree([family.pid, other.pid])
        assert "P4 sleep 602" in str(later)
    assert str(view.again()) == str(view)
    assert "P4 sleep 602  (ended)" in str(later.again())


def test_an_orphan_stays_below_its_parent_and_says_who_adopted_it():
    command = "sleep 600 & echo $!; read -r line"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with running("sh", "-c", f"sh -c '{command}'; read -r line; :", **pipes) as shell:
        orphan = int(shell.stdout.readline())
        eventually(lambda: "P3 sleep 600" in str(tree(shell.pid)))
        view = tree(shell.pid)
        os.kill(procfs.parents()[orphan], signal.SIGKILL)
        eventually(lambda: procfs.parents()[orphan] != view.rows[1].process.pid)
        eventually(lambda: len(procfs.tree_of(shell.pid)[0].children) == 0)
        later = str(view.again()).splitlines()
    assert later[1].startswith("└─ P2 sh -c")
    assert later[1].endswith("(ended)")
    assert later[2] == "   └─ P3 sleep 600  (adopted by init)"


def test_who_turns_out_to_be_a_child_moves_below_its_parent(family):
    history = rows.History()
    history.look([child_of(family)])
    seen = [(row.guide, row.name) for row in history.look([family.pid])]
    assert seen == [("", "P2"), ("├─ ", "P1"), ("└─ ", "P3")]


def test_those_who_ended_first_are_forgotten_first(family, monkeypatch):
    monkeypatch.setattr(rows, "LONGEST", 4)
    history = rows.History()
    history.look([family.pid])
    for _ in range(3):
        with running("sleep", "600") as passing:
            history.look([passing.pid])
    names = [row.name for row in history.look([])]
    assert names == ["P1", "P2", "P3", "P6"]


def test_a_pid_that_has_a_new_owner_is_not_taken_for_the_old_one(family):
    history = rows.History()
    (row, *_) = history.look([child_of(family)])
    stranger = rows.replace(
        row, process=rows.replace(row.process, started_at=row.process.started_at - 1)
    )
    history._rows = {stranger.key: stranger}
    assert [row.state for row in history.look([])] == ["ended"]


# --- live


@pytest.fixture
def live(family):
    watching = tree(family.pid).live(every=0.01)
    yield watching
    watching.stop()
    watching.widget.close()


def test_a_live_tree_tells_its_widget_what_has_changed(live, family):
    assert [row["name"] for row in live.widget.rows] == ["P1", "P2", "P3"]
    os.kill(child_of(family), signal.SIGKILL)
    eventually(lambda: live.widget.rows[1]["state"] == "ended")
    assert "P2 sleep 600  (ended)" in str(live)
    assert live.widget.running


def test_nothing_is_sent_when_nothing_has_changed(live):
    sent = []
    live.widget.observe(sent.append, "rows")
    seen = live.view
    eventually(lambda: live.view is not seen)
    seen = live.view
    eventually(lambda: live.view is not seen)
    assert sent == []


def test_a_row_for_the_page_has_all_that_can_be_asked(live, family):
    row = live.widget.rows[0]
    details = dict(row["details"])
    assert details["pid"] == (
        f"{family.pid}, child of {os.getpid()}, session {family.pid}"
    )
    assert details["command"] == f"sh -c '{FAMILY}'"
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d\d", details["started"])
    assert details["cgroup"] == procfs.snapshot([family.pid])[family.pid].cgroup


def watchers():
    """The threads that look."""
    return [it for it in threading.enumerate() if it.name == "live view"]


def test_who_is_on_no_page_does_not_look(live, family):
    live.widget._handle_custom_msg({"shown": 1}, [])
    live.widget._handle_custom_msg({"shown": -1}, [])
    eventually(lambda: not watchers())
    seen = live.view
    live.widget._handle_custom_msg({"shown": 1}, [])
    eventually(lambda: live.view is not seen)


def test_fifty_that_were_shown_once_leave_no_thread(live, family):
    """A cell that is executed again does not stop what it made the last time."""
    for _ in range(50):
        one = tree(family.pid).live(every=0.01)
        one.widget._handle_custom_msg({"shown": 1}, [])
        one.widget._handle_custom_msg({"shown": -1}, [])
    eventually(lambda: len(watchers()) == 1)  # that of `live`


def test_one_that_comes_and_goes_is_looked_at_by_one(live):
    for _ in range(200):
        live.widget._handle_custom_msg({"shown": 1}, [])
        live.widget._handle_custom_msg({"shown": -1}, [])
    live.widget._handle_custom_msg({"shown": 1}, [])
    seen = live.view
    eventually(lambda: live.view is not seen)
    assert len(watchers()) == 1


def test_trouble_without_words_is_told_by_its_name(family):
    class Lost:
        pids = (family.pid,)

    def lose():
        raise AssertionError

    lost = Lost()
    watching = tree(lost).live(every=0.01)
    Lost.pids = property(lambda _: lose())
    eventually(lambda: watching.widget.trouble == "AssertionError")
    watching.widget.close()


def test_stopped_it_looks_no_more_and_its_thread_ends(live, family):
    live.stop()
    assert not live.widget.running
    eventually(lambda: not live._thread.is_alive())
    seen = live.view
    os.kill(child_of(family), signal.SIGKILL)
    assert live.view is seen


def test_trouble_is_told_in_the_widget_and_nowhere_else(family, capfd):
    class Lost:
        pids = (family.pid,)

    lost = Lost()
    watching = tree(lost).live(every=0.01)
    lost.pids = None
    eventually(lambda: watching.widget.trouble)
    eventually(lambda: not watching._thread.is_alive())
    watching.widget.close()
    assert capfd.readouterr() == ("", "")


def test_a_live_tree_has_all_three_faces(live):
    bundle = live._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", WIDGET}
    assert bundle["text/plain"] == str(tree(live.view.what)) == repr(live)


def test_frozen_it_is_text_and_starts_nothing(family, monkeypatch):
    monkeypatch.setenv("CONMAN_LAB_FREEZE", "1")
    frozen = tree(family.pid).live()
    assert frozen._repr_mimebundle_() == {
        "text/plain": str(tree(family.pid)),
        "text/html": tree(family.pid)._repr_html_(),
    }
    assert frozen.widget is None
    frozen.stop()


def test_frozen_each_display_is_a_look(family, monkeypatch):
    monkeypatch.setenv("CONMAN_LAB_FREEZE", "1")
    frozen = tree(family.pid).live()
    os.kill(child_of(family), signal.SIGKILL)
    eventually(lambda: "(ended)" in frozen._repr_mimebundle_()["text/plain"])


# --- source


def test_the_source_is_the_exact_source_at_the_left_edge():
    assert str(show(naive)) == inspect.getsource(naive).rstrip()
    lines = inspect.getsource(Naive.create).splitlines()
    assert repr(show(Naive.create)).splitlines() == [line[4:] for line in lines]


def test_several_are_shown_one_below_the_other():
    text = str(show(Naive.home, LiveTree.stop, procfs.snapshot))
    shown = re.findall(r"^def (\w+)", text, re.MULTILINE)
    assert shown == ["home", "stop", "snapshot"]


def test_the_html_of_a_source_is_the_source_in_colours():
    shown = show(Naive.create, tree)
    read = Text(shown._repr_html_())
    assert read.text == str(shown)
    assert read.tags == {"pre", "span"}


def test_what_has_no_source_is_refused_with_what_has():
    for wrong in (len, 7):
        with pytest.raises(TypeError, match="give a function, a class or a module"):
            show(wrong)


def test_a_difference_is_what_goes_and_what_comes():
    old, new = "a\nb\nc\n", "a\nB\nc\n"
    assert str(diff(old, new)) == " a\n-b\n+B\n c"
    assert Text(diff(old, new)._repr_html_()).text == str(diff(old, new))
    assert str(diff(old, old)) == "no difference"


def test_between_what_is_far_apart_there_is_a_gap():
    old = [str(number) for number in range(30)]
    new = ["x", *old[1:29], "y"]
    lines = str(diff("\n".join(old), "\n".join(new))).splitlines()
    assert lines.count("…") == 1
    assert (lines[:2], lines[-2:]) == (["-0", "+x"], ["-29", "+y"])


def test_functions_can_be_compared():
    assert "-def stop(self) -> None:" in str(diff(LiveTree.stop, LiveTree.look))


# --- what it costs


def test_who_only_wants_a_tree_imports_no_widgets():
    seen = modules_after("from conman_lab.views import tree, show; str(tree(1))")
    heavy = {"anywidget", "ipywidgets", "matplotlib", "IPython", "pygments"}
    assert heavy & seen == set()


def test_a_module_shows_its_map_as_text_and_on_a_page():
    from conman_lab.manager import facts

    shown = show_map(facts)
    assert "exit file" in str(shown).splitlines()[2]
    assert "def " not in str(shown)
    assert "lives           none        lives" in shown._repr_html_()
