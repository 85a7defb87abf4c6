"""Several at a time: what xdist is told, when there are workers (`-n`).

A file is a worker's as a whole, by --dist=loadfile: a notebook's cells stay in their
order with their kernel, and a browser is started once for all who want it.
"""

import os

import pytest

# Half a minute and more.  If one of these came last, the other workers would wait for it.
LONG = (
    *("test_conformance", "test_browser_swimlane", "test_session", "test_shim_life"),
    *("test_freeze", "test_entry", "test_browser", "test_browser_terminal"),
)


def is_worker(config) -> bool:
    """One of those that xdist starts; it tells them so."""
    return hasattr(config, "workerinput")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """-n auto: as many as there are processors for us; xdist would count the cores."""
    return len(os.sched_getaffinity(0))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """The long ones come first; else they stay as they were shuffled."""
    if is_worker(config):
        items.sort(key=lambda item: item.path.stem not in LONG)
