"""Vision on a machine that is too slow: each look takes a quarter of a second of the processor."""

from __future__ import annotations

import time

import av

from velatura.edge.vision import Vision

__all__ = ["Slow"]


class Slow(Vision):
    def _values(self, frame: av.VideoFrame, stamp_s: float) -> tuple[int, ...]:
        end_s = time.perf_counter() + 0.25
        while self._looks and time.perf_counter() < end_s:
            pass
        return super()._values(frame, stamp_s)
