"""Notebooks under nbval: each code cell is a test, in its order, with a name.

For its cells no fixture runs, not even an autouse one: all here is a hook.
"""

import os

import pytest

FAILED = pytest.StashKey[str]()  # of a notebook: its first cell that failed


def is_cell(item) -> bool:
    return type(item).__name__ == "IPyNbCell"


def pytest_itemcollected(item):
    """The name that nbval gives is a number; a cell is found sooner by its id and first line."""
    if is_cell(item):
        first = item.cell.source.partition("\n")[0][:50]
        item.name = f"{item.cell_num + 1} {item.cell.get('id', '')}: {first}"
        item._nodeid = f"{item.parent.nodeid}::{item.name}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Cells come last and in order: pytest-randomly has shuffled them like any test."""
    cells = [item for item in items if is_cell(item)]
    cells.sort(key=lambda item: (item.path, item.cell_num))
    items[:] = [item for item in items if not is_cell(item)] + cells


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item):
    """A kernel starts in the setup of its first cell, and inherits our environment."""
    if not is_cell(item):
        return (yield)
    if failed := item.parent.stash.get(FAILED, None):
        pytest.skip(f"cell {failed!r} of this notebook failed")
    os.environ["CONMAN_LAB_FREEZE"] = "1"
    try:
        return (yield)
    finally:
        del os.environ["CONMAN_LAB_FREEZE"]


def pytest_runtest_makereport(item, call):
    if is_cell(item) and call.excinfo and not call.excinfo.errisinstance(_skipped()):
        item.parent.stash.setdefault(FAILED, item.name)


def _skipped() -> type[BaseException]:
    return pytest.skip.Exception
