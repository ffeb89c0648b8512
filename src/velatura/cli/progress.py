"""Progress for a person: a bar on a terminal, a line every ten seconds elsewhere, nothing with --quiet.

Everything goes to stderr. `NO_COLOR` and `TERM=dumb` are respected; rich is imported when a bar is drawn.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from velatura.cli.output import warn
from velatura.errors import one_line
from velatura.progress import Progress, Silent

__all__ = ["progress"]

LINE_EVERY_S = 10.0


def progress(*, quiet: bool) -> Progress:
    """The progress that fits where we run."""
    if quiet:
        return _Quiet()
    terminal = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return _Bar() if terminal else _Lines()


class _Quiet(Silent):
    def note(self, sentence: str) -> None:
        warn(sentence)


class _Lines:
    """`street.mp4: 320 of 1500 frames, 41.0 frames/s, 0:29 left`"""

    def __init__(self) -> None:
        self._what, self._unit, self._words = "", "", ""
        self._total: float | None = None
        self._done = self._begun = self._told = 0.0

    def start(self, what: str, total: float | None, unit: str) -> None:
        self._what, self._total, self._unit, self._words = one_line(what, 80), total, unit, ""
        self._done, self._begun = 0.0, time.monotonic()
        self._told = self._begun

    def advance(self, by: float = 1) -> None:
        self._done += by
        self._tell(ends=True)

    def standing(self, words: str) -> None:
        self._words = one_line(words, 120)
        self._tell(ends=False)

    def _tell(self, *, ends: bool) -> None:
        """ends: a piece was just done; within one nobody knows how long the rest takes."""
        now = time.monotonic()
        if now - self._told >= LINE_EVERY_S:
            self._told = now
            sys.stderr.write(self._line(now - self._begun, left=ends) + "\n")
            sys.stderr.flush()

    def note(self, sentence: str) -> None:
        warn(sentence)

    def finish(self) -> None: ...

    def _line(self, seconds: float, *, left: bool) -> str:
        rate = self._done / max(seconds, 1e-9)
        text = f"{self._what}: {self._done:.0f}" + (f" of {self._total:.0f}" if self._total else "") + f" {self._unit}"
        text += f", {rate:.1f} {self._unit}/s" if rate >= 0.05 else ""
        if left and self._total and self._done >= 0.03 * self._total:  # before that a remaining time is a guess
            rest_s = max(self._total - self._done, 0) / max(rate, 1e-9)
            text += f", {rest_s // 60:.0f}:{rest_s % 60:02.0f} left"
        return f"{text}; {self._words}" if self._words else text


class _Bar:
    """rich's bar: name, bar, done, rate, remaining time."""

    def __init__(self) -> None:
        self._live: Any = None
        self._task: Any = None

    def start(self, what: str, total: float | None, unit: str) -> None:
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.finish()
        name = TextColumn("{task.description}")
        rate = TextColumn(f"{{task.fields[rate]}} {escape(unit)}/s")
        columns = [name, BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn(), TextColumn("{task.fields[words]}")]
        self._live = Progress(*columns, console=Console(stderr=True), transient=True)
        self._live.start()
        self._task = self._live.add_task(escape(one_line(what, 40)), total=total, rate="-", words="")

    def advance(self, by: float = 1) -> None:
        if self._live is None:
            return
        speed = self._live.tasks[0].speed
        self._live.update(self._task, advance=by, rate=f"{speed:.1f}" if speed else "-")

    def standing(self, words: str) -> None:
        from rich.markup import escape

        if self._live is not None:
            self._live.update(self._task, words=escape(one_line(words, 120)))

    def note(self, sentence: str) -> None:
        if self._live is None:
            warn(sentence)
        else:
            self._live.console.print(f"warning: {one_line(sentence, 1000)}", markup=False, highlight=False)

    def finish(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
