"""The background's motions between neighbouring frames of a clip, each found once, whoever asks for it.

Two looks at the same frames (`narrowed`) share them: what moves is learnt beside the masks of whichever look asks first.
"""

from __future__ import annotations

from velatura.removal.flow import Link, Look, linked

__all__ = ["Links"]


class Links:
    """By the numbers of their two frames.

    Args:
        reach: what begins so many frames before the latest is forgotten.
    """

    def __init__(self, reach: int) -> None:
        self._reach = reach
        self._known: dict[tuple[int, int], tuple[Link, Link] | None] = {}

    def __len__(self) -> int:
        return len(self._known)

    def between(self, first: int, second: int, looks: tuple[Look, Look]) -> tuple[Link, Link] | None:
        """There and back, or None, as `flow.linked` says; `looks`: at the two frames."""
        if (first, second) not in self._known:
            self._known[first, second] = linked(*looks)
            for pair in [pair for pair in self._known if pair[0] < second - self._reach]:
                del self._known[pair]
        return self._known[first, second]
