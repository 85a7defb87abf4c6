"""A notebook is walked through without a runtime: each cell shows what it once showed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import v4
from test_doctor import A_USER

from conman_lab import places
from conman_lab.observe import reference
from conman_lab.views import swimlane
from conman_lab.views.replay import HOW, Replay

NOTEBOOKS = sorted(places.notebooks().glob("[0-9]*.ipynb"))
NAIVE = Path(__file__).parent / "traces" / "naive-run.json"

WALK = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
published = []
shell.display_pub.publish = lambda data, *_, **__: published.append(data)
cells = json.load(open(sys.argv[1]))["cells"]
code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
shown = []
for source in [*code, *sys.argv[2:]]:
    published.clear()
    done = shell.run_cell(source)
    error = done.error_in_exec or done.error_before_exec
    if done.result is not None:
        published.append({"text/plain": str(done.result)})
    shown.append([[*published], repr(error) if error else None])
json.dump(shown, open("shown.json", "w"))
"""

EXECUTE = """
import nbformat
from nbclient import NotebookClient
notebook = nbformat.read("own.ipynb", as_version=4)
nbformat.write(NotebookClient(notebook, timeout=60).execute(), "done.ipynb")
"""


def walk(notebook, directory, *more):
    """Run all cells in a fresh IPython that has no PATH; what each has shown."""
    env = os.environ | {"CONMAN_LAB_MODE": "replay", "PATH": "/nowhere"}
    env |= {"IPYTHONDIR": str(directory), "PYTHONPATH": str(places.COURSE)}
    done = subprocess.run(
        [sys.executable, "-c", WALK, str(notebook), *more],
        env=env,
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads((directory / "shown.json").read_text()), done.stdout


def committed(notebook):
    """The texts that each cell has in the notebook's file."""
    cells = json.loads(notebook.read_text())["cells"]
    for cell in cells:
        if cell["cell_type"] == "code":
            yield [text_of(output) for output in cell["outputs"]]


def text_of(output):
    if output["output_type"] == "stream":
        return "".join(output["text"]).rstrip("\n")
    if output["output_type"] == "error":
        return f"{output['ename']}: {output['evalue']}"
    return "".join(output["data"].get("text/plain", ""))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_cell_shows_what_it_once_showed(notebook, tmp_path):
    shown, said = walk(notebook, tmp_path)
    assert said.startswith(
        "This is a replay of a recorded run; nothing is started here."
    )
    assert HOW in said
    assert [error for _, error in shown if error] == []
    expected = [*committed(notebook)]
    assert expected[0] == []
    texts = [
        [data.get("text/plain", "") for data in published] for published, _ in shown
    ]
    assert texts[1:] == expected[1:]


def test_a_cell_of_ones_own_runs_unless_it_needs_the_real_thing(tmp_path):
    own = ["print(6 * 7)", "print(container.pid)", "lab.runtime.list()"]
    shown, said = walk(NOTEBOOKS[2], tmp_path, *own)
    assert "42" in said
    assert f"not a recorded one, and a replay has no container; {HOW}" in said
    errors = [error for _, error in shown[-3:]]
    assert errors[:2] == [None, None]
    assert "a replay has no lab.runtime" in errors[2]


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    1 / 0\nexcept ZeroDivisionError as why:\n    print(why)",
        "match [1, 2]:\n    case [first, *rest] as both:\n        print(first, rest, both)",
        "async def later():\n    pass\nprint(later)",
        "from os import path as where\nprint([lambda x: x for y in where.sep])",
    ],
)
def test_names_of_a_cell_s_own_are_not_missed(source):
    assert Replay(NOTEBOOKS[2]).instead(source, []) == source


def test_a_shipped_trace_has_its_name(tmp_path):
    """Beside a notebook, under the notebook's own name."""
    cell = {"cell_type": "code", "source": ["x = 1"], "outputs": []}
    notebook = tmp_path / "09-own.ipynb"
    notebook.write_text(json.dumps({"cells": [cell]}))
    (tmp_path / "traces").mkdir()
    traces = {"t": json.loads(NAIVE.read_text())}
    (tmp_path / "traces" / "09-own.json").write_text(json.dumps(traces))
    replay = Replay(notebook)
    assert replay.traces["t"].adopter_of("echo") == "init"
    assert replay.instead("print(t)", ["t"]) == "print(t)"
    assert "a replay has no t" in replay.instead("print(t)", [])


def test_every_trace_of_a_notebook_is_shipped_with_it():
    """If this fails: conman-lab freeze NN, and commit notebooks/traces/NN-title.json."""
    asked = {notebook.stem: traced(notebook) for notebook in NOTEBOOKS}
    kept = {notebook.stem: {*reference.load(notebook)} for notebook in NOTEBOOKS}
    for name, traces in asked.items():
        assert traces <= kept[name], name
        assert bool(traces) == bool(kept[name]), name
    there = {path.stem for path in reference.beside(NOTEBOOKS[0]).parent.glob("*")}
    assert there == {name for name in kept if kept[name]}


def test_a_shipped_trace_is_the_one_that_the_notebook_shows():
    """If this fails: rm notebooks/traces/NN-title.json, and conman-lab freeze NN."""
    compared = 0
    for notebook in NOTEBOOKS:
        traces = reference.load(notebook)
        for source, texts in zip(sources(notebook), committed(notebook), strict=True):
            drawn = re.search(r"^swimlane\((\w+)\)(\.live\(\))?$", source, re.MULTILINE)
            if drawn:
                assert texts == [str(traces[drawn[1]])], (notebook.stem, source)
                compared += 1
    assert compared


def test_a_shipped_trace_can_be_drawn_in_every_way_and_tells_no_place():
    for notebook in NOTEBOOKS:
        for name, trace in reference.load(notebook).items():
            assert "<pre" in swimlane(trace)._repr_html_()
            assert trace.ended_at, name
            assert trace.lost == 0, name
        said = reference.text_of(reference.beside(notebook))
        assert not re.search(r"/(home|root|var|work)/", said)
        assert len(said) < 100_000  # it goes into git


def sources(notebook):
    cells = json.loads(notebook.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    return ["".join(cell["source"]) for cell in code]


def traced(notebook):
    """The names that a notebook gives to traces, as its source has it."""
    found = set()
    for source in sources(notebook):
        found |= {*re.findall(r"\btrace\(.*\) as (\w+)", source)}
    return found


@pytest.mark.needs_root
def test_a_user_has_a_live_picture_that_moves(tmp_path):
    """A page's widget, from the recorded trace; build_binder.py does it with less."""
    tmp_path.chmod(0o777)
    notebook = next(path for path in NOTEBOOKS if reference.load(path))
    name = min(reference.load(notebook))
    made = v4.new_notebook()
    own = f"from conman_lab.views import swimlane\nswimlane({name}).live()"
    for source in (sources(notebook)[0], own, "import os\nprint(os.geteuid())"):
        made.cells.append(v4.new_code_cell(source))
    nbformat.write(made, tmp_path / "own.ipynb")
    done = subprocess.run(
        [*A_USER, sys.executable, "-c", EXECUTE],
        env=os.environ | {"CONMAN_LAB_MODE": "replay", "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    begin, own, who = json.loads((tmp_path / "done.ipynb").read_text())["cells"]
    assert "nothing is started here" in text_of(begin["outputs"][0])
    (shown,) = own["outputs"]
    assert text_of(shown) == str(reference.load(notebook)[name])
    assert "application/vnd.jupyter.widget-view+json" in shown["data"]
    assert text_of(who["outputs"][0]) == "65534"


def test_a_cell_that_is_there_twice_shows_first_what_it_first_showed(tmp_path):
    outputs = [[{"output_type": "stream", "text": [text]}] for text in ("one", "two")]
    cells = [{"cell_type": "code", "source": "look()", "outputs": o} for o in outputs]
    (tmp_path / "twice.ipynb").write_text(json.dumps({"cells": cells}))
    replay, shown = Replay(tmp_path / "twice.ipynb"), []
    for _ in range(3):
        replay.show("look()", shown.append)
    assert [data["text/plain"] for data in shown] == ["one", "two", "one"]
