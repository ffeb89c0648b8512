"""What time says about the spans of a piece, beside its border.

A look that was there before *and* after another is behind it. A look that differs from another by being evenly lighter, and that came when a
neighbour left, has lost his shadow; a soft shadow has too little of a contour to tell.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["with_time"]

Span = NDArray[np.bool_]
Levels = NDArray[np.uint8]
BEHIND = 0.5  # on the cost of a look that was there before and after another
LIFTED = 0.3  # on the cost of a look without the shadow that went when a neighbour did
AS_NEIGHBOUR = 0.8  # samples in common, of all in one of the two
SHADE = (0.3, 0.95)  # of the light that a shadow leaves
EVEN = 0.16  # between the quartiles of that


def with_time(costs: Sequence[float], spans: Sequence[Span], bright: Sequence[Levels], taken: Sequence[Span]) -> NDArray[np.float64]:
    """Costs of the border, one a span and all raised by a grey level, lowered where time is for the span.

    Args:
        spans: (samples,) each.
        bright: for each span, the first plane of the piece's pixels in it, (n,).
        taken: spans that neighbours took.
    """
    found = np.asarray(costs, np.float64) + 1.0
    for at, span in enumerate(spans):
        others = [other for other in range(len(spans)) if other != at]
        if any(_encloses(span, spans[other]) for other in others):
            found[at] *= BEHIND
        if any(_common(span, other) > AS_NEIGHBOUR for other in taken) and any(_is_shadow(bright[at], bright[other]) for other in others):
            found[at] *= LIFTED
    return found


def _encloses(outer: Span, inner: Span) -> bool:
    """Whether one span has two samples or more before, and after, all of another."""
    within = np.flatnonzero(inner)
    return bool(outer[: within[0]].sum() > 1 and outer[within[-1] + 1 :].sum() > 1)


def _is_shadow(light: Levels, dark: Levels) -> bool:
    """Whether one look is the other one evenly darkened."""
    low, middle, high = np.percentile((dark + 1.0) / (light + 1.0), (25, 50, 75))
    return bool(SHADE[0] < middle < SHADE[1] and high - low < EVEN)


def _common(a: Span, b: Span) -> float:
    return float((a & b).sum() / (a | b).sum())
