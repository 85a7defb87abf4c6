"""A trace as a picture: lanes, the text and the HTML, paper, and what a page is told."""

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from eventually import eventually
from facts import modules_after
from story import US, adopted
from test_views import HOSTILE, WIDGET, Text

from conman_lab.linux import Exit
from conman_lab.observe import telling
from conman_lab.observe.events import Mark
from conman_lab.observe.recording import trace
from conman_lab.observe.trace import Event, Kind, Span, Trace
from conman_lab.views import swimlane
from conman_lab.views.lanes import BEFORE, MOST, TONES, picture, short
from conman_lab.views.scale import Scale

TRACES = Path(__file__).parent / "traces"


def nested(end=1.0):
    """The story, with a span in a span and one behind it."""
    inside, behind = Span("inside", 0.3, 0.5, US), Span("behind", 0.8, 0.9, US)
    return replace(adopted(), spans=[*adopted().spans, inside, behind], ended_at=end)


def burst(count):
    """One parent, and so many children that have ended."""
    events = [Event(0.0, Kind.SEEN, 1, 0, "sh", ("sh",))]
    for number in range(count):
        pid = 2 + number
        events.append(Event(number / 1000, Kind.FORK, pid, 1))
        events.append(Event(number / 1000, Kind.EXIT, pid, exit=Exit(code=0)))
    return Trace(events, ended_at=9.0)


@pytest.fixture(params=["naive-run.json", "shim-run.json"])
def recorded(request):
    return Trace.load(TRACES / request.param)


# --- lanes


def test_a_lane_is_a_life_in_the_order_of_the_tree(recorded):
    lanes = picture(recorded).lanes
    assert [lane.life for lane in lanes] == recorded.lives()
    drawn = [f"{lane.guide}{lane.life.name}" for lane in lanes]
    told = [
        line[: len(begin)]
        for line, begin in zip(str(recorded).splitlines(), drawn, strict=True)
    ]
    assert drawn == told


def test_a_forked_child_has_the_colour_of_what_its_parent_ran():
    us, shim, runc, sleep = picture(nested()).lanes
    assert [bar.tone for bar in us.bars] == [BEFORE]
    assert [bar.tone for bar in shim.bars] == [BEFORE, TONES[0]]
    assert [bar.tone for bar in runc.bars] == [TONES[0], TONES[1]]
    assert [bar.tone for bar in sleep.bars] == [TONES[1], TONES[2]]
    assert [bar.forked for bar in sleep.bars] == [True, False]


def test_colours_stay_while_a_trace_grows(recorded):
    def tones(trace):
        lanes = picture(trace).lanes
        return {lane.life.key: [bar.tone for bar in lane.bars] for lane in lanes}

    whole = tones(recorded)
    for count in range(1, len(recorded.events)):
        part = tones(Trace(recorded.events[:count]))
        assert all(whole[key][: len(bars)] == bars for key, bars in part.items())


def test_namespaces_are_told_where_they_begin(recorded):
    told = {lane.life.titles[-1]: lane.chips for lane in picture(recorded).lanes}
    assert "pid" in told["echo Hello from a container"]
    assert told["runc … start hello"] == ()


def test_of_too_many_the_newest_are_drawn_and_their_parents():
    drawn = picture(burst(1000))
    names = [lane.life.name for lane in drawn.lanes]
    assert names[0] == "P1"
    assert names[-1] == "P1001"
    assert len(names) <= MOST + 1
    assert drawn.more == 1001 - len(names)
    assert drawn.lanes[-1].guide == "└─ "


def test_spans_inside_others_are_a_line_below():
    levels = [(level, span.name) for level, span in picture(nested()).spans]
    assert levels == [(0, "runc start"), (1, "inside"), (0, "behind")]


def test_quiet_times_are_folded_and_the_rest_is_to_scale():
    trace = nested(end=60.0)
    ((since, until),) = picture(trace).folds
    assert (since, until) == (0.9, 60.0)
    scale = Scale(60.0, [(since, until)], width=1, fold=0.1)
    assert scale.place(0.45) == pytest.approx(0.45)
    assert scale.place(60.0) == pytest.approx(1)
    assert len(scale.ticks(9)) > 5
    assert not [at for at in scale.ticks(9) if since < at < until]


def test_what_goes_on_evenly_is_not_folded():
    assert picture(nested()).folds == ()
    assert picture(Trace(ended_at=5.0)).folds == ()


def test_an_exit_in_a_word():
    exits = [Exit(code=0), Exit(code=3), Exit(signal=9), Exit(signal=9, oom=True), None]
    assert [short(it) for it in exits] == ["exit 0", "exit 3", "SIGKILL", "SIGKILL", ""]


# --- text and HTML


def test_the_text_is_the_trace_s(recorded):
    assert str(swimlane(recorded)) == repr(swimlane(recorded)) == str(recorded)


def test_without_times_the_html_says_what_the_text_says(recorded):
    view = swimlane(recorded, times=False)
    html = Text(view._repr_html_())
    assert html.tags == {"pre", "span"}
    lives = recorded.lives()
    for line, life in zip(html.text.splitlines(), lives, strict=True):
        told = [
            life.name,
            telling.title(life),
            *telling.facts(life, telling.names_of(lives)),
        ]
        assert all(words in line for words in told)
    assert not re.search(r"\d\.\d+ ms", html.text)


def test_frozen_the_html_has_no_times(recorded, monkeypatch):
    monkeypatch.setenv("CONMAN_LAB_FREEZE", "1")
    assert swimlane(recorded)._repr_html_() == swimlane(recorded, False)._repr_html_()
    monkeypatch.delenv("CONMAN_LAB_FREEZE")
    html = swimlane(recorded)._repr_html_()
    assert f"{recorded.ended_at * 1000:.2f} ms" in html
    assert html.count("background-color") >= len(recorded.lives())


def test_lanes_in_html_are_of_one_width():
    view = swimlane(nested())
    *lines, legend = Text(view._repr_html_()).text.splitlines()
    assert {line.index(f"P{number}") for number, line in enumerate(lines[:1], 1)} == {
        62
    }
    assert legend.endswith("1000.00 ms")


def test_a_hostile_name_stays_text():
    trace = Trace([Event(0.0, Kind.SEEN, 5, 1, HOSTILE, (HOSTILE,))], ended_at=1.0)
    html = Text(swimlane(trace)._repr_html_())
    assert html.tags == {"pre", "span"}
    assert "script>" in html.text  # a path is shortened to its last word


def test_nothing_is_drawn_of_nothing():
    for end in (0.0, 1.0):
        empty = swimlane(Trace(ended_at=end))
        assert Text(empty._repr_html_()).text == str(empty) == "no processes"
        assert empty.figure()._repr_png_()[0].startswith(b"\x89PNG")


# --- paper


def test_the_same_trace_is_the_same_picture(recorded):
    one, other = swimlane(recorded).figure(), swimlane(recorded).figure()
    assert one._repr_png_() == other._repr_png_()
    assert repr(one) == f"swimlane of {len(recorded.lives())} processes"


def test_on_paper_bars_are_where_the_scale_has_them():
    view = swimlane(nested())
    (axes,) = view.figure().figure.axes
    drawn = view.picture()
    scale = Scale(drawn.now, drawn.folds, width=1, fold=0.04)
    places = {round(bar.get_x(), 6) for bar in axes.patches}
    for lane in drawn.lanes:
        assert {round(scale.place(bar.at), 6) for bar in lane.bars} <= places
    texts = [text.get_text() for text in axes.texts]
    assert {"SIGKILL", "exit 0", "our code", "now it is killed"} <= set(texts)


def test_a_shell_s_dollars_are_no_formulas_and_any_letter_is_drawn(recwarn):
    """Matplotlib would refuse the first, and warn of the second in a notebook's cell."""
    marked = replace(nested(), marks=[Mark(0.1, "$x^^ $ \N{GRINNING FACE}")])
    png, _ = swimlane(marked).figure()._repr_png_()
    assert png.startswith(b"\x89PNG")
    assert not recwarn.list


def test_a_plot_is_saved_by_the_end_of_its_name(tmp_path):
    plot = swimlane(nested()).figure()
    for name, begin in (("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF")):
        plot.save(tmp_path / name)
        first = (tmp_path / name).read_bytes()
        assert first.startswith(begin)
        plot.save(tmp_path / name)
        assert (tmp_path / name).read_bytes() == first


# --- live


@pytest.fixture
def live():
    """Watch traces: `live(trace)`."""
    watching = []

    def watch(trace):
        watching.append(swimlane(trace).live())
        return watching[-1]

    yield watch
    for each in watching:
        each.stop()
        each.widget.close()


def shown(widget):
    """What the page makes of it: swimlane.js, `read`."""
    page = {**widget.picture, **widget.changed}
    page["lanes"] = widget.picture["lanes"] | widget.changed.get("lanes", {})
    return page


def test_a_finished_trace_is_told_once_and_nobody_looks_any_more(live, recorded):
    watching = live(recorded)
    eventually(lambda: not watching._thread.is_alive())
    assert not watching.widget.running
    page = shown(watching.widget)
    assert [page["lanes"][key]["name"] for key in page["order"]] == [
        life.name for life in recorded.lives()
    ]
    json.dumps(page)


def test_a_page_that_comes_late_is_told_what_time_it_is(live):
    """Nothing has happened since; but its clock would begin where the last one did."""
    watching = live(nested(end=None))
    eventually(lambda: watching.widget.changed)  # the first look
    began = shown(watching.widget)["now"]
    watching.widget._handle_custom_msg({"shown": 1}, [])
    eventually(lambda: shown(watching.widget)["now"] > began)


def test_a_growing_trace_tells_what_is_new_and_no_more(live):
    trace = nested(end=None)
    later = [trace.events.pop() for _ in range(4)]
    watching = live(trace)
    assert len(shown(watching.widget)["order"]) == 4
    trace.events += later
    eventually(lambda: watching.widget.changed)
    lanes = watching.widget.changed["lanes"]
    assert {lane["name"] for lane in lanes.values()} == {"P3", "P4"}
    page = shown(watching.widget)
    assert page["lanes"]["3"]["adoptions"] == [[0.7, "1", "P2"]]
    assert page["lanes"]["3"]["exit"] == "SIGKILL"
    trace.ended_at = 1.0
    eventually(lambda: not watching._thread.is_alive())
    assert not watching.widget.running
    assert shown(watching.widget)["now"] == 1.0


def test_nothing_is_sent_when_nothing_has_happened(live):
    watching = live(nested(end=None))
    eventually(lambda: watching._told)
    sent = []
    watching.widget.observe(sent.append, ["picture", "changed"])
    watching.look()
    watching.look()
    assert sent == []


def test_when_much_has_changed_the_picture_is_sent_again(live):
    trace = burst(30)
    trace.ended_at = None
    whole, trace.events = trace.events, trace.events[:1]
    watching = live(trace)
    trace.events = whole
    eventually(lambda: len(watching.widget.picture["order"]) == 31)
    assert watching.widget.changed == {}


def test_a_frozen_one_is_text_and_starts_nothing(recorded, monkeypatch):
    monkeypatch.setenv("CONMAN_LAB_FREEZE", "1")
    view = swimlane(recorded)
    frozen = view.live()
    faces = {"text/plain": str(recorded), "text/html": view._repr_html_()}
    assert frozen._repr_mimebundle_() == faces
    assert frozen.widget is None


def test_a_live_one_has_all_three_faces(live, recorded):
    bundle = live(recorded)._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", WIDGET}


def test_who_only_wants_the_text_imports_nothing_heavy():
    seen = modules_after(
        "from conman_lab.views import swimlane; "
        "from conman_lab.observe.trace import Trace; "
        "swimlane(Trace(ended_at=1))._repr_html_()"
    )
    heavy = {"anywidget", "ipywidgets", "matplotlib", "IPython", "pygments"}
    assert heavy & seen == set()


def test_a_figure_needs_no_pyplot():
    seen = modules_after(
        "from conman_lab.views import swimlane; "
        "from conman_lab.observe.trace import Trace; "
        "swimlane(Trace(ended_at=1)).figure()._repr_png_()"
    )
    assert "matplotlib.figure" in seen
    assert "matplotlib.pyplot" not in seen


def test_a_zombie_is_told_until_somebody_asks_for_its_exit(live):
    """The kernel tells no trace of that; a live view looks into /proc."""
    with trace() as recording:
        watching = live(recording)
        with subprocess.Popen(["true"]) as child:
            lane = eventually(lambda: dead(watching, child.pid))
            assert lane["reaped"] is None
        eventually(lambda: not dead(watching, child.pid))
    eventually(lambda: not watching.widget.running)
    page = shown(watching.widget)
    assert len(page["order"]) == len(recording.lives())
    (lane,) = [it for it in page["lanes"].values() if pid_of(it) == child.pid]
    assert lane["reaped"] > lane["ended"]


def dead(watching, pid):
    lanes = shown(watching.widget)["lanes"].values()
    return next((it for it in lanes if pid_of(it) == pid and it["zombie"]), None)


def pid_of(lane):
    return int(dict(lane["details"])["pid"])
