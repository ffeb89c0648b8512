"""What a person should know of files that were read: clips that could not be, damage, an end that came too early, time stamps that jump.

Made of what ingest tells of each clip, which is one of the words here and no text of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from velatura.edge.sources import Source

__all__ = ["FAULTS", "Fault", "left_alone", "missed", "notes", "unread"]

FAULTS = {
    "malformed": "its container is damaged or of no known kind",
    "no-video": "there is no picture in it",
    "codec": "its codec is not read (H.264, H.265, MJPEG, VP8, VP9, AV1 and MPEG-4 are)",
    "no-source": "it is gone, or is no plain file",
    "no-access": "it may not be opened",
    "lost": "it could not be opened",
    "damaged": "damaged: not all of it could be read",
    "cut": "it ends before the length that it says of itself: cut off",
}
"""What may be said of a clip; of the last two what could be read was counted."""
PARTLY = ("damaged", "cut")
NAMED = 3
Fault = tuple[Path, str]


def missed(source: Source, faults: Iterable[Fault]) -> list[str]:
    """A sentence for each clip that was not read whole, or not at all."""
    return [f"{path}: {'' if word in PARTLY else 'skipped: '}{FAULTS[word]}" for path, word in faults if not source.live or word not in PARTLY]


def unread(source: Source, faults: Iterable[Fault]) -> str:
    """Why not one picture came of it."""
    said = [(path, FAULTS[word]) for path, word in faults]
    if source.kind == "file":
        return said[0][1] if said else FAULTS["no-video"]
    named = "; ".join(f"{path.name}: {why}" for path, why in said[:NAMED])
    return f"{named}{f'; and {len(said) - NAMED} more' if len(said) > NAMED else ''}"


def left_alone(source: Source) -> list[str]:
    """A sentence for what lies in a folder and is no clip by its name."""
    names = source.others()
    named = ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
    return [f"{source.shown}: {len(names)} more in it are no clips by their names, and were left alone: {named}"] if names else []


def notes(source: Source, counts: Mapping[str, int]) -> list[str]:
    """A sentence for everything else. counts: of `pair.COUNTS`."""
    gaps, seconds = counts.get("gaps", 0), counts.get("left_out_s", 0)
    if source.live or not gaps:
        return []
    return [f"{source.shown}: its time stamps jump ({gaps} times, {seconds:,} s forward in all); a jump makes no ticks"]
