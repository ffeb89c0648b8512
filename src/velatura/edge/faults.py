"""What is told on the terminal, or into a journal, of cameras while they run: a fault, once, in one line, when it begins.

A camera that is tried again and again is told once; again only when it was well in between. Of what vision has a part in (its restarts, a record's
health) nothing is told: when lines are written would be vision's to choose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from velatura.edge.board import CameraStates
from velatura.edge.states import state_of

__all__ = ["Faults"]


class Faults:
    """Args: tell: given each line."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told: dict[tuple[str, str], set[str]] = {}

    def look(self, cameras: Iterable[tuple[CameraStates, str]]) -> None:
        """As things are. Each with its source, as shown. One that ended with an error has told that."""
        for one, source in cameras:
            if not one.error:
                self._hear(one.name, "camera", one.words["camera"], f"{one.name}: {source}")
                self._hear(one.name, "outbox", one.words["outbox"], f"{one.name}: outbox")
                for name, word in one.sinks.items():
                    self._hear(one.name, "sink", word, f"{one.name}: {name}")

    def _hear(self, camera: str, area: str, word: str, place: str) -> None:
        told, state = self._told.setdefault((camera, place), set()), state_of(area, word)
        if state.grade == "well":
            told.clear()
        elif state.grade == "fault" and word not in told:
            told.add(word)
            self._tell(f"{place}: {word}: {state.means}; {state.next}")
