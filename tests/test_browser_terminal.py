"""A terminal in a real JupyterLab: somebody types, and a real container hears it."""

import re

import pytest
from browser import KERNEL_IS_IDLE, PATIENCE, Notebook, chromium, jupyterlab, program
from eventually import eventually
from shims import Shims

from conman_lab.observe.procfs import tree_of

pytestmark = pytest.mark.skipif(program() is None, reason="needs Chromium")

SHOW = """
import os
from pathlib import Path
from conman_lab.lab.facts import until
from conman_lab.shim.kept import Kept
from conman_lab.views import terminal

screen = terminal(Kept("web", Path({directory!r})))
screen
"""
BUSY = """
screen.type("echo $((600 + 60))\\n")
until(lambda: os.path.exists("seen"), 30)
"""
SHOWN, BUSY_CELL = 0, 1
PROMPT = re.compile(r"^container#\s*$")


@pytest.fixture
def container(runtime, bundle):
    """A shell that nobody has started yet."""
    with Shims(runtime, bundle) as shims:
        yield shims.create("shell")


@pytest.fixture
def page(container, tmp_path):
    """A notebook with its terminal, and the shell at its prompt."""
    with jupyterlab(tmp_path) as server, chromium() as browser:
        server.write("a.ipynb", SHOW.format(directory=str(container.directory)), BUSY)
        notebook = Notebook(browser, server.address("a.ipynb"))
        notebook.page.wait_for_function(KERNEL_IS_IDLE, timeout=PATIENCE)
        run_cell(notebook, SHOWN)
        yield Terminal(notebook, server.directory)
        notebook.close()


def run_cell(notebook, number):
    notebook.cell(number).locator(".jp-InputPrompt").click()
    notebook.command("notebook:run-cell")


class Terminal:
    """What somebody does who sits before it."""

    def __init__(self, notebook, directory):
        self.notebook, self.directory = notebook, directory
        self.shown = notebook.cell(SHOWN).locator(".conman-lab-terminal")
        self.shown.wait_for(timeout=PATIENCE)
        self.keyboard, self.mouse = notebook.page.keyboard, notebook.page.mouse

    def click(self):
        """Click into it.  JupyterLab takes the focus back while a cell is ending."""
        eventually(lambda: not self.notebook.is_running(SHOWN), timeout=PATIENCE / 1000)
        self.shown.locator(".view").click()
        self.notebook.page.wait_for_selector(".conman-lab-terminal.focused")

    def sees(self, line):
        """Wait for a line of it, whole or as a pattern."""
        pattern = line if isinstance(line, re.Pattern) else re.compile(f"^{line}$")
        found = self.shown.locator(".rows .line").filter(has_text=pattern)
        found.first.wait_for(timeout=PATIENCE)
        return found.first

    def says(self, command, answer):
        """Type a command, and wait for its answer and the prompt."""
        self.keyboard.type(f"{command}\n")
        self.sees(answer)

    def title(self):
        """What its title says."""
        return self.shown.locator(".bar").inner_text()

    def colour(self, text, what="color"):
        """Of the run that is this text."""
        run = self.shown.locator(".rows span", has_text=re.compile(f"^{text}$")).first
        run.wait_for()
        return run.evaluate("(run, what) => getComputedStyle(run)[what]", what)

    def theme(self):
        """How light its ink and its paper are: 0 to 255."""
        return [
            sum(self.notebook.colour(".conman-lab-terminal", what)) / 3
            for what in ("color", "backgroundColor")
        ]


def test_somebody_types_and_a_container_hears_it(page, container):
    """One story, for a kernel and a page take seconds: each part needs the one before."""
    container.start()
    page.sees(PROMPT)
    assert "click to type" in page.title()
    page.click()
    page.says("stty size", "24 80")

    colours(page)
    line_editing(page)
    control_c(page, container)
    an_editor(page)
    top(page)
    a_paste(page)
    another_size(page)
    what_has_scrolled_off(page)
    dark(page)
    while_a_cell_runs(page)

    page.keyboard.type("exit 7\n")
    eventually(lambda: "ended: exit code 7" in page.title())


def colours(page):
    page.says(r"printf '\e[31mr%s\e[0m \e[38;5;208mo%s\e[0m \e[1mb%s\n' ed range old",
              "red orange bold")  # fmt: skip
    red, green, blue = map(int, re.findall(r"\d+", page.colour("red")))
    assert red > 2 * max(green, blue)
    assert page.colour("orange") == "rgb(255, 135, 0)"
    assert page.colour("bold", "fontWeight") == "700"
    page.says(r"printf '\e[0m|\e(0lqqk\e(B|日本|\n'", r"\|┌──┐\|日本\|")
    width = page.shown.locator(".rows span.wide").last.evaluate(
        "run => run.getBoundingClientRect().width / 4"
    )
    plain = page.shown.locator(".probe").evaluate(
        "probe => probe.getBoundingClientRect().width / 50"
    )
    assert width == pytest.approx(plain, abs=0.05)
    letters = "x\N{COMBINING CIRCUMFLEX ACCENT}" * 2  # no Unicode has it in one
    page.says(r"printf '\e[32mx\314\202x\314\202\e[0m|\n'", rf"{letters}\|")
    accented = page.shown.locator(".rows span", has_text=re.compile(f"^{letters}$"))
    width = accented.evaluate("run => run.getBoundingClientRect().width / 2")
    assert width == pytest.approx(plain, abs=0.05)


def line_editing(page):
    page.says("echo $((40 + 1))", "41")
    for key in ("ArrowUp", "ArrowLeft", "ArrowLeft", "Backspace"):
        page.keyboard.press(key)
    page.says("5", "45")
    page.keyboard.type("echo nothing of thi")
    page.keyboard.press("Control+u")
    page.says("echo al''l", "all")


def control_c(page, container):
    page.says("echo sle''eps; sleep 600", "sleeps")
    eventually(lambda: "sleep" in comms(container))
    page.keyboard.press("Control+c")
    eventually(lambda: "sleep" not in comms(container))
    page.says("echo li''ves", "lives")


def comms(container):
    trees = tree_of(container.pid)
    return [each.comm for tree in trees for each in tree.walk()]


def an_editor(page):
    page.keyboard.type("vi /tmp/note\n")
    page.sees(re.compile("/tmp/note .*1/1"))
    assert page.shown.locator(".past").is_hidden()
    page.keyboard.type("ione\ntwo three")
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowUp")
    page.keyboard.type("$a!")
    page.keyboard.press("Escape")
    page.sees("one!")
    page.keyboard.type(":wq\n")
    page.sees(PROMPT)
    page.says("cat /tmp/note | tr a-z A-Z", "ONE!")
    page.sees("TWO THREE")


def top(page):
    page.keyboard.type("top -d 1\n")
    page.sees(re.compile(r"^Load average"))
    began = page.shown.locator(".rows").inner_text()
    eventually(lambda: page.shown.locator(".rows").inner_text() != began)
    assert page.sees(re.compile(r"PID +PPID.*COMMAND")).is_visible()
    page.keyboard.type("q")
    page.says("clear; echo do''ne", "done")


def a_paste(page):
    context = page.notebook.page.context
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.notebook.page.evaluate("navigator.clipboard.writeText(`echo pas''ted\\n`)")
    page.keyboard.press("Control+v")
    page.sees("pasted")


def another_size(page):
    corner = page.shown.locator(".corner").bounding_box()
    x, y = corner["x"] + 7, corner["y"] + 7
    cell = page.shown.locator(".probe").bounding_box()["width"] / 50
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 20 * cell, y - 60, steps=5)
    page.mouse.up()
    eventually(lambda: "24 \N{MULTIPLICATION SIGN} 80" not in page.title())
    rows, columns = map(int, re.search(r"(\d+) . (\d+)$", page.title()).groups())
    assert rows < 24
    assert columns == 60
    page.says("clear; stty size", f"{rows} {columns}")


def what_has_scrolled_off(page):
    page.says("seq 300", "300")
    lines = page.shown.locator(".past .line")
    eventually(lambda: lines.count() > 250)
    view = page.shown.locator(".view")
    view.hover()
    page.mouse.wheel(0, -2500)
    eventually(lambda: view.evaluate("view => view.scrollTop") < 3000)
    page.says("echo be''low", "below")  # typing leads back
    at_the_end = "view => view.scrollTop + view.clientHeight >= view.scrollHeight - 4"
    eventually(lambda: view.evaluate(at_the_end))


def dark(page):
    ink, paper = page.theme()
    assert ink < paper - 100
    page.notebook.theme("JupyterLab Dark")
    ink, paper = page.theme()
    assert ink > paper + 100


def while_a_cell_runs(page):
    """What is typed by the cell itself is drawn, though the kernel is busy."""
    run_cell(page.notebook, BUSY_CELL)
    page.sees("660")
    assert page.notebook.is_running(BUSY_CELL)
    (page.directory / "seen").touch()
    eventually(lambda: not page.notebook.is_running(BUSY_CELL), timeout=PATIENCE / 1000)
    page.click()
