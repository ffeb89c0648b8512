"""What the decoder's child says, held against the limits, the mapping and what it said before; only then is it believed.

The child may be in the hands of the file that it parses. Planes are copied out of the mapping before anything looks at them, for the child could
still write there, and samples above the peak of their form are cut off, so that nothing behind this door need expect them.
"""

from __future__ import annotations

from fractions import Fraction
from math import isfinite

import numpy as np

from velatura.errors import one_line
from velatura.media.frame import Frame, Plane
from velatura.media.outlet import frame_bytes
from velatura.media.reader import Facts, Limits
from velatura.media.wire import Opened, Shown, fraction

__all__ = ["Checked", "Nonsense"]


class Nonsense(ValueError):
    """The child said what cannot be; the sentence tells what."""


class Checked:
    """Facts of one file, and its frames as they come.

    Args:
        mapping: as shared with the child, hostile and changing.
        confined, lie: join the facts; see `Facts` and `kinds.lies`.

    Raises:
        Nonsense: where facts contradict limits, mapping or themselves.
    """

    def __init__(self, opened: Opened, mapping: memoryview, limits: Limits, *, confined: str | None, lie: str = "") -> None:
        _require(opened.width * opened.height <= limits.pixels, "more pixels than the limit")
        _require(opened.slots * opened.slot_bytes <= len(mapping), "slots beyond the mapping")
        for value in (opened.rate, opened.duration_s):
            _require(value is None or (isfinite(value) and value >= 0), "a rate or duration that is no length of time")
        _require(opened.time_base[0] > 0 and opened.sample_aspect[0] > 0, "a time base or pixel shape that is not positive")
        _require(opened.form.alpha is False or opened.what != "clip", "a clip with an alpha plane")
        self._opened, self._limits = opened, limits
        self._mapping: memoryview | None = mapping
        self._shown = 0
        self._time = Fraction(0)
        self.facts = _facts(opened, confined, lie)

    def frame(self, shown: Shown) -> Frame:
        """A copy of the frame that the child has just shown. Raises Nonsense."""
        self._check(shown)
        frame = Frame(
            planes=self._copied(shown),
            form=shown.form.pixel_form(),
            orientation=shown.orientation,
            index=self._shown,
            time=fraction(shown.time),
            duration=None if shown.duration is None else fraction(shown.duration),
            corrupt=shown.corrupt,
            shot_starts=shown.shot_starts,
        )
        _require(frame.time >= self._time, "time that runs backwards")
        _require(frame.duration is None or frame.duration >= 0, "a frame that lasts less than nothing")
        _require(self._shown > 0 or frame.size == (self._opened.width, self._opened.height), "a first frame of another size than announced")
        self._time = frame.time
        self._shown += 1
        return frame

    def detach(self) -> None:
        """Let go of the mapping; the facts stay."""
        self._mapping = None

    def _check(self, shown: Shown) -> None:
        opened = self._opened
        most = {"picture": 1, "clip": self._limits.frames}.get(opened.what, self._limits.pages)
        _require(self._shown < most, "more frames than it may have")
        _require(shown.slot < opened.slots, "a frame in no slot")
        _require(shown.width * shown.height <= self._limits.pixels, "more pixels than the limit")
        _require(frame_bytes(shown.form.pixel_form(), shown.width, shown.height) <= opened.slot_bytes, "a frame larger than its slot")
        if opened.what != "pages":
            turned = shown.orientation >= 5
            upright = (shown.height, shown.width) if turned else (shown.width, shown.height)
            _require(upright == (opened.width, opened.height), "a frame of another size than announced")
            _require(shown.form == opened.form and shown.orientation == opened.orientation, "a frame of another form than announced")

    def _copied(self, shown: Shown) -> list[Plane]:
        assert self._mapping is not None, "the child has been ended"
        form, planes = shown.form.pixel_form(), []
        at = shown.slot * self._opened.slot_bytes
        for height, width in form.shapes(shown.width, shown.height):
            end = at + height * width * form.dtype().itemsize
            plane = np.frombuffer(self._mapping[at:end], form.dtype).reshape(height, width).copy()
            if form.bits not in (8, 16):
                np.minimum(plane, form.peak, out=plane)
            planes.append(plane)
            at = end
        return planes


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Nonsense(otherwise)


def _facts(opened: Opened, confined: str | None, lie: str) -> Facts:
    dropped = tuple(dict.fromkeys(one_line(name, 200) for name in opened.dropped))
    return Facts(
        kind=opened.what,
        container=one_line(opened.container),
        width=opened.width,
        height=opened.height,
        form=opened.form.pixel_form(),
        codec=one_line(opened.codec),
        orientation=opened.orientation,
        frames=opened.frames,
        rate=opened.rate,
        duration_s=opened.duration_s,
        time_base=fraction(opened.time_base),
        sample_aspect=fraction(opened.sample_aspect),
        colour=opened.colour,
        loop=opened.loop,
        audio=one_line(opened.audio),
        dropped=(f"false name ({lie})", *dropped) if lie else dropped,
        confined=confined,
    )
