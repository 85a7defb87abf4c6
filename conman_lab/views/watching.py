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
        self._stopped, self._wanted, self._lock = Event(), Event(), Lock()
        self._wanted.set()
        self._on_pages = 0
        if widget is not None:
            widget.on_msg(self._hear)
            self._thread = Thread(target=self._watch, name="live view", daemon=True)
            self._thread.start()

    def look(self) -> None:
        """Look once more, now; tell the widget what has changed."""
        raise NotImplementedError

    def faces(self) -> dict[str, str]:
        """The text and the HTML."""
        raise NotImplementedError

    def stop(self) -> None:
        """Look a last time, and leave it at that."""
        self._stopped.set()
        self._wanted.set()
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

    def _watch(self) -> None:
        """Be the thread: look, and let the widget tell."""
        rest = self._every
        while not self._stopped.wait(rest):
            self._wanted.wait()
            began_at = perf_counter()
            try:
                self.look()
            except Exception as error:  # noqa: BLE001  # a traceback would be in any cell
                self.widget.trouble = f"{error}"
                return
            rest = max(self._every, REST * (perf_counter() - began_at))

    def _hear(self, _: object, message: dict[str, int], __: object) -> None:
        """The page says that it shows us once more, or once less."""
        self._on_pages += message.get("shown", 0)
        if self._on_pages > 0:
            self._wanted.set()
        elif not self._stopped.is_set():
            self._wanted.clear()


@cache
def widget_class(name: str, *styles: str) -> Any:
    """The class of a widget, drawn by NAME.js: half a second, for who wants to see it.

    Anywidget's classes are made when its module is imported; so is ours.
    """
    import anywidget  # noqa: PLC0415
    import traitlets  # noqa: PLC0415

    class LabWidget(anywidget.AnyWidget):
        _esm = (HERE / f"{name}.js").read_text()
        _css = "\n".join((HERE / f"{style}.css").read_text() for style in styles)
        rows: Any = traitlets.List().tag(sync=True)
        picture: Any = traitlets.Dict().tag(sync=True)
        changed: Any = traitlets.Dict().tag(
            sync=True
        )  # of the picture, since it was sent
        running = traitlets.Bool(default_value=True).tag(sync=True)
        trouble = traitlets.Unicode().tag(sync=True)

    return LabWidget


def frozen() -> bool:
    """Outputs are to be the same at each run."""
    return os.environ.get("CONMAN_LAB_FREEZE") == "1"
