"""Notebooks are executed in kernels of their own; what they show is written stably."""

import io
import json
import signal
import subprocess
import sys

import nbformat
import pytest
from eventually import eventually
from nbformat import v4

from conman_lab import places
from conman_lab.errors import LabError
from conman_lab.identity import Identity
from conman_lab.lab import cli, freeze, runner
from conman_lab.lab.progress import Progress
from conman_lab.lab.registry import Registry, registries
from conman_lab.observe import reference

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_runc]

WIDGET = """
from IPython.display import display
widget = "application/vnd.jupyter.widget-view+json"
model = {"model_id": str(time.monotonic_ns())}
display({"text/plain": "P1 sleep", widget: model}, raw=True)
"""
PICTURE = """
from base64 import b64encode
measured = b64encode(str(time.monotonic_ns()).encode()).decode()
display({"text/plain": "a picture", "image/png": measured}, raw=True)
"""
SHOWS_EVERYTHING = [
    ("begin", "import os, time"),
    ("prints", "print('one', flush=True); time.sleep(0.1); print('two', flush=True)"),
    ("result", "40 + 2"),
    ("fails", "{}['key']", "raises-exception"),
    ("measured", "time.monotonic_ns()", "nbval-ignore-output"),
    ("widget", WIDGET),
    ("frozen", "os.environ['CONMAN_LAB_FREEZE']"),
    ("empty", ""),
    ("here", "os.path.basename(os.getcwd())"),
    ("picture", PICTURE),
]
FAILS = [
    ("begin", "from conman_lab.lab import Lab\nlab = Lab('fails')\nlab"),
    ("start", "_ = lab.start('sleep', '1000')"),
    ("oops", "answer = 42\nanswer / 0"),
    ("never", "open('never', 'w')"),
]
CREATE = """
import os, signal
from pathlib import Path
from conman_lab.lab import Lab
lab = Lab("stops")
container = lab.naive.create("web", lab.bundle("sleeper").directory)
container.start()
"""
STOP = """
if not Path("kernel").exists():
    Path("unfinished").write_text(str(os.getpid()))
    Path("unfinished").rename("kernel")
    signal.pause()
"""
STOPS_ONCE = [("create", CREATE), ("stop", STOP), ("close", "lab.close()")]


def notebook(directory, name, cells):
    """Write one with `cells`, each an id, a source, and tags."""
    made = v4.new_notebook(cells=[v4.new_markdown_cell("# A test", id="title")])
    for id, source, *tags in cells:
        metadata = {"tags": tags} if tags else {}
        made.cells.append(v4.new_code_cell(source, id=id, metadata=metadata))
    path = directory / f"{name}.ipynb"
    nbformat.write(made, path)
    return path


def outputs(path):
    """What the cells show, by their ids."""
    cells = nbformat.read(path, as_version=4).cells
    return {cell.id: cell.outputs for cell in cells if cell.cell_type == "code"}


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    """A notebook that has been frozen once."""
    directory = tmp_path_factory.mktemp("frozen")
    path = notebook(directory, "everything", SHOWS_EVERYTHING)
    assert cli.main(["freeze", str(path)]) == 0
    return path


# --- freeze


def test_a_second_freeze_gives_an_empty_diff(frozen, capsys):
    before, written_at = frozen.read_bytes(), frozen.stat().st_mtime_ns
    assert cli.main(["freeze", str(frozen)]) == 0
    assert frozen.read_bytes() == before
    assert frozen.stat().st_mtime_ns == written_at
    assert "is written" not in capsys.readouterr().out


def test_ids_tags_and_counts_are_stable(frozen):
    made = nbformat.read(frozen, as_version=4)
    nbformat.validate(made)
    assert [cell.id for cell in made.cells[1:]] == [id for id, *_ in SHOWS_EVERYTHING]
    counts = [cell.execution_count for cell in made.cells[1:]]
    assert counts == [1, 2, 3, 4, 5, 6, 7, None, 9, 10]
    assert made.cells[4].metadata == {"tags": ["raises-exception"]}
    assert made.metadata.language_info == {"name": "python"}
    assert made.metadata.kernelspec.name == "python3"
    assert set(made.metadata) == {"kernelspec", "language_info"}


def test_two_prints_are_one_output(frozen):
    (printed,) = outputs(frozen)["prints"]
    assert printed.text == "one\ntwo\n"


def test_an_expected_error_keeps_its_words_and_not_its_frames(frozen):
    (error,) = outputs(frozen)["fails"]
    assert error.traceback == ["KeyError: 'key'"]


def test_a_widget_is_what_can_be_read_without_a_kernel(frozen):
    (shown,) = outputs(frozen)["widget"]
    assert shown.data == {"text/plain": "P1 sleep"}


def test_a_kernel_can_tell_that_it_is_frozen(frozen):
    (shown,) = outputs(frozen)["frozen"]
    assert shown.data["text/plain"] == "'1'"


def test_a_notebook_runs_where_it_is(frozen):
    (shown,) = outputs(frozen)["here"]
    assert shown.data["text/plain"] == repr(frozen.parent.name)


def test_what_must_vary_is_new_when_it_is_asked_for(frozen, tmp_path):
    """It keeps its old output otherwise, or the second diff would not be empty."""
    path = tmp_path / frozen.name
    path.write_text(freeze.freeze(frozen, fresh=True)[frozen])
    old, new = outputs(frozen), outputs(path)
    assert [id for id in old if old[id] != new[id]] == ["measured", "picture"]


def test_a_picture_with_other_words_is_another_picture(frozen, tmp_path):
    path = tmp_path / frozen.name
    path.write_text(frozen.read_text().replace('"a picture"', '"a face"'))
    path.write_text(freeze.freeze(path)[path])
    assert outputs(frozen)["picture"] != outputs(path)["picture"]
    assert outputs(frozen)["measured"] == outputs(path)["measured"]


def test_check_shows_the_lines_that_differ_and_writes_nothing(tmp_path, capsys):
    path = notebook(tmp_path, "differs", [("sum", "40 + 2")])
    path.write_text(freeze.freeze(path)[path].replace('"42"', '"41"'))
    before = path.read_bytes()
    assert cli.main(["freeze", "--check", str(path)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line[:1] in "+-" and line[1:2] == " "] == [
        '-       "41"',
        '+       "42"',
    ]
    assert path.read_bytes() == before


def test_a_notebook_that_fails_is_not_written(tmp_path):
    path = notebook(tmp_path, "fails", FAILS)
    before = path.read_bytes()
    assert cli.main(["freeze", str(path)]) == 1
    assert path.read_bytes() == before


# --- run


def test_run_says_one_line_a_notebook_and_writes_nothing(tmp_path, capsys):
    path = notebook(tmp_path, "02-sum", [("sum", "40 + 2"), ("again", "40 + 2")])
    before = path.read_bytes()
    assert cli.main(["run", str(path)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.split()[:5] == ["02-sum", "2", "of", "2", "cells"]
    assert line.endswith(" s  ok")
    assert path.read_bytes() == before


def test_run_stops_at_the_first_failing_cell_with_source_and_traceback(
    tmp_path, capsys
):
    path = notebook(tmp_path, "fails", FAILS)
    after = notebook(tmp_path, "after", [("ran", "open('never', 'w')")])
    assert cli.main(["run", str(path), str(after)]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[-1].endswith("FAILED")
    assert "fails.ipynb, code cell 3 of 4, oops" in err
    assert "    answer = 42\n    answer / 0\n" in err
    assert "ZeroDivisionError: division by zero" in err
    assert "\x1b" not in err
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', '{"nbformat": 99}'])
def test_a_file_that_is_no_notebook_is_told_in_a_sentence(tmp_path, capsys, text):
    (tmp_path / "99-odd.ipynb").write_text(text)
    assert cli.main(["run", str(tmp_path / "99-odd.ipynb")]) == 1
    assert "conman-lab: 99-odd.ipynb is no notebook: " in capsys.readouterr().err


def test_a_cell_without_an_id_is_told_by_its_number(tmp_path, capsys):
    """They have ids since nbformat 4.5."""
    cell = {"cell_type": "code", "source": "1/0", "metadata": {}, "outputs": []}
    old = {"cells": [cell | {"execution_count": None}], "metadata": {}, "nbformat": 4}
    path = tmp_path / "99-old.ipynb"
    path.write_text(json.dumps(old | {"nbformat_minor": 4}))
    assert cli.main(["run", str(path)]) == 1
    assert "99-old.ipynb, code cell 1 of 1:\n" in capsys.readouterr().err


def test_what_a_failed_notebook_has_started_is_cleaned_up(tmp_path):
    path = notebook(tmp_path, "fails", FAILS)
    assert cli.main(["run", str(path)]) == 1
    assert "fails" not in [registry.home.name for registry in registries()]


def test_a_kernel_that_never_comes_up_is_told_in_a_sentence(
    tmp_path, capsys, monkeypatch
):
    """Its Python ends before it has read a line of the kernel's."""
    (tmp_path / "sitecustomize.py").write_text("import os; os._exit(1)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    path = notebook(tmp_path, "unborn", [("sum", "40 + 2")])
    hears = [signal.getsignal(it) for it in (signal.SIGINT, signal.SIGTERM)]
    assert cli.main(["run", str(path)]) == 1
    assert [signal.getsignal(it) for it in (signal.SIGINT, signal.SIGTERM)] == hears
    err = capsys.readouterr().err
    assert "conman-lab: unborn.ipynb: no cell could be executed: Kernel died" in err
    assert "Traceback" not in err


def test_a_kernel_that_dies_is_told_and_cleaned_up_after(tmp_path, capsys):
    dies = ("dies", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    path = notebook(tmp_path, "dies", [*FAILS[:2], dies])
    assert cli.main(["run", str(path)]) == 1
    assert "dies.ipynb, code cell 3 of 3, dies" in capsys.readouterr().err
    assert "fails" not in [registry.home.name for registry in registries()]


def test_a_kernel_killed_in_the_middle_leaves_a_lab_that_runs_again(tmp_path):
    """Runner and kernel are both killed: the container lives on until the next run."""
    path = notebook(tmp_path, "stops", STOPS_ONCE)
    command = [sys.executable, "-m", "conman_lab.lab.cli", "run", str(path)]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    eventually((tmp_path / "kernel").exists, timeout=30)
    kernel = Identity.of(int((tmp_path / "kernel").read_text()))
    first.kill()
    first.wait()
    kernel.signal(signal.SIGKILL)
    eventually(lambda: not kernel.alive)
    left = Registry.of("stops")
    container = Identity.of(int((left.home / "containers/web/pid").read_text()))
    assert container.alive
    assert subprocess.run(command, stdout=subprocess.DEVNULL).returncode == 0
    assert not container.alive
    assert not left.home.exists()


def test_a_notebook_is_found_by_number_name_or_file(tmp_path, monkeypatch):
    made = [notebook(tmp_path, name, []) for name in ("00-welcome", "10-conformance")]
    (tmp_path / "scratch.ipynb").touch()
    monkeypatch.setattr(runner.places, "notebooks", lambda: tmp_path)
    assert runner.chosen([]) == made
    assert runner.chosen(["10", "0", "00", "00-welcome"]) == [made[1], *made[:1] * 3]
    assert runner.chosen([str(made[1])]) == [made[1]]
    with pytest.raises(LabError, match="no notebook '7'; there are: 00-welcome, 10-"):
        runner.chosen(["7"])


# --- progress


class Terminal(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self):
        """Say so."""
        return True


def test_progress_fills_a_line_on_a_terminal():
    terminal = Terminal()
    progress = Progress("02-naive", 2, terminal)
    progress.step()
    progress.step()
    progress.end("ok")
    drawn = terminal.getvalue().split("\r\x1b[K")
    assert [line.partition("[")[2][12:26] for line in drawn[1:4]] == [
        "............] ",
        "............] ",
        "############] ",
    ]
    assert drawn[-1].endswith("ok\n")


def test_progress_is_its_last_line_without_a_terminal():
    plain = io.StringIO()
    progress = Progress("02-naive", 1, plain)
    progress.step()
    progress.end("ok")
    assert len(plain.getvalue().splitlines()) == 1


def test_the_committed_text_is_json_with_a_newline_at_its_end(frozen):
    text = frozen.read_text()
    json.loads(text)
    assert text.endswith("}\n")
    assert not text.endswith("\n\n")


def test_a_replay_freezes_nothing(frozen, capsys, monkeypatch):
    monkeypatch.setenv("CONMAN_LAB_MODE", "replay")
    before = frozen.read_bytes()
    assert cli.main(["freeze", str(frozen)]) == 1
    assert "a freeze takes a real run: unset CONMAN_LAB_MODE" in capsys.readouterr().err
    assert frozen.read_bytes() == before


# --- traces

RECORDS = """
from conman_lab.lab import Lab
lab = Lab("records")
with lab.trace() as t:
    lab.start("/bin/echo", "one").wait(10)
"""


def test_what_is_traced_is_kept_beside_the_notebook_and_stays(tmp_path, capsys):
    path = notebook(tmp_path, "09-own", [("one", RECORDS), ("end", "lab.close()")])
    assert cli.main(["freeze", "--check", str(path)]) == 1
    kept = reference.beside(path)
    assert not kept.exists()
    assert cli.main(["freeze", str(path)]) == 0
    assert "09-own.json is written" in capsys.readouterr().out
    assert reference.load(path)["t"].find("echo one").exit.code == 0
    before = kept.read_bytes()
    assert cli.main(["freeze", str(path)]) == 0
    assert kept.read_bytes() == before
    assert "is written" not in capsys.readouterr().out
    assert cli.main(["freeze", "--fresh", str(path)]) == 0
    assert kept.read_bytes() != before


def test_a_notebook_that_traces_no_more_loses_its_file(tmp_path, capsys):
    path = notebook(tmp_path, "09-own", [("sum", "40 + 2")])
    kept = reference.beside(path)
    kept.parent.mkdir()
    kept.write_text('{"t": {}}')
    assert cli.main(["freeze", str(path)]) == 0
    assert "09-own.json is removed" in capsys.readouterr().out
    assert not kept.exists()


def test_a_kept_trace_tells_nothing_of_where_it_was(tmp_path):
    path = notebook(tmp_path, "09-own", [("one", RECORDS), ("end", "lab.close()")])
    said = freeze.freeze(path)[reference.beside(path)]
    for place in (tmp_path, places.root(), places.COURSE, sys.prefix):
        assert str(place) not in said
