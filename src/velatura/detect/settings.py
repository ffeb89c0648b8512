"""How tracks begin, go on, end and are hidden between their hits: every number of the tracker in one place.

In seconds and in units of the box ("u": its height, or the root of its area where it is wider than high), so that frame rate, frame size and
the size of a face drop out. Tuned on rendered clips (docs/benchmarks/tracking.md); faces only, other labels use the same numbers untried.
"""

from __future__ import annotations

from dataclasses import dataclass

from velatura.detect.region import Scores

__all__ = ["DEFAULT_SCORES", "TrackSettings", "lookahead_for"]

DEFAULT_SCORES = Scores(low=0.3, high=0.45, sure=0.8)
"""Of a label that nobody gave scores for (YuNet's)."""


@dataclass(frozen=True, slots=True)
class TrackSettings:
    """See the comments; the groups are: when a track counts, how it moves, what it may take, what is hidden around it."""

    hits: int = 3  # so many hits confirm
    hits_within_s: float = 0.4  # ... within this, or in as many consecutive looks
    faint_within_s: float = 0.6  # the same for tracks that begin from low scores alone

    sigma_box: float = 0.06  # u: error of a detected centre
    sigma_size: float = 0.08  # error of a detected log size
    sigma_acceleration: float = 4.0  # u / s^1.5: density of the acceleration noise; 2 to 8 make no difference
    sigma_growth: float = 0.4  # 1 / s^1.5: the same for log size
    first_speed: float = 3.0  # u / s: unknown speed at the start
    size_memory_s: float = 0.5  # a change of size dies out, or boxes run away

    gate: float = 0.5  # u: a hit so near to the prediction always goes on
    gate_sigma: float = 2.5  # ... plus so many deviations
    gate_most: float = 1.5  # u: never more
    gate_iou: float = 0.2  # the other way in
    gate_size: float = 0.45  # log height; .7 let stray boxes take tracks away
    wide: float = 2.5  # u: a fast track goes on, or a new track is bridged to a lost one
    sparse_s: float = 0.15  # looks further apart than this: a fast face leaves every gate
    lost_s: float = 1.2  # a confirmed track lives so long without a hit
    most: int = 1000  # tracks of a label at once; what is beyond is hidden on its own frame only

    start_back_s: float = 0.5  # a start is carried back
    end_ahead_s: float = 0.6  # an end is carried forward
    grow: float = 0.6  # u / s of time to the nearest hit, on each side; twice that beyond starts and ends
    grow_most: float = 0.5  # u
    doubt: float = 0.7  # u: a bridge that ends so far from the prediction is doubtful


def lookahead_for(rate: float | None, *, every: int = 1, least_s: float = 0.6) -> float:
    """Seconds that `cover` should look ahead: enough for a gap of ten frames beside the looks themselves.

    Args:
        rate: frames a second, None where unknown (25 is assumed).
        every: every K-th frame is looked at.
        least_s: what short gaps need at any rate; without look-ahead they stay open (docs/benchmarks/tracking.md).
    """
    return max(least_s, (11 + every) / (rate or 25.0))
