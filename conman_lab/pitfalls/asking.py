"""To ask a launcher: with patience, and to have each answer as words.

An experiment compares what was promised with what was said.  So an error is an answer
like any other, and an answer is the same in every run: a promise that is broken has to
be broken in the same words tomorrow.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from conman_lab.errors import LabError
from conman_lab.launcher import Launched
from conman_lab.stream import Stream

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(Z|[+-]\d\d:\d\d)")  # RFC 3339


def told(question: Callable[..., object], *args: object) -> str:
    """The answer in words, or the error.

    >>> told(int, "7"), told(open, "/nowhere")
    ('7', "FileNotFoundError: [Errno 2] No such file or directory: '/nowhere'")
    """
    try:
        return str(question(*args))
    except (LabError, OSError) as error:  # TimeoutError is an OSError
        return in_words(error)


def in_words(error: Exception) -> str:
    """Its class and its message."""
    return f"{type(error).__name__}: {error}"


def steady(words: str, home: Path) -> str:
    """The words without what differs from run to run: times, and where the home is.

    >>> steady("2026-11-24T04:19:26Z: no /var/lib/lab/pid", Path("/var/lib/lab"))
    'NOW: no pid'
    """
    return TIME.sub("NOW", words).replace(f"{home}/", "")


def within(seconds: float, question: Callable[..., object], *args: object) -> str:
    """As `told`, and TimeoutError: the question then goes on in a thread of its own.

    A read(2) cannot be called off.  It ends with the container, when nobody holds the
    other end of the pipe any more.
    """
    answers: SimpleQueue[str] = SimpleQueue()
    Thread(target=lambda: answers.put(told(question, *args)), daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except Empty:
        raise TimeoutError(f"no answer after {seconds:g} s") from None


def written(container: Launched, stream: Stream, until: str) -> str:
    """What the container has written, once that ends with `until`; ask until it does.

    Between write(2) in the container and a line in somebody's log is a moment.
    """
    ends_at = time.monotonic() + 2.0
    while True:
        text = container.output(stream).decode()
        if text.endswith(until) or time.monotonic() > ends_at:
            return text
        time.sleep(0.01)
