"""A real JupyterLab on 127.0.0.1, and a real Chromium without a window that opens it.

Both keep what they write in a directory of the test's, and both end with their block.
The browser is the distribution's: nothing is downloaded.
"""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import nbformat
from eventually import eventually
from playwright.sync_api import sync_playwright

from conman_lab.lab.jupyterlab import OPTIONS
from conman_lab.observe.procfs import tree_of

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
SWITCHES = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")  # root, no GPU
SIZE = {"width": 1100, "height": 800}
PLACES = {  # all that Jupyter and IPython would else keep in the user's home
    name: name.lower()
    for name in (
        *("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"),
        *("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR"),
    )
}
NO_NEWS = "@jupyterlab/apputils-extension/notification.jupyterlab-settings"
EXPOSED = (  # to window.jupyterapp
    "--LabApp.expose_app_in_browser=True",
    "--JupyterNotebookApp.expose_app_in_browser=True",
)
KERNEL_IS_IDLE = """() => {
    const notebook = window.jupyterapp?.shell.currentWidget
    return notebook?.sessionContext?.session?.kernel?.status === "idle"
}"""
PATIENCE = 60_000  # ms that a page may take, where other tests run as well
KERNEL = {"name": "python3", "language": "python", "display_name": "Python 3"}


def program():
    """Where Chromium is, or None."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class Server:
    """A JupyterLab: its address, its token, and the directory that it shows."""

    def __init__(self, facts, directory):
        self.url, self.token, self.directory = facts["url"], facts["token"], directory

    def write(self, name, *cells, outputs=()):
        """A notebook of these cells; nobody has signed it, so it is not trusted."""
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL})
        notebook.cells = [nbformat.v4.new_code_cell(source) for source in cells]
        for cell, output in zip(notebook.cells, outputs, strict=False):
            cell.outputs = [nbformat.v4.new_output("display_data", output)]
        nbformat.write(notebook, self.directory / name)

    def address(self, name, classic=False):
        """The page of one notebook: JupyterLab's without side bars, or Notebook 7's."""
        query = urlencode({"token": self.token, "reset": ""})
        return f"{self.url}{'notebooks' if classic else 'doc/tree'}/{name}?{query}"


@contextmanager
def jupyterlab(directory):
    """A server on a port that was free; it ends, and its kernels with it."""
    state = directory / "state"
    shown = directory / "notebooks"
    shown.mkdir()
    settings = state / PLACES["JUPYTERLAB_SETTINGS_DIR"] / NO_NEWS
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"fetchNews": "false"}))  # or it asks whether it may
    options = [*OPTIONS, *EXPOSED, "--no-browser", "--port=0"]
    root = ["--allow-root"] if os.geteuid() == 0 else []
    env = os.environ | {name: str(state / place) for name, place in PLACES.items()}
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options, *root, f"--notebook-dir={shown}"],
            env=env | {"PYTHONPATH": str(Path.cwd())},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        told = state / PLACES["JUPYTER_RUNTIME_DIR"] / f"jpserver-{process.pid}.json"
        yield Server(eventually(lambda: _facts(told, process), timeout=90), shown)
    finally:
        below = [each.pid for tree in tree_of(process.pid) for each in tree.walk()]
        process.terminate()
        process.wait(60)  # a kernel that has just begun to start is waited for
        eventually(lambda: not tree_of(*below))


def _facts(told, process):
    assert process.poll() is None, "JupyterLab has ended: its log is in the directory"
    try:
        return json.loads(told.read_text())
    except (FileNotFoundError, ValueError):  # it is not there yet, or half of it is
        return None


@contextmanager
def chromium():
    """A browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=SWITCHES)
        try:
            yield browser
        finally:
            browser.close()


class Notebook:
    """A notebook in a page of its own: JupyterLab does what its menus would do."""

    def __init__(self, browser, address):
        self.page = browser.new_page(viewport=SIZE)
        self.page.goto(address)
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=PATIENCE)

    def command(self, name, **args):
        """Execute a command of JupyterLab's, and do not wait for its end."""
        self.page.evaluate(
            "([name, args]) => { window.jupyterapp.commands.execute(name, args) }",
            [name, args],
        )

    def run_all(self):
        """Run all cells, as soon as there is a kernel: before, it would ask for one."""
        self.page.wait_for_function(KERNEL_IS_IDLE, timeout=PATIENCE)
        self.command("notebook:run-all-cells")

    def run_last(self):
        """Run the last cell."""
        self.page.locator(".jp-Cell").last.click()
        self.command("notebook:run-cell")

    def cell(self, number):
        """One of its cells, counted from 0."""
        return self.page.locator(".jp-Cell").nth(number)

    def is_running(self, number):
        """The cell has begun and not ended: its prompt says [*]."""
        return "[*]" in self.cell(number).locator(".jp-InputPrompt").inner_text()

    def theme(self, name):
        """Change the theme, and wait until the page has it."""
        self.command("apputils:change-theme", theme=name)
        page = f'body[data-jp-theme-name="{name}"]'
        self.page.wait_for_selector(page, state="attached")

    def colour(self, selector, what="color"):
        """Red, green and blue of the first such element."""
        text = self.page.locator(selector).first.evaluate(
            "(element, what) => getComputedStyle(element)[what]", what
        )
        return [int(word) for word in text.strip("rgba()").split(", ")[:3]]

    def close(self):
        """Close the page."""
        self.page.close()
