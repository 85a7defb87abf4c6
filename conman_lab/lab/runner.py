"""Executes notebooks without anybody watching: a fresh kernel each, top to bottom.

A kernel ends after the last cell, or after the one that fails, and what was started in
it has a session of its own and lives on.  So we clean the labs which the kernel had and
has not closed.
"""

import argparse
import atexit
import os
import re
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import nbformat
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from conman_lab import places
from conman_lab.errors import LabError
from conman_lab.identity import Identity

from .clean import clean
from .lock import LabTaken, Lock, holder
from .mode import replaying
from .progress import Progress
from .registry import registries

CELL_TIMEOUT = 60  # seconds; nbval's is the same, see pyproject.toml
QUIET = ["--Application.log_level=ERROR"]  # or each kernel warns that it speaks TCP
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
FAILURES = (
    CellExecutionError,
    CellTimeoutError,
    RuntimeError,
)  # no kernel, or a dead one
NO_NOTEBOOK = (
    ValueError,
    AttributeError,
    nbformat.ValidationError,
)  # JSON of any shape


class NotebookFailed(LabError):
    """A cell failed that was not expected to: which, its source, and what it raised."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`conman-lab run [NN ...]`."""
    add_notebooks(parser)


def add_notebooks(parser: argparse.ArgumentParser) -> None:
    """Which notebooks."""
    parser.add_argument(
        "notebooks",
        nargs="*",
        metavar="NN",
        help="a number (02), a name, or a file; by default all of the course",
    )


def run(args: argparse.Namespace) -> int:
    """Execute them in their order, up to the first failing cell."""
    for path in chosen(args.notebooks):
        execute_with_progress(path)
    return 0


def chosen(words: list[str]) -> list[Path]:
    """The notebooks that are meant, in the order of the course."""
    course = sorted(places.notebooks().glob("[0-9]*.ipynb"))
    return [_find(word, course) for word in words] if words else course


def execute_with_progress(
    path: Path, env: Mapping[str, str] | None = None, last: str = ""
) -> NotebookNode:
    """Execute it, and a `last` cell; say how it went in one line.  NotebookFailed."""
    execution = Execution(path, env or {}, last)
    progress = Progress(path.stem, len(execution.code))
    try:
        notebook = execution.run(progress.step)
    except NotebookFailed:
        progress.end("FAILED")
        raise
    progress.end("ok")
    return notebook


def read(path: Path) -> NotebookNode:
    """A notebook as its file has it; LabError if it is none."""
    try:
        notebook: NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except NO_NOTEBOOK as error:
        first = str(error).partition("\n")[0]
        raise LabError(f"{path.name} is no notebook: {first}") from error
    return notebook


class Execution:
    """One notebook, with one kernel, once; its file stays as it is."""

    def __init__(self, path: Path, env: Mapping[str, str], last: str = "") -> None:
        self.path, self.env = path, env
        self.notebook = read(path)
        if last:
            self.notebook.cells.append(new_code_cell(last))  # type: ignore[no-untyped-call]
        self.code = [cell for cell in self.notebook.cells if cell.cell_type == "code"]
        self._cell: NotebookNode | None = None
        self._kernel: Identity | None = None

    def run(self, on_cell: Callable[[], object]) -> NotebookNode:
        """Execute all cells and return the notebook with its outputs."""
        client = self._client(on_cell)
        place = tempfile.TemporaryDirectory(prefix="conman-lab-")
        with place as profile, _signals_given_back():
            env = {**os.environ, **self.env, "IPYTHONDIR": profile}  # nobody's settings
            try:
                return client.execute(env=env)
            except FAILURES as error:
                raise NotebookFailed(self._explain(error)) from error
            finally:
                # or nbclient ends a kernel that never came up, at exit, with a traceback
                atexit.unregister(client._cleanup_kernel)  # noqa: SLF001
                self._clean_up()

    def _client(self, on_cell: Callable[[], object]) -> NotebookClient:
        def started(notebook: NotebookNode) -> None:
            kernel = client.km and client.km.provisioner
            assert isinstance(kernel, LocalProvisioner)
            assert kernel.pid
            self._kernel = Identity.of(kernel.pid)

        def begins(cell: NotebookNode, cell_index: int) -> None:
            self._cell = cell

        def ended(cell: NotebookNode, **_: object) -> None:
            on_cell()

        client = NotebookClient(
            self.notebook,
            timeout=CELL_TIMEOUT,
            coalesce_streams=True,  # one print may come in two messages
            extra_arguments=QUIET,
            on_cell_execute=begins,
            on_cell_executed=ended,
            on_notebook_start=started,
            record_timing=False,
            resources={"metadata": {"path": str(self.path.parent)}},
            store_widget_state=False,
        )
        return client

    def _explain(self, error: Exception) -> str:
        cell = self._cell
        if cell is None:
            return f"{self.path.name}: no cell could be executed: {error}"
        errors = [out for out in cell.outputs if out.output_type == "error"]
        said = "\n".join(errors[-1].traceback) if errors else str(error)
        if not sys.stderr.isatty():
            said = COLOURS.sub("", said)
        number = self.code.index(cell) + 1
        source = "\n".join(f"    {line}" for line in cell.source.splitlines())
        title = f"{self.path.name}, code cell {number} of {len(self.code)}"
        title += f", {cell.id}" if "id" in cell else ""  # since nbformat 4.5
        return f"{title}:\n\n{source}\n\n{said}"

    def _clean_up(self) -> None:
        """Clean the labs that the kernel has left open."""
        if replaying():
            return
        for registry in registries():
            if self._kernel and holder(registry.home) == self._kernel:
                with suppress(LabTaken):  # it does not end; the next Lab will do it
                    lock = Lock.take(registry.home)
                    clean(registry)
                    lock.let_go()


@contextmanager
def _signals_given_back() -> Iterator[None]:
    """Nbclient takes these, and does not give them back if its kernel never comes up."""
    if threading.current_thread() is not threading.main_thread():
        yield  # they were not taken: only the main thread may
        return
    taken = (signal.SIGINT, signal.SIGTERM)
    before = {signum: signal.getsignal(signum) for signum in taken}
    wakeup = signal.set_wakeup_fd(-1)
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _find(word: str, course: list[Path]) -> Path:
    for path in course:
        number = path.stem.partition("-")[0]
        if word in (path.stem, path.name, number) or word.zfill(2) == number:
            return path
    if word.endswith(".ipynb") and Path(word).exists():
        return Path(word)
    there = ", ".join(path.stem for path in course) or "none"
    raise LabError(f"there is no notebook {word!r}; there are: {there}")
