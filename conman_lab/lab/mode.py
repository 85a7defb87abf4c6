"""Whether things are started for real, or shown as they were: CONMAN_LAB_MODE=replay."""

import os

from conman_lab.errors import NotPossible


def replaying() -> bool:
    """Nothing is started: it takes neither root nor a runtime."""
    return os.environ.get("CONMAN_LAB_MODE") == "replay"


def check_real(what: str) -> None:
    """NotPossible in a replay."""
    if replaying():
        raise NotPossible(f"{what} takes a real run: unset CONMAN_LAB_MODE")
