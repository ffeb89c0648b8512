"""A clip in which one 16 x 16 picture a frame is seen, without loss: what a hostile post-processor cuts out is what was put in, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from velatura.attacks.errand import SIDE
from velatura.audit.edge.hostile import CELL_PX

__all__ = ["write_clip"]

MILLISECOND = Fraction(1, 1000)
SIZE_PX = SIDE * CELL_PX
GREY = 128


def write_clip(path: Path, faces: Sequence[bytes], times_s: Sequence[float]) -> None:
    """H.264 at quantiser 0, in Matroska: its times are milliseconds, not frames.

    Args:
        times_s: of each frame, rising.
    """
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0", "tune": "zerolatency", "preset": "ultrafast"})
        assert isinstance(stream, av.VideoStream), "of pictures"
        stream.width = stream.height = SIZE_PX
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = MILLISECOND
        stream.codec_context.thread_count = 1
        for face, time_s in zip(faces, times_s, strict=True):
            frame = _frame(face)
            frame.pts, frame.time_base = round(time_s * 1000), MILLISECOND
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _frame(face: bytes) -> av.VideoFrame:
    """The face as luma, chroma grey."""
    luma = np.frombuffer(face, np.uint8).reshape(SIDE, SIDE).repeat(CELL_PX, 0).repeat(CELL_PX, 1)
    planes = np.concatenate([luma.ravel(), np.full(SIZE_PX * SIZE_PX // 2, GREY, np.uint8)])
    return av.VideoFrame.from_ndarray(planes.reshape(SIZE_PX * 3 // 2, SIZE_PX), format="yuv420p")
