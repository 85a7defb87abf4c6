"""What a test can ask for: a home of its own, a runtime with its state in it, bundles."""

import os
import shutil
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import HealthCheck, settings
from manager_home import managing

from conman_lab import places
from conman_lab.errors import RuntimeMissing
from conman_lab.lab import bundles
from conman_lab.lab.clean import clean
from conman_lab.lab.registry import Registry
from conman_lab.names import make_private
from conman_lab.oci import Bundle, Runtime

_numbers = count(1)

# How long an example takes says how busy the machine is, and nothing about our code.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")


@pytest.fixture
def home():
    """A fresh home; whatever the test leaves in it is ended and removed."""
    registry = Registry.of(f"t{next(_numbers)}")  # short: sockets will be in there
    yield make_private(registry.home)
    clean(registry)
    assert not registry.left().things()
    shutil.rmtree(registry.home, ignore_errors=True)  # there may be a lock in it


@pytest.fixture
def runtime(home):
    """The runtime, with its state in the test's home, and its cgroup."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    try:
        found = Runtime.find(home=home)
    except RuntimeMissing as missing:
        pytest.skip(str(missing))
    return replace(found, cgroup_parent=f"{places.cgroup_parent()}/{home.name}")


@pytest.fixture
def shims(runtime, bundle):
    """Containers, each under a shim of its own: `shims.start("sleeper")`."""
    from shims import Shims  # what it imports costs other tests nothing

    with Shims(runtime, bundle) as shims:
        yield shims


@pytest.fixture
def loop():
    """A shim's loop, in our process."""
    from conman_lab.shim.loop import Loop

    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def conmon(runtime):
    """The oracle."""
    from conman_lab.conformance.conmon import Conmon

    found = Conmon(runtime)
    if not found.installed:
        pytest.skip(f"there is no {found.program}: install the package conmon")
    return found


@pytest.fixture
def daemon(home, runtime):
    """A conmand that is started by `daemon.start()`, and gone at the end."""
    from conmands import Daemon

    with Daemon(home, runtime) as daemon:
        yield daemon


@pytest.fixture
def bundle(home):
    """Give a bundle: `bundle("sleeper")` of the course, or any command's.

    `bundle("exiter", "sh", "-c", "exit 7")` is the course's with another command.
    """

    def give(name: str = "sleeper", *args: str) -> Bundle:
        ready = bundles.ready(name, home)
        if not args:
            return ready
        return ready.with_args(*args).save(
            home / "bundles" / f"{name}-{next(_numbers)}"
        )

    return give


@pytest.fixture
def manager(runtime):
    """A manager of the test's home."""
    with managing(runtime) as ours:
        yield ours


@pytest.fixture
def running(manager, bundle):
    """Start one: `running("sleeper")`, with another command and name if need be."""

    def start(name: str, *args: str, called: str = "", **wishes) -> str:
        called = called or name
        manager.create(called, bundle(name, *args), **wishes)
        manager.start(called)
        return called

    return start


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A real JupyterLab; a page of it takes a browser, see browser.py."""
    from browser import jupyterlab

    with jupyterlab(tmp_path_factory.mktemp("jupyterlab")) as server:
        yield server


@pytest.fixture(scope="module")
def browser():
    """A real Chromium."""
    from browser import chromium

    with chromium() as browser:
        yield browser


@pytest.fixture
def opened(server, browser):
    """Open a notebook: `opened(cell, cell)`, or with stored outputs."""
    from browser import Notebook

    pages = []

    def open_it(*cells, outputs=(), classic=False):
        name = f"notebook-{len(list(server.directory.iterdir()))}.ipynb"
        server.write(name, *cells, outputs=outputs)
        pages.append(Notebook(browser, server.address(name, classic)))
        return pages[-1]

    yield open_it
    for page in pages:
        page.close()


@pytest.fixture
def tell(server):
    """Let the busy cell go on."""
    return lambda name: (server.directory / name).touch()
