"""Writes the notebooks' committed outputs: a run that nobody's hand has touched.

A second freeze gives an empty diff.  So what differs from run to run is not kept:

- execution times, and metadata that editors leave in cells
- a widget's model id, where the widget has text or HTML to show as well: a notebook
  that is opened without a kernel shows those, and an error in place of the widget
- the kernel's Python version
- the frames of an expected error's traceback; its name and its words are the lesson

Outputs are to be stable by themselves.  Where one cannot be, a measured time, the cell
has the tag `nbval-ignore-output` and keeps its old output; and so does a picture of
measured times, as long as its words are the same.  `--fresh` takes the new ones.

What a notebook has traced goes into a file beside it, see observe/reference.py.
"""

import argparse
import difflib
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from conman_lab.observe import reference

from .mode import check_real
from .runner import add_notebooks, chosen, execute_with_progress, read

WIDGET = "application/vnd.jupyter.widget-view+json"
PICTURE = "image/png"  # nbval compares only the words that come with it
UNSTABLE = "nbval-ignore-output"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python"}
CELL_NOISE = ("execution", "collapsed", "scrolled", "trusted", "ExecuteTime")
IN_FREEZE = {"CONMAN_LAB_FREEZE": "1"}  # views draw once, and start no thread


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`conman-lab freeze [--check] [--fresh] [NN ...]`."""
    add_notebooks(parser)
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; fail if a fresh run differs from what is committed",
    )
    parser.add_argument(
        "--fresh",
        action="store_true",
        help=f"new outputs also for cells tagged {UNSTABLE}",
    )


def run(args: argparse.Namespace) -> int:
    """Freeze them; 1 if `--check` finds a difference."""
    check_real("a freeze")
    differing = 0
    for notebook in chosen(args.notebooks):
        for path, frozen in freeze(notebook, args.fresh).items():
            committed = reference.text_of(path)
            if frozen == committed:
                continue
            differing += 1
            if args.check:
                print(difference(path, committed, frozen))
            else:
                _write(path, frozen)
    return 1 if args.check and differing else 0


def freeze(path: Path, fresh: bool = False) -> dict[Path, str]:
    """Execute a notebook; the texts that its file, and its traces', are to have."""
    committed = read(path)
    executed = execute_with_progress(path, IN_FREEZE, reference.LAST)
    told = executed.cells.pop().outputs
    traces = told[0].text if told else ""
    if not fresh:
        _keep_unstable(committed, executed)
        traces = reference.the_old_if_alike(path, traces)
    normalise(executed)
    nbformat.validate(executed)
    text: str = nbformat.writes(executed)  # type: ignore[no-untyped-call]
    return {path: text + "\n", reference.beside(path): traces}


def normalise(notebook: NotebookNode) -> None:
    """Take out all that differs from one run to the next."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = {**KERNEL, "name": "python3"}
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        for key in CELL_NOISE:
            cell.metadata.pop(key, None)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, start=1):
        _normalise_cell(cell, count if cell.source.strip() else None)


def difference(path: Path, committed: str, frozen: str) -> str:
    """What changed, line by line; a notebook's JSON has a line for each of a text's."""
    lines = difflib.unified_diff(
        committed.splitlines(),
        frozen.splitlines(),
        f"{path.name} as committed",
        f"{path.name} as it runs",
        lineterm="",
    )
    return "\n".join(lines)


def _write(path: Path, text: str) -> None:
    """Not atomically: it stays its owner's file.  Without text there is none."""
    if text:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        print(f"{path.name} is written")
    else:
        path.unlink()
        print(f"{path.name} is removed")


def _keep_unstable(committed: NotebookNode, executed: NotebookNode) -> None:
    for old, new in zip(committed.cells, executed.cells, strict=True):
        if UNSTABLE in new.metadata.get("tags", []) and old.get("outputs"):
            new.outputs = old.outputs
        for drawn, before in zip(_pictures(new), _pictures(old), strict=False):
            if drawn["text/plain"] == before["text/plain"]:
                drawn[PICTURE] = before[PICTURE]


def _pictures(cell: NotebookNode) -> list[NotebookNode]:
    data = [output.get("data", {}) for output in cell.get("outputs", [])]
    return [each for each in data if PICTURE in each]


def _normalise_cell(cell: NotebookNode, count: int | None) -> None:
    cell.execution_count = count
    for output in cell.outputs:
        if "execution_count" in output:
            output.execution_count = count
        if len(data := output.get("data", {})) > 1:
            data.pop(WIDGET, None)
        if output.output_type == "error":
            output.traceback = [f"{output.ename}: {output.evalue}"]
