"""The notebooks as files: what nbval cannot see because it only runs them."""

import re
import statistics
from pathlib import Path

import nbformat
import pytest

from conman_lab import places

ALL = sorted(places.notebooks().glob("[0-9]*.ipynb"))
UNSTABLE = "nbval-ignore-output"
FAILS = "raises-exception"
MACHINE = re.compile(r"/(home|root|tmp|labs|s?bin/(runc|crun))\b|0x[0-9a-f]{6,}")
PID = re.compile(r"\bpid[ =:]+\d{2,}")


@pytest.fixture(params=ALL, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def tags(cell):
    return cell.metadata.get("tags", [])


def shown(cell):
    """What a reader sees below the cell, as text."""
    for output in cell.outputs:
        yield output.get("text") or output.get("data", {}).get("text/plain") or ""
        yield output.get("evalue", "")


def test_the_course_begins_with_its_first_three():
    """A glob that finds nothing would let every other test here pass."""
    assert [path.stem for path in ALL[:3]] == [
        "00-welcome",
        "01-runc-by-hand",
        "02-naive-runc",
    ]


def test_it_says_what_it_is(path, notebook):
    """Stage, article, minutes and needs are there for `check`, the book and the CI."""
    facts = notebook.metadata["conman_lab"]
    assert facts["stage"] == int(path.stem[:2])
    assert facts["article"]
    assert 5 <= facts["minutes"] <= 60
    assert set(facts["needs"]) <= {"root", "runc", "crun", "podman", "containerd"}
    assert notebook.metadata["kernelspec"]["name"] == "python3"
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)


def test_it_carries_nobodys_editor(notebook):
    """Widget state and times of execution would differ after each run."""
    assert "widgets" not in notebook.metadata
    assert all(set(cell.metadata) <= {"tags", "nbgrader"} for cell in notebook.cells)


def test_its_first_cell_asks_the_question(path, notebook):
    """A reader knows in ten lines whether this is the notebook she looks for."""
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith(f"# {path.stem[:2]} · ")
    minutes = notebook.metadata["conman_lab"]["minutes"]
    for words in ("**The question.**", "**You need**", f"{minutes} minutes"):
        assert words in first.source


def test_it_begins_with_its_lab_and_ends_with_nothing_left(path, notebook):
    """What a reader has started is ended where she can see it."""
    first, *_, last = code(notebook)
    assert "from conman_lab.lab import Lab" in first.source
    assert f'lab = Lab("{path.stem}")' in first.source
    assert last.source == "lab.close()"
    left = "left: 0 processes, 0 containers, 0 mounts, 0 cgroups"
    assert "".join(shown(last)).strip() == left


def test_every_cell_has_an_id_made_by_hand(notebook):
    """Tests, progress and the book name cells: `naive-hello`, not `3f9a01bc`."""
    ids = [cell.id for cell in notebook.cells]
    assert len({*ids}) == len(ids)
    word = ids[0].partition("-")[0]
    assert all(re.fullmatch(rf"{word}(-[a-z0-9]+)+", id) for id in ids)


def test_every_code_cell_was_run_top_to_bottom(notebook):
    """Without a count nbval compares nothing and says nothing."""
    counts = [cell.execution_count for cell in code(notebook)]
    assert counts == [*range(1, len(counts) + 1)]


def test_text_comes_before_code(notebook):
    """Never more than two code cells in a row."""
    kinds = "".join(cell.cell_type[0] for cell in notebook.cells)
    assert "ccc" not in kinds


def test_cells_are_short(notebook):
    """One idea a cell; longer code belongs to the library."""
    lines = [len(cell.source.splitlines()) for cell in code(notebook)]
    assert max(lines) <= 12
    assert statistics.median(lines) <= 5
    assert all(
        len(line) <= 100 for cell in code(notebook) for line in cell.source.splitlines()
    )


def test_outputs_are_short(notebook):
    """At most ten lines, except where the library's source is shown."""
    for cell in code(notebook):
        if not cell.source.splitlines()[-1].startswith(("show(", "show_map(")):
            assert len("\n".join(shown(cell)).strip().splitlines()) <= 10, cell.id


def test_outputs_are_the_same_on_every_machine(notebook):
    """No paths, addresses and pids, even where nbval does not compare."""
    for cell in code(notebook):
        for text in shown(cell):
            assert not MACHINE.search(text), cell.id
            assert str(places.COURSE) not in text, cell.id
            assert not PID.search(text), cell.id


def test_only_marked_cells_fail_and_they_do(notebook):
    """A cell that is to fail and does not would pass nbval in silence."""
    for cell in code(notebook):
        failed = any(output.output_type == "error" for output in cell.outputs)
        assert failed == (FAILS in tags(cell)), cell.id


def test_no_output_is_on_stderr(notebook):
    """A warning is noise to a reader and a failure to nbval."""
    for cell in code(notebook):
        assert not any(output.get("name") == "stderr" for output in cell.outputs)


def test_nearly_all_outputs_are_compared(notebook):
    """What nbval does not compare is not tested: at most three cells."""
    assert sum(UNSTABLE in tags(cell) for cell in code(notebook)) <= 3


def test_no_cell_takes_a_nap_or_a_shell(notebook):
    """Facts, not sleeps; no hidden pty; no fork of a kernel that has threads."""
    for cell in code(notebook):
        for line in cell.source.splitlines():
            assert not re.search(r"time\.sleep|os\.fork|os\.system", line), cell.id
            assert not line.lstrip().startswith(("!", "%")), cell.id
        assert not cell.source.rstrip().endswith(";"), cell.id


def test_no_widget_is_needed_to_read_it(notebook):
    """Without a kernel each output still has words."""
    for cell in code(notebook):
        for output in cell.outputs:
            data = output.get("data", {"text/plain": ""})
            assert not any("widget-view" in kind for kind in data), cell.id
            assert "text/plain" in data or "text/html" in data, cell.id


def test_it_asks_for_predictions(notebook):
    """Predict, run, explain: in each notebook more than twice."""
    assert sum("**Predict.**" in text for text in prose(notebook)) > 2


def test_it_ends_with_exercises_and_the_way_on(notebook):
    """The last words say where to go, the exercises' answers are folded away."""
    exercises = [text for text in prose(notebook) if "\n## Exercises" in f"\n{text}"]
    assert len(exercises) == 1
    assert exercises[0].count("<details>") == exercises[0].count("</details>") >= 2
    assert "Next:" in prose(notebook)[-1]


def test_its_links_lead_somewhere(path, notebook):
    """A link to a notebook is a link to a file that is there."""
    text = "\n".join(prose(notebook))
    for target in re.findall(r"\]\(([^)]+\.ipynb)\)", text):
        assert (Path(path.parent) / target).exists(), target
