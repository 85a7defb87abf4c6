"""Notebooks under nbval: each code cell is a test, in its order, with a name.

For its cells no fixture runs, not even an autouse one: all here is a hook.
"""

import os

import pytest
from nbval.plugin import IPyNbCell

NBVAL_LEAKS = r"ignore:unclosed file <_io\.\w+ name='/dev/null':ResourceWarning"
FAILED = pytest.StashKey[str]()  # of a notebook: its first cell that failed


def is_cell(item) -> bool:
    return isinstance(item, IPyNbCell)


def failed_notebooks(items) -> set[str]:
    """The names of those that have stopped at a cell, and did not close their labs."""
    stopped = [item for item in items if is_cell(item) and FAILED in item.parent.stash]
    return {item.path.stem for item in stopped}


def pytest_configure(config):
    """Set nbval up.  It opens a /dev/null for each kernel's stderr and never closes it."""
    config.addinivalue_line("filterwarnings", NBVAL_LEAKS)
    IPyNbCell.from_parent = classmethod(_cell_with_a_name)
    IPyNbCell.reportinfo = _report_info


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Cells come last and in order: pytest-randomly has shuffled them like any test."""
    cells = [item for item in items if is_cell(item)]
    cells.sort(key=lambda item: (item.path, item.cell_num))
    items[:] = [item for item in items if not is_cell(item)] + cells


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    """A kernel starts in the setup of its first cell, and inherits our environment."""
    if not is_cell(item):
        return (yield)
    os.environ["CONMAN_LAB_FREEZE"] = "1"
    try:
        return (yield)
    finally:
        del os.environ["CONMAN_LAB_FREEZE"]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    """What comes after a failed cell would fail for the same reason."""
    if is_cell(item) and (failed := item.parent.stash.get(FAILED, None)):
        pytest.skip(f"cell {failed!r} of this notebook failed")


def pytest_runtest_makereport(item, call):
    if (
        is_cell(item)
        and call.excinfo
        and not isinstance(call.excinfo.value, pytest.skip.Exception)
    ):
        item.parent.stash.setdefault(FAILED, item.name)


def _cell_with_a_name(cls, parent, *, name, cell_num, cell, **rest):
    """Call it by its id and first line; nbval itself only numbers them, from 0."""
    first = cell.source.partition("\n")[0][:50]
    name = f"{cell_num + 1} {cell.get('id', '')}: {first}"
    rest |= {"name": name, "cell_num": cell_num, "cell": cell}
    return pytest.Item.from_parent.__func__(cls, parent, **rest)


def _report_info(cell):
    return cell.path, 0, f"{cell.path.stem}, cell {cell.name}"
