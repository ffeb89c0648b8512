"""How the camera turned between neighbouring frames of a clip, each time found once, whoever asks for it.

Two looks at the same frames (`narrowed`) share this, and not the flow: a homography hardly knows a wide mask from a tight one, while flow that is
known right beside a tight mask is worth .5 dB under parallax.
"""

from __future__ import annotations

from velatura.removal.flow import Look, turned
from velatura.removal.registration import Matrix

__all__ = ["Turns"]


class Turns:
    """By the numbers of their two frames.

    Args:
        reach: what begins so many frames before the latest is forgotten.
    """

    def __init__(self, reach: int) -> None:
        self._reach = reach
        self._known: dict[tuple[int, int], Matrix | None] = {}

    def __len__(self) -> int:
        return len(self._known)

    def between(self, first: int, second: int, looks: tuple[Look, Look]) -> Matrix | None:
        """The homography from the first to the second, or None, as `flow.turned` says; `looks`: at these frames."""
        if (first, second) not in self._known:
            self._known[first, second] = turned(*looks)
            for pair in [pair for pair in self._known if pair[0] < second - self._reach]:
                del self._known[pair]
        return self._known[first, second]
