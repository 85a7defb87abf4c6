"""A notebook's reference traces: what it has recorded, kept beside it for a replay.

    notebooks/05-shim.ipynb         with lab.trace() as t: ...
    notebooks/traces/05-shim.json   {"t": the trace}

Who knows the traces is the notebook's kernel, and it ends with the notebook.  So
`conman-lab freeze` executes one cell more, LAST, which tells them; it is in no file.

Times and pids are new with each run.  So the file stays as it is while the notebook
names the same traces; `--fresh` takes new ones.  Paths are told without the directories
that lead to them: where things were on that machine is nobody's business.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from .trace import Trace

LAST = f"from {__name__} import told\nprint(told(globals()), end='')"


def told(names: Mapping[str, object]) -> str:
    """All traces among `names`, as JSON with a line for each event; empty if none is.

    A name that begins with an underscore is IPython's own: `_` is the last result.
    """
    traces = [
        f"{json.dumps(name)}: {value.without_places().dumps()}"
        for name, value in names.items()
        if isinstance(value, Trace) and not name.startswith("_")
    ]
    return "{\n" + ",\n".join(traces) + "\n}\n" if traces else ""


def beside(notebook: Path) -> Path:
    """The file for the traces of a notebook."""
    return notebook.parent / "traces" / f"{notebook.stem}.json"


def load(notebook: Path) -> dict[str, Trace]:
    """A notebook's traces by their names in it; none, if it has no file of them."""
    found = _read(text_of(beside(notebook)))
    return {name: Trace.from_json(data) for name, data in found.items()}


def the_old_if_alike(notebook: Path, recorded: str) -> str:
    """What the notebook's file has, if it names the same traces as were `recorded`."""
    old = text_of(beside(notebook))
    return old if _read(old).keys() == _read(recorded).keys() else recorded


def text_of(path: Path) -> str:
    """What is in a file; empty if there is none."""
    return path.read_text() if path.exists() else ""


def _read(text: str) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads(text or "{}")
    return found
