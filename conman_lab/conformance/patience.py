"""To wait for a fact, or for an answer, and not for ever.

A promise is tried on programs that may be wrong in any way, and one that hangs is wrong,
too.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import partial
from threading import Thread
from typing import TypeVar

LONG = 5.0  # seconds that a fact may take to become one, on a busy machine

T = TypeVar("T")

_patience = ContextVar("patience", default=LONG)


def patience() -> float:
    """Seconds to wait for a fact."""
    return _patience.get()


@contextmanager
def hasty(seconds: float) -> Iterator[None]:
    """Less of it, for one that is known to break its promise."""
    before = _patience.set(seconds)
    try:
        yield
    finally:
        _patience.reset(before)


def eventually(fact: Callable[[], T], seconds: float | None = None) -> T:
    """Ask until the answer is true; the last answer, whatever it is."""
    ends_at = time.monotonic() + (patience() if seconds is None else seconds)
    while not (answer := fact()) and time.monotonic() < ends_at:
        time.sleep(0.005)
    return answer


def within(seconds: float, question: Callable[[], T]) -> T:
    """The answer; TimeoutError: none came, and its thread is still waiting for it."""
    answer: Future[T] = Future()
    ask = partial(copy_context().run, _answer, answer, question)  # as patient as we are
    Thread(target=ask, daemon=True).start()
    try:
        return answer.result(seconds)
    except TimeoutError:
        if answer.done():  # it was the question's own
            raise
        raise TimeoutError(f"no answer in {seconds:g} s") from None


def _answer(answer: "Future[T]", question: Callable[[], T]) -> None:
    try:
        answer.set_result(question())
    except BaseException as error:  # noqa: BLE001  # the asker's, whatever it is
        answer.set_exception(error)
