"""The process that makes one still: a sandbox guest that decodes, burns the masks in, and hands over one picture of red, green and blue.

Locked like vision and fed like vision, so that lines are drawn on what vision sees, and what lies under a mask never leaves the process.

    answer  b"P", width, height (16 bit each), rows of RGB       or one letter: b"M" masks cannot be drawn into this kind of picture
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from velatura.edge.feed import Header, Message, Packet, unpack
from velatura.edge.latest import MOST_PIXELS, Stream
from velatura.edge.masks import Masks
from velatura.edge.policy import Camera
from velatura.edge.samples import samples
from velatura.errors import BadInput
from velatura.sandbox.guest import Inbox, Outbox
from velatura.specs import convert

__all__ = ["HEAD", "MOST_BYTES", "NO_MASKS", "PICTURE", "Still"]

PICTURE, NO_MASKS = b"P", b"M"
HEAD = struct.Struct("<cHH")
MOST_BYTES = HEAD.size + 3 * MOST_PIXELS


class Still:
    """A `sandbox.Guest`.

    Args:
        camera: fields of `policy.Camera`; its masks count.
        at_s: of the source's first frame on, seconds; the first whole frame from there is taken.
    """

    def __init__(self, *, camera: Mapping[str, Any], at_s: float = 0.0) -> None:
        self._masks = Masks(convert(dict(camera), Camera, where="still").masks)
        self._at_s = at_s
        self._stream: Stream | None = None
        self._scaler = VideoReformatter()

    def warm(self) -> None:
        for message in samples():
            for frame, _ in self._decoded(message):
                self._picture(frame)
        self._stream = None

    def serve(self, inbox: Inbox, outbox: Outbox, frames: memoryview | None) -> None:
        first_s: float | None = None
        while (raw := inbox.get()) is not None:
            message = unpack(raw)
            if not isinstance(message, Header | Packet):
                return
            for frame, stamp_s in self._decoded(message):
                first_s = stamp_s if first_s is None else first_s
                if stamp_s - first_s >= self._at_s:
                    outbox.put(self._told(frame))
                    return

    def _told(self, frame: av.VideoFrame) -> bytes:
        try:
            return self._picture(frame)
        except BadInput:
            return NO_MASKS

    def _picture(self, frame: av.VideoFrame) -> bytes:
        self._masks.burn_frame(frame)
        shown = self._scaler.reformat(frame, frame.width, frame.height, "rgb24", threads=1)
        plane = shown.planes[0]
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : 3 * frame.width]  # type: ignore[call-overload]
        return HEAD.pack(PICTURE, frame.width, frame.height) + bytes(rows.tobytes())

    def _decoded(self, message: Message) -> Iterator[tuple[av.VideoFrame, float]]:
        if isinstance(message, Header):
            self._stream = Stream(message)
        elif isinstance(message, Packet) and self._stream is not None:
            for frame in self._stream.frames(message):
                yield frame, message.stamp_s
