"""What `obfuscate` did, in values: for each file its tracks, what still shows, what was left out, and what the method does not protect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from velatura.detect.region import Region, Scores
from velatura.media import each
from velatura.media.frame import Box

__all__ = ["Protected", "Report", "Shows", "Track", "Tracks"]

NO_FACE = "nothing was found in it: look at it before you release it"


@dataclass(frozen=True, slots=True)
class Track:
    """One person, plate ... over time.

    Attributes:
        first_s, last_s: seconds; of a picture both 0.
        frames: on how many it was covered.
        score: the highest.
        doubtful: no score near the detector's `sure`: perhaps nobody.
        residual: found in an output only, and covered in another pass.
        clear: left as it is, as a person decided.
    """

    id: int
    label: str
    first_s: float
    last_s: float
    frames: int
    score: float
    doubtful: bool = False
    residual: bool = False
    clear: bool = False


@dataclass(frozen=True, slots=True)
class Shows:
    """A place of the output where a detector still fires, outside of what was covered."""

    frame: int
    time_s: float
    box: Box
    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Protected:
    """One file, done.

    Attributes:
        kind: picture, pages, animation or clip.
        frames: of the output; `black`: those of them that are black altogether.
        regions: covered, over all frames.
        shows: hits at a score that would have started a track; with the policy `closed` there are none.
        faint: hits below that; too weak to tell a face from a texture.
        ghosts: hits inside of what was covered; a cosmetic method leaves them.
        rechecked: the finished file was searched again.
        passes: how often the file was written until nothing showed.
        dropped: what the output does not have, in words.
        method, limits, cosmetic: as written, and what it does not protect.
        detectors: names of what searched; empty where regions were given.
        confined: None if the decoder ran confined, else why not.
        sidecar: of a sealed file.
    """

    file: Path
    out: Path
    kind: str
    width: int
    height: int
    frames: int
    tracks: tuple[Track, ...]
    regions: int
    method: str
    limits: str
    cosmetic: bool
    detectors: tuple[str, ...]
    black: int = 0
    shows: tuple[Shows, ...] = ()
    faint: int = 0
    ghosts: int = 0
    rechecked: bool = True
    passes: int = 1
    dropped: tuple[str, ...] = ()
    confined: str | None = None
    sidecar: Path | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report(each.Report[Protected]):
    """A whole run. `review`: the sheet."""

    review: Path | None = None


@dataclass(slots=True)
class _Seen:
    label: str
    first_s: float
    last_s: float
    frames: int = 0
    score: float = 0.0
    clear: bool = False


@dataclass(slots=True)
class Tracks:
    """Counts tracks while frames go by.

    Args:
        scores: the detectors' scale for each label.
        residual_from: tracks of this number and above were found in an output only.
    """

    scores: Mapping[str, Scores]
    residual_from: int | None = None
    _seen: dict[int, _Seen] = field(default_factory=dict)

    def add(self, regions: Sequence[Region], time_s: float) -> None:
        for region in regions:
            if region.track is None:
                continue
            seen = self._seen.setdefault(region.track, _Seen(region.label, time_s, time_s))
            seen.last_s, seen.frames = time_s, seen.frames + 1
            seen.score, seen.clear = max(seen.score, region.score), seen.clear or region.clear

    @property
    def next_id(self) -> int:
        return max(self._seen, default=-1) + 1

    def told(self) -> tuple[Track, ...]:
        """In the order of their numbers."""
        return tuple(self._track(number, seen) for number, seen in sorted(self._seen.items()))

    def _track(self, number: int, seen: _Seen) -> Track:
        scale = self.scores.get(seen.label)
        doubtful = scale is not None and seen.score < (scale.high + scale.sure) / 2
        residual = self.residual_from is not None and number >= self.residual_from
        return Track(number, seen.label, seen.first_s, seen.last_s, seen.frames, seen.score, doubtful, residual, seen.clear)
