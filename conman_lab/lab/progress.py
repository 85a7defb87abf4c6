"""A line that fills while something runs; without a terminal, its last state alone."""

import shutil
import sys
import time
from typing import TextIO

BAR = 24


class Progress:
    """`title [####....] 4/12`, then `title`, what came of it, and the seconds."""

    def __init__(
        self,
        title: str,
        total: int,
        stream: TextIO | None = None,
        unit: str = "cells",
    ) -> None:
        self._title, self._total, self._done = title, total, 0
        self._unit = unit
        self._stream = stream or sys.stdout
        self._started_at = time.monotonic()
        self._draw()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._started_at

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        self._draw()

    def end(self, words: str) -> None:
        """Say what came of it."""
        self._write_over("")
        count = f"{self._done:3} of {self._total} {self._unit}"
        line = f"{self._title:24}  {count}  {self.seconds:6.1f} s  {words}"
        print(line, file=self._stream, flush=True)

    def _draw(self) -> None:
        filled = BAR * self._done // max(self._total, 1)
        bar = "#" * filled + "." * (BAR - filled)
        self._write_over(f"{self._title:24}  [{bar}] {self._done}/{self._total}")

    def _write_over(self, line: str) -> None:
        if self._stream.isatty():
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{line[:width]}", end="", file=self._stream, flush=True)
