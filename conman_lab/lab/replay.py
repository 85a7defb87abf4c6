"""The Lab of a replay: it has nothing, and says so.

See views/replay.py for what the cells show.
"""

from typing import NoReturn

from conman_lab import places
from conman_lab.errors import NotPossible
from conman_lab.views import replay

from .predict import Prediction, predict


class ReplayLab:
    """What `Lab` is where nothing can be run: a name, and questions."""

    def __init__(self, name: str) -> None:
        self.name = name
        notebook = places.notebooks() / f"{name}.ipynb"
        if notebook.exists():
            replay.begin(notebook)
        print(replay.NOTICE)

    def __repr__(self) -> str:
        return f"lab {self.name}: a replay"

    def predict(self, question: str, guess: object, fact: object) -> Prediction:
        """The same as in a real one."""
        return predict(question, guess, fact)

    def close(self) -> None:
        """There is nothing to close."""

    def __getattr__(self, name: str) -> "Absent":
        """Anything else is not there; it may be given a name, as in a first cell."""
        if name.startswith("_"):  # IPython looks for faces
            raise AttributeError(name)
        return Absent(f"lab.{name}")


class Absent:
    """Something that only a real lab has; it can be named, and not used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"{self._name}, which a replay has not"

    def __call__(self, *_: object, **__: object) -> NoReturn:
        """Say so."""
        raise NotPossible(f"a replay has no {self._name}; {replay.HOW}")

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise NotPossible(f"a replay has no {self._name}; {replay.HOW}")
