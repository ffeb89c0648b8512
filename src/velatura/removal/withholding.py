"""Why a file is not released, each with what its person can do next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from velatura.errors import Withheld
from velatura.media.frame import Box
from velatura.removal.checking import Check
from velatura.removal.shot import Shot
from velatura.removal.wanted import Wanted

__all__ = ["in_doubt", "nothing_left", "still_shown"]


def in_doubt(source: Path, refused: Withheld, frame: int, boxes: Sequence[Box], shot: Shot, wanted: Wanted) -> Withheld:
    """The fallback's refusal, with what would end this doubt.

    Args:
        frame: index; `boxes`: upright, in doubt there.
    """
    standing = [track for track in shot.tracks if frame in track.boxes and any(_overlap(track.boxes[frame], box) for box in boxes)]
    ways = ["--fallback fill covers such places", *(["--mask says what goes"] if wanted.mask is None else [])]
    if shot.kind == "short":  # all of the frame is in doubt
        ways.insert(0, "velatura obfuscate covers faces instead")
    elif shot.kind == "moving" and wanted.camera == "auto":
        ways.insert(0, "--camera static, if the camera stands")
    elif shot.ground is not None and standing and wanted.targets.motion and wanted.pick is None:
        ways.insert(0, f"--targets motion leaves whatever never moves, that {standing[0].label} too")
    return Withheld(refused.code, f"{source}: {refused.sentence}", hint="; ".join(ways))


def nothing_left(source: Path, share: float) -> Withheld:
    """Hardly anything of the picture would be seen."""
    sentence = f"{source}: what goes, or is in doubt, is {share:.0%} of all there is to see, and nothing would be left to release"
    return Withheld("remove.nothing-left", sentence, hint="cover faces instead: velatura obfuscate; or let less go: --targets, --mask")


def still_shown(source: Path, found: Check, wanted: Wanted) -> Withheld:
    """The check fires even on what the fallback left."""
    first = found.failures[0]
    what = first.label or "something that differs from what lies behind"
    sentence = f"{source}: after all rounds and the fallback {len(found.failures)} places still show, the first {what} at {first.time_s:.2f} s"
    ways = "--targets person, --mask, --camera static|moving" if wanted.pick is None else "--pick at a moment at which nobody else is near, --mask"
    return Withheld("remove.residual", sentence, hint=f"say what goes: {ways}; or velatura obfuscate")


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
