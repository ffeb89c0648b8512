"""What a person should know of a file that was read, made of what ingest counted: damage, an end that came too early, time stamps that jump."""

from __future__ import annotations

from collections.abc import Mapping

from velatura.edge.sources import Source

__all__ = ["missed", "notes"]


def missed(source: Source, counts: Mapping[str, int]) -> list[str]:
    """A sentence for everything that was not read whole. counts: of `pair.COUNTS`."""
    if source.live:
        return []
    cut, damaged = counts.get("cut", 0), counts.get("malformed", 0)
    told = []
    if cut:
        what = f"{cut} clips end" if source.kind == "folder" else "it ends"
        told.append(f"{source.shown}: {what} before the length that it says of itself: cut off")
    if damaged:
        told.append(f"{source.shown}: damaged: {damaged} places of it could not be read")
    return told


def notes(source: Source, counts: Mapping[str, int]) -> list[str]:
    """A sentence for everything else."""
    gaps, seconds = counts.get("gaps", 0), counts.get("left_out_s", 0)
    if source.live or not gaps:
        return []
    return [f"{source.shown}: its time stamps jump ({gaps} times, {seconds:,} s forward in all); a jump makes no ticks"]
