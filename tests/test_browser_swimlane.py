"""The swimlane in a real notebook's page, seen by a real browser."""

import re
from pathlib import Path

import pytest
from browser import PATIENCE, program
from eventually import eventually

from conman_lab.observe.trace import Trace
from conman_lab.views import swimlane

pytestmark = pytest.mark.skipif(program() is None, reason="needs Chromium")

TRACES = Path(__file__).parent / "traces"
IMPORTS = """
import os, signal, subprocess
from conman_lab.lab.facts import until
from conman_lab.observe.recording import trace
from conman_lab.observe.trace import Trace
from conman_lab.views import swimlane

def told(name):
    until(lambda: os.path.exists(name), 30)
"""
BUSY = """
with trace() as t:
    live = swimlane(t).live()
    display(live)
    one = subprocess.Popen(["sh", "-c", "sleep 601 & exec sleep 602"], process_group=0)
    t.mark("it has begun")
    told(HERE + "one-seen")
    one.kill()
    told(HERE + "zombie-seen")
    one.wait()
    told(HERE + "paused")
    os.killpg(one.pid, signal.SIGKILL)
    two = subprocess.Popen(["sleep", "603"])
    told(HERE + "two-seen")
    two.kill()
    two.wait()
print("ended")
"""
BUSY_CELL = 1
FRONT_ENDS = pytest.mark.parametrize("classic", [False, True], ids=["lab", "notebook"])
TIME = r"\d+\.\d{3} ms"
PLAYED = """() => {
    const seen = window.seen ??= new Set()
    seen.add(document.querySelectorAll(".conman-lab-swimlane .row").length)
    return document.querySelector(".conman-lab-swimlane .pause").textContent === "play"
        && seen.size
}"""


def found(shown, selector, text=None):
    """Wait for the first such element."""
    element = shown.locator(selector, has_text=text).first
    element.wait_for(timeout=PATIENCE, state="attached")
    return element


def summary(shown):
    return shown.locator(".summary").inner_text()


def ticks(shown):
    return shown.locator("svg .tick").all_text_contents()


def scrub(shown, part):
    """Move the slider, as a hand does."""
    shown.locator(".scrub").evaluate(
        """(slider, part) => {
            slider.value = part * slider.max
            slider.dispatchEvent(new Event("input", { bubbles: true }))
        }""",
        part,
    )


@FRONT_ENDS
def test_a_swimlane_lives_while_a_cell_runs(opened, tell, classic):
    """One story, for a kernel and a page take seconds: each part needs the one before."""
    here = "notebook-" if classic else "lab-"
    notebook = opened(f"{IMPORTS}\nHERE = {here!r}", BUSY, classic=classic)
    notebook.run_all()
    shown = notebook.cell(BUSY_CELL).locator(".conman-lab-swimlane")

    # forks are arrows, execs are bars, a mark is a line
    found(shown, ".row", "sleep 601")
    found(shown, "svg .phase text", "sleep 602")
    found(shown, "svg text.mark", "it has begun")
    assert shown.locator("svg .fork").count() >= 2
    assert "watching" in summary(shown)
    assert notebook.is_running(BUSY_CELL)

    # time goes on
    before = shown.locator(".time").inner_text()
    eventually(lambda: shown.locator(".time").inner_text() != before)

    # a zombie is red; who was left behind is adopted; and in the end there is an exit
    tell(here + "one-seen")
    found(shown, ".row.zombie", "sleep 602")
    found(shown, "svg .dead")
    red, green, blue = notebook.colour(".conman-lab-swimlane .row.zombie .words")
    assert red > 2 * max(green, blue)
    found(shown, "svg .adoption")
    tell(here + "zombie-seen")
    ended = found(shown, ".row.ended", "sleep 602").locator(".words")
    line = ended.evaluate("element => getComputedStyle(element).textDecorationLine")
    assert line == "line-through"
    found(shown, "svg .exit.failed", "SIGKILL")
    assert notebook.is_running(BUSY_CELL)

    # it stands still while the world goes on, and comes along again
    shown.get_by_role("button", name="pause").click()
    stands = shown.locator(".time").inner_text()
    tell(here + "paused")
    eventually(lambda: notebook.page.locator(".row", has_text="603").count() == 0)
    assert "paused" in summary(shown)
    assert shown.locator(".time").inner_text() == stands
    shown.get_by_role("button", name="resume").click()
    found(shown, ".row", "sleep 603")
    assert notebook.is_running(BUSY_CELL)

    # when the trace is complete, nobody watches any more
    tell(here + "two-seen")
    eventually(lambda: "recorded" in summary(shown), timeout=PATIENCE / 1000)
    assert shown.get_by_role("button", name="play").count() == 1


def a_moment_by_the_keyboard(notebook, shown):
    """JupyterLab has its own use for arrows, but not here."""
    shown.locator(".stage").focus()
    for key in ("Tab", "ArrowLeft", "ArrowDown", "ArrowDown"):
        notebook.page.keyboard.press(key)
    assert shown.locator(".scrub").input_value() == "997"
    notebook.page.keyboard.press("End")
    shown.locator(".stage").focus()


def test_a_picture_is_hovered_scrubbed_and_zoomed(opened):
    saved = TRACES / "shim-run.json"
    lives = Trace.load(saved).lives()
    notebook = opened(IMPORTS, f"swimlane(Trace.load({str(saved)!r})).live()")
    notebook.run_all()
    shown = notebook.cell(1).locator(".conman-lab-swimlane")
    found(shown, ".row", "shim:hello")
    assert shown.locator(".row .name").all_inner_texts() == [it.name for it in lives]

    # below the pointer: when, how long, which pid
    found(shown, "svg .phase", "shim:hello").locator("text").hover(force=True)
    told = found(shown, ".tip b", "P3 shim:hello").locator("..").inner_text()
    assert re.search(rf"lived\n{TIME} to {TIME}, {TIME}", told)
    assert f"pid\n{lives[2].pid}" in told
    assert "adopted\nby init at" in told

    a_moment_by_the_keyboard(notebook, shown)

    # by keys alone: choose a row, come nearer, go along, see all again
    whole = ticks(shown)
    for key in ("ArrowDown", "ArrowDown"):
        notebook.page.keyboard.press(key)
    assert found(shown, ".row.selected").locator(".name").inner_text() == "P2"
    assert "P2" in shown.locator(".tip b").inner_text()
    notebook.page.keyboard.press("+")
    closer = ticks(shown)
    assert closer != whole
    notebook.page.keyboard.press("ArrowRight")
    assert ticks(shown) != closer
    notebook.page.keyboard.press("0")
    notebook.page.keyboard.press("0")  # twice, JupyterLab would ask whether to restart
    assert ticks(shown) == whole
    assert notebook.page.locator(".jp-Dialog").count() == 0
    notebook.page.keyboard.press("Escape")
    assert shown.locator(".tip").is_hidden()

    # dragging shows what was dragged over, and a double click all
    box = shown.locator("svg").bounding_box()
    notebook.page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 60)
    notebook.page.mouse.down()
    notebook.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    notebook.page.mouse.up()
    assert ticks(shown) != whole
    notebook.page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + 60)
    assert ticks(shown) == whole

    # what was there at some time
    scrub(shown, 0.4)
    early = shown.locator(".row").count()
    assert 1 < early < len(lives)
    assert "paused" in summary(shown)
    scrub(shown, 1)
    assert shown.locator(".row").count() == len(lives)

    # those who have ended can be left out
    shown.get_by_role("button", name="hide ended").click()
    assert shown.locator(".row .name").all_inner_texts() == ["P1"]
    shown.get_by_role("button", name="show ended").click()

    # it follows the theme
    light = themed(notebook)
    notebook.theme("JupyterLab Dark")
    dark = themed(notebook)
    assert light["text"] < light["page"] - 100
    assert dark["text"] > dark["page"] + 100


def themed(notebook):
    """How light the axis's text is, and the page below it: 0 to 255."""
    return {
        "text": sum(notebook.colour(".conman-lab-swimlane .row .guide ~ .words")) / 3,
        "page": sum(notebook.colour(".jp-Notebook", "backgroundColor")) / 3,
    }


@FRONT_ENDS
def test_a_saved_trace_is_replayed(opened, classic):
    saved = TRACES / "naive-run.json"
    count = len(Trace.load(saved).lives())
    cell = f"swimlane(Trace.load({str(saved)!r})).live()"
    notebook = opened(IMPORTS, cell, classic=classic)
    notebook.run_all()
    shown = notebook.cell(1).locator(".conman-lab-swimlane")
    found(shown, ".row")
    shown.get_by_role("button", name="play").click()
    assert "playing" in summary(shown)
    eventually(lambda: 1 < shown.locator(".row").count() < count)
    played = notebook.page.wait_for_function(PLAYED, polling="raf", timeout=PATIENCE)
    assert played.json_value() >= count - 1
    assert shown.locator(".row").count() == count
    assert "recorded" in summary(shown)


def test_a_stored_swimlane_is_readable_untrusted_and_without_a_kernel(opened):
    stored = swimlane(Trace.load(TRACES / "shim-run.json"))
    faces = {"text/plain": str(stored), "text/html": stored._repr_html_()}
    notebook = opened("swimlane(t).live()", outputs=[faces])
    output = notebook.cell(0).locator(".jp-OutputArea-output")
    output.wait_for()
    lines = output.inner_text().splitlines()
    assert len(lines) == len(stored.trace.lives()) + 1
    assert "killed" not in lines[2]
    assert "shim:hello" in lines[2]
    bars = output.locator("pre span").evaluate_all(
        "spans => spans.filter(it => it.style.backgroundColor && it.offsetWidth).length"
    )
    assert bars >= len(stored.trace.lives())
