"""The life of a container as a picture: what it shows is what the manager goes by."""

import re
from dataclasses import replace

import pytest
from eventually import eventually
from facts import modules_after
from test_views import HOSTILE, WIDGET, Text

from conman_lab.errors import NotFound, WrongState
from conman_lab.linux import Exit
from conman_lab.manager.container import TRANSITIONS, Container, Status
from conman_lab.views import lifecycle

WEB = Container(id="1", name="web", status=Status.RUNNING)


class Told:
    """A keeper of one container that a test changes."""

    def __init__(self, container):
        self.container = container

    def status(self, ref):
        """As a manager does."""
        if self.container is None or ref != self.container.name:
            raise NotFound(f"there is no container {ref}")
        return self.container

    def become(self, **facts):
        """Change what is told."""
        self.container = replace(self.container, **facts)


@pytest.fixture
def keeper():
    return Told(replace(WEB, status=Status.CREATED))


@pytest.fixture
def live(keeper):
    watching = lifecycle(keeper, "web").live(every=0.01)
    yield watching
    watching.stop()
    watching.widget.close()


def drawn(view, name):
    """The names of the states that are drawn in this way."""
    pattern = rf'class="state {name}".*?class="name"[^>]*>(\w+)<'
    return re.findall(pattern, view.widget.picture["svg"])


@pytest.mark.parametrize("status", Status)
def test_what_the_text_offers_is_what_the_manager_allows(status):
    container = replace(WEB, status=status)
    (line,) = [it for it in str(lifecycle(container)).splitlines() if "▸" in it]
    offered, refused = set(), set()
    for event in TRANSITIONS:
        try:
            container.may(event)
        except WrongState:
            refused.add(event)
        else:
            offered.add(event)
    assert line.startswith(f"▸ {status}")
    assert all(event in line for event in offered)
    assert not any(re.search(rf"\b{event}\b", line) for event in refused)


def test_the_html_says_what_the_text_says():
    view = lifecycle(replace(WEB, status=Status.EXITED, exit=Exit(code=3)))
    html = Text(view._repr_html_())
    assert html.tags == {"pre", "span"}
    told = [line.strip("▸ ") for line in str(view).splitlines()]
    assert [line.strip() for line in html.text.splitlines()] == told
    assert told[0] == "web: EXITED, exit code 3"


def test_what_is_no_container_is_refused_with_what_would_be_one(keeper):
    for wrong in (7, keeper):
        with pytest.raises(TypeError, match="a manager and a name or an id"):
            lifecycle(wrong)


def test_the_state_is_highlighted_as_it_changes(live, keeper):
    assert drawn(live, "here") == ["created"]
    keeper.become(status=Status.RUNNING)
    eventually(lambda: drawn(live, "here") == ["running"])
    assert drawn(live, "seen") == ["created"]
    keeper.become(paused=True)
    eventually(lambda: drawn(live, "here") == ["paused"])
    keeper.become(paused=False, status=Status.EXITED, exit=Exit(signal=9))
    eventually(lambda: drawn(live, "here") == ["exited"])
    taken = re.findall(
        r'class="way taken".*?class="event"[^>]*>([^<]+)<', live.widget.picture["svg"]
    )
    assert taken == ["create", "start", "stop or end"]
    assert "killed by SIGKILL" in live.widget.picture["words"]


def test_removed_it_is_asked_for_no_more(live, keeper):
    keeper.container = None
    eventually(lambda: not live._thread.is_alive())
    assert not live.widget.running
    assert str(live).splitlines()[0] == "removed"
    assert drawn(live, "here") == []


def test_nothing_is_sent_when_nothing_has_changed(live):
    sent = []
    live.widget.observe(sent.append, "picture")
    live.look()
    live.look()
    assert sent == []


def test_all_three_faces_and_frozen_two(live, keeper, monkeypatch):
    assert set(live._repr_mimebundle_()) == {"text/plain", "text/html", WIDGET}
    monkeypatch.setenv("CONMAN_LAB_FREEZE", "1")
    frozen = lifecycle(keeper, "web").live()
    view = lifecycle(keeper, "web")
    faces = {"text/plain": str(view), "text/html": view._repr_html_()}
    assert frozen._repr_mimebundle_() == faces


def test_a_hostile_name_stays_text():
    container = replace(WEB, name=HOSTILE)
    view = lifecycle(Told(container), HOSTILE).live()
    view.stop()
    assert "<script" not in view.widget.picture["svg"]
    assert Text(lifecycle(container)._repr_html_()).tags == {"pre", "span"}
    view.widget.close()


def test_a_real_container_is_followed_through_its_life(manager, bundle):
    manager.create("web", bundle("sleeper"))
    watching = lifecycle(manager, "web").live(every=0.01)
    manager.start("web")
    eventually(lambda: drawn(watching, "here") == ["running"])
    manager.stop("web", timeout=5)
    eventually(lambda: drawn(watching, "here") == ["exited"])
    manager.remove("web")
    eventually(lambda: not watching.widget.running)
    states = [state for state, _ in watching.way]
    assert states == [Status.CREATED, Status.RUNNING, Status.EXITED]
    watching.widget.close()


def test_who_only_wants_the_text_imports_nothing_heavy():
    seen = modules_after(
        "from conman_lab.views import lifecycle; "
        "from conman_lab.manager.container import Container; "
        "str(lifecycle(Container('1', 'web')))"
    )
    heavy = {"anywidget", "ipywidgets", "matplotlib", "grpclib", "asyncio"}
    assert heavy & seen == set()
