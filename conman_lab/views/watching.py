"""What goes on is looked at again and again: by a thread, and shown by a widget.

- The thread sets traits and does nothing else.  What it printed would appear in
  whichever cell is running, or be lost with what that one prints.
- Traits reach the page while a cell is running; the page's answers wait until it has
  ended.  So pausing is in the page, and what we hear from there is not urgent.
- A stored notebook has no kernel to ask.  With each widget go its text and its HTML;
  and where outputs are to be the same at each run, CONMAN_LAB_FREEZE=1, only those do.
"""

import os
from functools import cache
from pathlib import Path
from threading import Event, Lock, Thread
from time import perf_counter
from typing import Any

HERE = Path(__file__).parent
REST = 9  # of ten parts of the time, a watcher leaves these to others


class Live:
    """Watches until `stop()`; ask for `str` at any time.

    A subclass says what a look is, and what its two other faces are.
    """

    def __init__(self, widget: Any, every: float) -> None:
        self.widget, self._every = widget, every
        self._stopped, self._lock = Event(), Lock()
        self._on_pages, self._wanted = 0, True
        self._guard = Lock()  # guards `_wanted`, and whether there is a thread
        self._thread: Thread | None = None
        if widget is not None:
            widget.on_msg(self._hear)
            self._begin()

    def look(self) -> None:
        """Look once more, now; tell the widget what has changed."""
        raise NotImplementedError

    def faces(self) -> dict[str, str]:
        """The text and the HTML."""
        raise NotImplementedError

    def stop(self) -> None:
        """Look a last time, and leave it at that."""
        self._stopped.set()
        self.look()
        if self.widget is not None:
            self.widget.running = False

    def __str__(self) -> str:
        return self.faces()["text/plain"]

    __repr__ = __str__

    def _repr_mimebundle_(self, **how: object) -> dict[str, Any]:
        """All three faces; the page takes the best that it can."""
        if self.widget is None:
            self.look()
        bundle = self.widget._repr_mimebundle_(**how) if self.widget else None
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        return {**(data or {}), **self.faces()}

    def _begin(self) -> None:
        """Let somebody look, unless there is somebody, or all is over."""
        with self._guard:
            self._wanted = True
            if self._thread is None and not self._stopped.is_set():
                self._thread = Thread(target=self._watch, name="live view", daemon=True)
                self._thread.start()

    def _watch(self) -> None:
        """Be the thread: look, and let the widget tell, while anybody wants it."""
        rest = self._every
        while not self._stopped.wait(rest) and not self._left_alone():
            began_at = perf_counter()
            try:
                self.look()
            except Exception as error:  # noqa: BLE001  # a traceback would be in any cell
                self.widget.trouble = str(error) or type(error).__name__
                return
            rest = max(self._every, REST * (perf_counter() - began_at))

    def _left_alone(self) -> bool:
        """It is on no page any more; then the thread ends, for the next page a new one."""
        with self._guard:
            if not self._wanted:
                self._thread = None
            return not self._wanted

    def _hear(self, _: object, message: dict[str, int], __: object) -> None:
        """The page says that it shows us once more, or once less."""
        self._on_pages += message.get("shown", 0)
        if self._on_pages > 0:
            self._begin()
        else:
            self._wanted = False


@cache
def widget_class(name: str, *styles: str) -> Any:
    """The class of a widget, drawn by NAME.js: half a second, for who wants to see it.

    Anywidget's classes are made when its module is imported; so is ours.
    """
    import anywidget  # noqa: PLC0415
    import traitlets  # noqa: PLC0415

    class LabWidget(anywidget.AnyWidget):
        _esm = page_code(name)
        _css = "\n".join((HERE / f"{style}.css").read_text() for style in styles)
        rows: Any = traitlets.List().tag(sync=True)
        picture: Any = traitlets.Dict().tag(sync=True)
        changed: Any = traitlets.Dict().tag(
            sync=True
        )  # of the picture, since it was sent
        running = traitlets.Bool(default_value=True).tag(sync=True)
        trouble = traitlets.Unicode().tag(sync=True)

    LabWidget.__name__ = name  # a page has one style for each name of a class
    return LabWidget


def page_code(name: str) -> str:
    """NAME.js, and before it what all widgets know of their page."""
    return "\n".join((HERE / f"{part}.js").read_text() for part in ("page", name))


def frozen() -> bool:
    """Outputs are to be the same at each run."""
    return os.environ.get("CONMAN_LAB_FREEZE") == "1"
