"""Tries each promise on each launcher, whatever that may do: fail, hang, run away."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

from conman_lab.checks import Broken, Check, Evidence, Verdict
from conman_lab.launcher import Launcher

from .fence import Fence
from .patience import within

LIMIT = 20.0  # seconds; no trial needs half of it
END = "an end"
OFTEN, SHORT = 3, 2.0  # who has hung so often, one after the other, has these seconds


def examine(
    promises: Sequence[Check], launchers: Sequence[Launcher], fence: Fence
) -> Iterator[Verdict]:
    """A verdict on each, as it comes; promise by promise, to be compared.

    A program that hangs whatever is asked of it would take half an hour.
    """
    hung: Counter[str] = Counter()
    for check in promises:
        for launcher in launchers:
            limit = SHORT if hung[launcher.name] >= OFTEN else LIMIT
            verdict = try_promise(check, launcher, fence, limit)
            hangs = verdict.broken is not None and verdict.broken.expected == END
            hung[launcher.name] = hung[launcher.name] + 1 if hangs else 0
            yield verdict


def try_promise(
    check: Check, launcher: Launcher, fence: Fence, limit: float = LIMIT
) -> Verdict:
    """One trial; who has not done after `limit` seconds is ended, and has broken it."""
    try:
        return within(limit, partial(check.run, launcher))
    except TimeoutError:
        fence.clear()
        seen = f"nothing after {limit:g} s, and so all was ended"
        return Verdict(check, launcher.name, Broken(END, seen), Evidence())
    except Exception as error:  # noqa: BLE001  # a report that is no JSON, an exit of 7.5
        seen = f"{type(error).__name__}: {error}"
        broken = Broken(f"that {check.promise}", seen)
        return Verdict(check, launcher.name, broken, Evidence())
