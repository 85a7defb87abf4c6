"""The life of a real container, drawn in a real notebook's page while a cell runs."""

import pytest
from browser import PATIENCE, program

pytestmark = [
    pytest.mark.skipif(program() is None, reason="needs Chromium"),
    pytest.mark.needs_root,
    pytest.mark.needs_runc,
]

CREATED = """
import os
from conman_lab.lab import Lab
from conman_lab.lab.facts import until
from conman_lab.views import lifecycle

def told(name):
    until(lambda: os.path.exists(name), 30)

lab = Lab("life")
_ = lab.manager.create("web", lab.bundle("sleeper"))
lifecycle(lab.manager, "web").live()
"""
LIFE = """
told("created")
lab.manager.start("web")
told("running")
lab.manager.stop("web", timeout=5)
told("exited")
lab.manager.remove("web")
told("removed")
lab.close()
"""


def test_the_state_is_highlighted_while_a_cell_runs(opened, tell):
    notebook = opened(CREATED, LIFE)
    notebook.run_all()
    shown = notebook.cell(0).locator(".conman-lab-states")
    for state in ("created", "running", "exited"):
        here = shown.locator("svg .state.here .name", has_text=state)
        here.wait_for(timeout=PATIENCE)
        assert state.upper() in shown.locator(".words").inner_text()
        assert notebook.is_running(1)
        tell(state)
    shown.locator(".words", has_text="removed").wait_for(timeout=PATIENCE)
    tell("removed")
    taken = shown.locator("svg .way.taken .event").all_text_contents()
    assert taken == ["create", "remove", "start", "stop or end"]
    assert shown.locator("svg .state.here").count() == 0
