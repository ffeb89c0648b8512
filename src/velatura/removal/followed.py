"""Whether the one that was picked was followed to the end: doubt means that nothing is released.

A track that ends in the middle of the picture while somebody else is where he was last seen, or that touches somebody else's for long, may have gone
on as that other one. Which of them is which no detector says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from velatura.errors import Withheld
from velatura.media.frame import Box
from velatura.removal.tracks import Track

__all__ = ["refuse_lost"]

EDGE = 0.02  # of a side: whoever is this near to it may have left
NEAR_S = 0.5
TOUCHING_S = 1.0
TOUCHING = 0.3  # of the smaller box in the larger one


def refuse_lost(going: Sequence[Track], beside: Sequence[Track], times: Sequence[float], first: int, size: tuple[int, int]) -> None:
    """Before the file is painted.

    Args:
        going: the one that was picked, and his parts.
        beside: everybody else in the shot.
        times: seconds of the frames that are to be treated, one after the other.
        first: index of the first of them, as tracks count.
        size: (width, height).

    Raises:
        Withheld: `remove.lost`.
    """
    if not going or not times:
        return
    whole = max(going, key=lambda track: len(track.boxes))
    others = [track for track in beside if track.label == whole.label]
    last = first + len(times) - 1
    for end, after in ((max(whole.boxes), +1), (min(whole.boxes), -1)):
        if first < end < last and not _at_edge(whole.boxes[end], size):
            for frame in _beyond(end, after, times, first):
                if any(frame in track.boxes and _share(track.boxes[frame], whole.boxes[end]) > 0 for track in others):
                    verb = "lost at" if after > 0 else "not found before"
                    raise _lost(f"whoever was picked was {verb} {times[end - first]:.2f} s", whole.boxes[end], "and somebody else is there")
    together = [frame for frame in whole.boxes if first <= frame <= last and any(_touch(track, whole, frame) for track in others)]
    if len(together) > 1 and _seconds(together, times, first) >= TOUCHING_S:
        frame = together[0]
        raise _lost(
            f"from {times[frame - first]:.2f} s on whoever was picked is together with somebody else", whole.boxes[frame], "who cannot be told apart"
        )


def _lost(what: str, box: Box, more: str) -> Withheld:
    hint = "--from and --to around what is sure, --targets person for all of them, or --mask"
    return Withheld("remove.lost", f"{what}, at ({(box[0] + box[2]) / 2:.0f}, {(box[1] + box[3]) / 2:.0f}), {more}", hint=hint)


def _at_edge(box: Box, size: tuple[int, int]) -> bool:
    dx, dy = EDGE * size[0], EDGE * size[1]
    return box[0] <= dx or box[1] <= dy or box[2] >= size[0] - dx or box[3] >= size[1] - dy


def _beyond(end: int, step: int, times: Sequence[float], first: int) -> Iterator[int]:
    frame = end + step
    while first <= frame < first + len(times) and abs(times[frame - first] - times[end - first]) <= NEAR_S:
        yield frame
        frame += step


def _touch(other: Track, whole: Track, frame: int) -> bool:
    return frame in other.boxes and _share(other.boxes[frame], whole.boxes[frame]) > TOUCHING


def _share(a: Box, b: Box) -> float:
    """Of the smaller box in the larger one."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return width * height / smaller if width > 0 and height > 0 and smaller > 0 else 0.0


def _seconds(frames: Sequence[int], times: Sequence[float], first: int) -> float:
    """That all of them last."""
    step = (times[-1] - times[0]) / max(len(times) - 1, 1)
    return len(frames) * step
