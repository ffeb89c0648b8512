"""Pictures and pages, looked at one by one: each is a shot of its own, for nothing but itself says what is in it."""

from __future__ import annotations

from collections.abc import Iterable

from velatura.detect.detection import Search
from velatura.errors import Missing
from velatura.media.frame import Frame
from velatura.removal.shot import Shot
from velatura.removal.targets import picked, whole
from velatura.removal.tracks import Track
from velatura.removal.wanted import Wanted

__all__ = ["pictures"]


def pictures(frames: Iterable[Frame], wanted: Wanted, search: Search | None) -> list[Shot]:
    """Pictures and pages: each a shot of its own, with what detectors find in it at once.

    Raises:
        Missing: `remove.no-detector`: nobody says what goes.
        BadSpec: `remove.pick`: nothing is there.
    """
    if search is None and wanted.mask is None:
        sentence = "in a picture nothing moves, and no detector says what goes"
        raise Missing("remove.no-detector", sentence, hint="velatura models pull fastestdet, or --mask")
    shots = []
    for frame in frames:
        found = search(frame, low=False) if search is not None else ()
        tracks = [
            Track(number, region.label, {frame.index: region.box}, float(frame.time), float(frame.time), region.score)
            for number, region in enumerate(found)
        ]
        going = [track for track in tracks if track.label in wanted.targets.labels]
        if wanted.pick is not None:
            going = picked(tracks, frame.index, wanted.pick.x, wanted.pick.y)
        elif wanted.whole_object:
            going = whole(going, tracks)
        ids = {track.id for track in going}
        beside = [track for track in tracks if track.id not in ids]
        shots.append(Shot(frame.index, frame.index, float(frame.time), "short", going, beside))
    return shots
