"""One progress protocol, so that rooms can say how far they are without knowing who looks.

The command line draws it (`velatura.cli.progress`); jobs will turn it into events; everywhere else it is silent.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["SILENT", "Progress", "Silent"]


class Progress(Protocol):
    """Told by a room, in this order: `start`, then `advance`, `standing` and `note` as often as needed, then `finish`."""

    def start(self, what: str, total: float | None, unit: str) -> None:
        """A piece of work begins: `what` (a file's name), how much there is (None: unknown) and in which unit ("frames")."""
        ...

    def advance(self, by: float = 1) -> None: ...

    def standing(self, words: str) -> None:
        """How it stands, beside the bar until the next such words: "loss 0.31, accuracy 0.912"."""
        ...

    def note(self, sentence: str) -> None:
        """Something a person should know now (a warning); one line."""
        ...

    def finish(self) -> None: ...


class Silent:
    """Nobody looks."""

    def start(self, what: str, total: float | None, unit: str) -> None: ...

    def advance(self, by: float = 1) -> None: ...

    def standing(self, words: str) -> None: ...

    def note(self, sentence: str) -> None: ...

    def finish(self) -> None: ...


SILENT: Progress = Silent()
