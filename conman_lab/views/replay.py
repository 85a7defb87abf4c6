"""A notebook without root and without a runtime: its cells show what they once showed.

CONMAN_LAB_MODE=replay.  What a cell would do is not pretended.  A committed notebook has
been executed on a real machine and has the outputs in it; so a cell that is as it was
committed shows those.  A cell of the learner's own is executed, as long as it asks for
nothing that only a real run would have made; if it does, it says so.

    notebooks/05-shim.ipynb         the cells, and what they have shown
    notebooks/traces/05-shim.json   {name: trace}, the traces by their names in there

Imports and definitions of the notebook are executed, too, and its traces are there under
their names: `t.table()` and `swimlane(t)` are the learner's to try.  And where a cell has
shown a live picture of a trace, it is drawn from the trace, so that it can be moved.
"""

import ast
import builtins
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from conman_lab.observe import reference

HOW = "for real: ./lab, as root, on a Linux machine of your own"
NOTICE = "This is a replay of a recorded run; nothing is started here. " + HOW
MISSING = "This cell is not a recorded one, and a replay has no {}; " + HOW
Outputs = list[dict[str, Any]]
HARMLESS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)


class Replay:
    """One notebook's recorded run."""

    def __init__(self, notebook: Path) -> None:
        self.notebook = notebook
        cells = json.loads(notebook.read_text())["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        self._outputs: dict[str, list[Outputs]] = defaultdict(list)
        for cell in code:
            self._outputs["".join(cell["source"]).strip()].append(cell["outputs"])
        self._runs: Counter[str] = Counter()
        self.traces = reference.load(notebook)

    def outputs(self, source: str) -> Outputs | None:
        """What the cell has shown; None if it is none of the notebook's.

        If it is in there twice, what it has shown the first time comes first.
        """
        known = self._outputs.get(source.strip())
        return known[self._runs[source.strip()] % len(known)] if known else None

    def instead(self, source: str, known: Iterable[str]) -> str:
        """The source of what is done in place of a cell, where `known` are names."""
        if self.outputs(source) is not None and not self._moves(source, known):
            return f"__replay__.show({source!r})\n{_harmless(source)}"
        missing = sorted(_wanted(source) - {*known, *dir(builtins)})
        return f"print({MISSING.format(missing[0])!r})\n" if missing else source

    def _moves(self, source: str, known: Iterable[str]) -> bool:
        """A live picture of a trace can be drawn from the trace, and then it moves."""
        wanted = _wanted(source)
        of_traces = bool(wanted & self.traces.keys()) and wanted <= {*known}
        return ".live()" in source and of_traces

    def show(self, source: str, publish: Callable[..., object]) -> None:
        """Publish the outputs of a cell, one after the other."""
        for output in self.outputs(source) or []:
            if output["output_type"] == "stream":
                publish({"text/plain": "".join(output["text"]).rstrip("\n")})
            elif output["output_type"] == "error":
                publish({"text/plain": f"{output['ename']}: {output['evalue']}"})
            else:
                data = output["data"].items()
                publish({kind: _whole(content) for kind, content in data})
        self._runs[source.strip()] += 1


def begin(notebook: Path, shell: Any = None) -> Replay:
    """Take over the cells that come, in this kernel; does nothing outside of IPython."""
    from IPython.core.getipython import get_ipython  # noqa: PLC0415  # a kernel has it
    from IPython.display import publish_display_data  # noqa: PLC0415

    replay = Replay(notebook)
    shell = shell or get_ipython()
    if shell is not None:
        before = shell.user_ns.get("__replay__")
        shell.user_ns |= {
            **replay.traces,
            "__replay__": _Shown(replay, publish_display_data),
        }
        if before is None:  # the second time, the transformer is there
            shell.input_transformers_cleanup.append(_transformer(shell))
    return replay


class _Shown:
    """What a replaced cell calls."""

    def __init__(self, replay: Replay, publish: Callable[..., object]) -> None:
        self.replay, self._publish = replay, publish

    def show(self, source: str) -> None:
        self.replay.show(source, self._publish)


def _transformer(shell: Any) -> Callable[[list[str]], list[str]]:
    def instead(lines: list[str]) -> list[str]:
        source = "".join(lines)
        if "__replay__" in source or _is_first(source):  # IPython asks more than once
            return lines
        shown: _Shown = shell.user_ns["__replay__"]
        changed = shown.replay.instead(source, shell.user_ns)
        return changed.splitlines(keepends=True)

    return instead


def _is_first(source: str) -> bool:
    """The cell that makes the Lab is executed: it is a replay's, and says so."""
    return "Lab(" in source and "import" in source


def _wanted(source: str) -> set[str]:
    """The names that a cell needs from others."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # Python will say so, or it is one of IPython's own
        return set()
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    own = {node.id for node in names if not isinstance(node.ctx, ast.Load)}
    for node in ast.walk(tree):
        if isinstance(node, ast.alias):
            own.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.arg):
            own.add(node.arg)
        else:  # a function, a class, `except ... as`, `case ... as`
            own.add(getattr(node, "name", None) or "")
    return {node.id for node in names} - own


def _harmless(source: str) -> str:
    """Its imports and definitions: cells of the learner's own may use them."""
    body = ast.parse(source).body
    kept = [node for node in body if isinstance(node, HARMLESS)]
    return "\n".join(map(ast.unparse, kept)) + "\n"


def _whole(content: Any) -> Any:
    """A notebook's file keeps texts as lines."""
    return "".join(content) if isinstance(content, list) else content
