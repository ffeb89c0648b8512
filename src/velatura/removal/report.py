"""What `remove` did, in values: for each file what went, what was behind it, what was in doubt, and what removal does not protect."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from velatura.media.frame import Box

__all__ = ["Gone", "Place", "Removed", "ShotTold", "Shows"]


@dataclass(frozen=True, slots=True)
class Gone:
    """One person, plate ... over time that was taken out because a detector found it.

    Attributes:
        first_s, last_s: seconds; of a picture both 0.
        frames: in how many it is.
        score: the highest.
        still: at one place in all frames: a poster, a statue, or somebody who stands there.
    """

    id: int
    label: str
    first_s: float
    last_s: float
    frames: int
    score: float
    still: bool = False


@dataclass(frozen=True, slots=True)
class Shows:
    """A place of an output where the check found something. `why`: "differs" (from the background), "detected", "plate" (the background shows it)."""

    frame: int
    time_s: float
    box: Box
    why: str
    label: str = ""
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """Something that the fallback covered: from one frame to another, both inclusive, somewhere within a box (upright pixels)."""

    first_frame: int
    last_frame: int
    first_s: float
    last_s: float
    box: Box


@dataclass(frozen=True, slots=True)
class ShotTold:
    """A shot. `camera`: standing, swaying, moving, or short; `in_doubt`, `invented`, `restless`: shares of its background."""

    start_s: float
    frames: int
    camera: str
    sway_px: float = 0.0
    in_doubt: float = 0.0
    invented: float = 0.0
    restless: float = 0.0


@dataclass(frozen=True, slots=True)
class Removed:
    """One file, done.

    Attributes:
        frames: of the output; `touched`: those in which something went; `black`: those that are damaged in the source, and black.
        left: what detectors take for somebody, never moves, and was left.
        mask_share, mask_most: what of the picture was replaced, mean over all frames and the worst one.
        invented: share of the replaced pixels that no other frame showed.
        covered: frames in which something was in doubt and the fallback covered it.
        covered_places: where and when, the hundred largest of `covered_places_total`, in order of time.
        shows: what the check found at last; covered by the fallback.
        rounds: how often the file was written.
        rechecked: the finished file was searched again.
        scope: where alone the finished file was searched, in words; "": everywhere.
        thresholds: of the check, by label: "no detection at this score by these detectors" is all it says.
        detectors: what searched; empty: motion or given masks only.
        mask: that a person gave; nothing was searched for then. `masks`: a folder for what was replaced.
    """

    file: Path
    out: Path
    kind: str
    width: int
    height: int
    frames: int
    touched: int
    gone: tuple[Gone, ...]
    left: tuple[Gone, ...]
    shots: tuple[ShotTold, ...]
    mask_share: float
    mask_most: float
    invented: float
    covered: int
    fallback: str
    rounds: int
    rechecked: bool
    shows: tuple[Shows, ...]
    thresholds: dict[str, float]
    detectors: tuple[str, ...]
    limits: str
    covered_places: tuple[Place, ...] = ()
    covered_places_total: int = 0
    black: int = 0
    dropped: tuple[str, ...] = ()
    confined: str | None = None
    mask: Path | None = None
    masks: Path | None = None
    scope: str = ""
    warnings: tuple[str, ...] = ()
