"""The live tree in a real JupyterLab, seen by a real browser."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from browser import PATIENCE, program
from eventually import eventually

from conman_lab.views import tree

pytestmark = pytest.mark.skipif(program() is None, reason="needs Chromium")

WATCH = """
import os, subprocess
from conman_lab.lab.facts import until
from conman_lab.views import tree

def told(name):
    until(lambda: os.path.exists(name), 30)

live = tree(os.getpid()).live(every=0.05)
live
"""
ONCE_MORE = "live"
BUSY = """
one = subprocess.Popen(["sleep", "601"])
told("one-seen")
one.kill()
told("zombie-seen")
one.wait()
told("paused")
two = subprocess.Popen(["sleep", "602"])
told("two-seen")
two.kill()
two.wait()
print(*range(100))
"""
ASK = """
import threading
names = [thread.name for thread in threading.enumerate()]
print("looks" if "live view" in names else "does not look")
"""
WATCHED, BUSY_CELL, ASKED = 0, 2, 3
ALL = """
import os
from conman_lab.observe.recording import trace
from conman_lab.views import swimlane, terminal, tree

class Pipe:
    ends = os.pipe()
    send = close = resize = lambda *told: None
    read = lambda self, timeout=None: (1, os.read(self.ends[0], 1))

recording = trace()
display(tree(os.getpid()).live())
display(swimlane(recording.__enter__()).live())
display(terminal(Pipe()))
print(os.getpid())
"""
BOTH = """
import os
from conman_lab.observe.trace import Trace
from conman_lab.views import swimlane, tree

display(swimlane(Trace.load({!r})).live())
display(tree(os.getpid()).live())
"""
KERNEL = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
A_WHILE = "() => (window.since ??= performance.now()) < performance.now() - 500"
TREE, LANE = ".conman-lab-tree:not(.conman-lab-swimlane)", ".conman-lab-swimlane"


def row(shown, words, state=""):
    """Wait for a row of a tree."""
    found = shown.locator(f".row{state}", has_text=words)
    found.wait_for(timeout=PATIENCE)
    return found


def test_a_tree_lives_while_a_cell_runs_and_pauses_in_the_page(opened, tell):
    """One story, for a kernel and a page take seconds: each part needs the one before."""
    notebook = opened(WATCH, ONCE_MORE, BUSY, ASK)
    notebook.run_all()
    first, second = (
        notebook.cell(number).locator(".conman-lab-tree") for number in range(2)
    )

    # a process comes, becomes a zombie, and goes, while the cell is running
    row(first, "sleep 601", ".new")
    assert notebook.is_running(BUSY_CELL)
    tell("one-seen")
    row(first, "sleep", ".zombie")
    red, green, blue = notebook.colour(".row.zombie .words")
    assert red > 2 * max(green, blue)
    tell("zombie-seen")
    gone = row(first, "sleep", ".ended").locator(".words")
    line = gone.evaluate("element => getComputedStyle(element).textDecorationLine")
    assert line == "line-through"
    assert notebook.is_running(BUSY_CELL)

    # one view pauses, the other one goes on
    first.get_by_role("button", name="pause").click()
    tell("paused")
    row(second, "sleep 602")
    assert first.locator(".row", has_text="sleep 602").count() == 0
    assert "paused" in first.locator(".summary").inner_text()
    first.get_by_role("button", name="resume").click()
    row(first, "sleep 602")
    assert notebook.is_running(BUSY_CELL)

    # a row tells more when it is clicked, and those who have ended can be hidden
    row(first, "sleep 602").locator(".head").click()
    assert "sleep 602" in first.locator(".details dd").nth(2).inner_text()
    first.get_by_role("button", name="hide ended").click()
    assert first.locator(".row.ended").count() == 0
    assert second.locator(".row.ended").count() == 1

    by_the_keyboard_alone(notebook, first)

    # it follows the theme
    light = themed(notebook)
    notebook.theme("JupyterLab Dark")
    dark = themed(notebook)
    assert light["text"] < light["page"] - 100
    assert dark["text"] > dark["page"] + 100

    # and nothing that the cell printed was lost
    tell("two-seen")
    printed = notebook.cell(BUSY_CELL).locator(".jp-OutputArea-output")
    eventually(lambda: printed.count() == 1)
    assert printed.inner_text().split() == [str(number) for number in range(100)]

    # who is on no page any more does not look
    notebook.command("notebook:clear-all-cell-outputs")
    eventually(lambda: notebook.page.locator(".conman-lab-tree").count() == 0)
    answer = notebook.cell(ASKED).locator(".jp-OutputArea-output")

    def nobody_looks():
        notebook.run_last()
        answer.wait_for(timeout=PATIENCE)
        return answer.inner_text().strip() == "does not look"

    eventually(nobody_looks, timeout=PATIENCE / 1000)


def by_the_keyboard_alone(notebook, shown):
    """JupyterLab's own keys do nothing then."""
    shown.get_by_role("button", name="show ended").focus()
    for key in ("Tab", "ArrowDown", "ArrowDown", "ArrowUp", "Enter"):
        notebook.page.keyboard.press(key)
    shown.locator(".details").nth(1).wait_for(timeout=PATIENCE)
    assert shown.locator("[aria-selected=true] .name").inner_text() == "P1"
    notebook.page.keyboard.press("Enter")
    assert shown.locator(".details").count() == 1


def test_each_kind_of_widget_keeps_its_own_style(opened):
    """Whichever of them comes last."""
    saved = str(Path(__file__).parent / "traces" / "shim-run.json")
    notebook = opened(BOTH.format(saved))
    notebook.run_all()
    notebook.page.locator(TREE).wait_for(timeout=PATIENCE)
    looks = "(element, what) => getComputedStyle(element)[what]"
    for selector, what, wanted in (
        (f"{TREE} .bar", "display", "flex"),
        (f"{LANE} .stage", "display", "grid"),
        (f"{LANE} .fork", "fill", "none"),
    ):
        found = notebook.page.locator(selector).first
        found.wait_for(timeout=PATIENCE, state="attached")
        assert found.evaluate(looks, what) == wanted, selector


@pytest.mark.parametrize("how", ["restarted", "killed"])
def test_who_has_lost_its_kernel_says_so(opened, how):
    """Nobody looks any more, and nobody hears what is typed."""
    notebook = opened(ALL)
    notebook.run_all()
    page = notebook.page
    pid = notebook.cell(0).locator(
        ".jp-OutputArea-output", has_text=re.compile(r"^\d+\s*$")
    )
    pid.wait_for(timeout=PATIENCE)
    if how == "killed":
        os.kill(int(pid.inner_text()), signal.SIGKILL)
    else:
        page.evaluate(f"() => {{ {KERNEL}.restart() }}")
    gone = "stopped · the kernel has gone"
    page.locator(TREE, has_text=gone).wait_for(timeout=PATIENCE)
    page.locator(LANE, has_text="the kernel has gone").wait_for(timeout=PATIENCE)
    terminal = page.locator(".conman-lab-terminal.over", has_text="the kernel has gone")
    terminal.wait_for(timeout=PATIENCE)
    assert page.locator(".light.watching").count() == 0
    stands = page.locator(f"{LANE} .time").inner_text()
    page.wait_for_function(A_WHILE)
    assert page.locator(f"{LANE} .time").inner_text() == stands


def themed(notebook):
    """How light the tree's text is, and the page below it: 0 to 255."""
    return {
        "text": sum(notebook.colour(".conman-lab-tree .words")) / 3,
        "page": sum(notebook.colour(".jp-Notebook", "backgroundColor")) / 3,
    }


def test_a_stored_tree_is_readable_untrusted_and_without_a_kernel(opened, monkeypatch):
    """What a reader sees who opens a frozen notebook and runs nothing."""
    monkeypatch.setenv("CONMAN_LAB_FREEZE", "1")
    with subprocess.Popen(["sleep", "600"]) as child:
        stored = tree(child.pid).live()._repr_mimebundle_()
        child.kill()
    notebook = opened("tree(lab).live()", outputs=[stored])
    output = notebook.cell(0).locator(".jp-OutputArea-output")
    output.wait_for()
    assert output.inner_text().splitlines() == stored["text/plain"].splitlines()
    assert notebook.colour(".jp-OutputArea-output pre span") == [0x3B, 0x82, 0xD0]
    pre = output.locator("pre").evaluate(
        "element => getComputedStyle(element).whiteSpace"
    )
    assert pre == "pre"
