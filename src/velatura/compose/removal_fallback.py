"""What covers a place that removal could not be sure of: obfuscation's fill or blur, or nothing is released.

A blur is cosmetic, as everywhere here; it is offered because a person may prefer a soft spot to a black one where nobody is to be recognised.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import count

from velatura.detect.region import Region
from velatura.errors import BadSpec, Withheld, nearest
from velatura.media.frame import Box, Frame
from velatura.obfuscation.parameters import chosen
from velatura.obfuscation.policy import Covering
from velatura.obfuscation.treat import Treatments

__all__ = ["METHODS", "fallback"]

METHODS = {"fill": "fill", "blur": "blur:30%"}
MARGIN = 0.05


def fallback(name: str, *, entropy: Callable[[int], bytes] = os.urandom) -> Callable[[Frame, Sequence[Box]], None]:
    """Something that covers upright boxes of a frame in place.

    Args:
        name: "fill", "blur", or "fail": it refuses instead.
        entropy: of the methods.

    Raises:
        BadSpec: `remove.fallback`.
    """
    if name == "fail":
        return _refuse
    if name not in METHODS:
        raise BadSpec("remove.fallback", f"there is no fallback {name!r}", hint=nearest(name, (*METHODS, "fail")))
    method, covering, numbers = chosen(METHODS[name]), Covering(dilate=MARGIN), count()

    def cover(frame: Frame, boxes: Sequence[Box]) -> None:
        regions = [Region(box, "doubt", 1.0, float(frame.time), next(numbers)) for box in boxes]
        Treatments(method, covering, entropy=entropy).cover(frame, regions)

    return cover


def _refuse(frame: Frame, boxes: Sequence[Box]) -> None:
    """Raises Withheld `remove.in-doubt`, if there is a box."""
    if not boxes:
        return
    x0, y0, x1, y1 = boxes[0]
    sentence = f"at {float(frame.time):.2f} s it is in doubt what lies behind ({x0:.0f}, {y0:.0f}, {x1:.0f}, {y1:.0f}); nothing was released"
    raise Withheld("remove.in-doubt", sentence, hint="--fallback fill covers such places")
