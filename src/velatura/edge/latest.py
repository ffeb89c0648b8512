"""Packets into frames, the newest first: everything is decoded, for later frames stand on earlier ones, and only what is looked at is handed on.

A packet that the decoder refuses, or a frame that it flags, makes all that follows doubtful until the next key frame.
Limit: H.265, VP9, AV1 and Microsoft's MPEG-4 v3 hardly ever notice bytes that were changed inside a slice: damage there is pictures that look wrong,
and no word of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av

from velatura.edge.feed import Header, Packet
from velatura.media.padded import padded

__all__ = ["Stream"]

MOST_PIXELS = 8192 * 4320
DECODERS = {"av1": "libdav1d", "msmpeg4v3": "msmpeg4"}
"""By another name than the codec's; FFmpeg's own AV1 decoder needs hardware."""
SIZELESS = ("msmpeg4v2", "msmpeg4v3")
"""Codecs whose packets do not say how large a picture is: the container does."""
SILENT = ("mjpeg",)
"""Decoders that go over most damage without a word, unless they are told to refuse it: of 29 pictures with flipped bytes 4 are refused, or all."""


class Stream:
    """One stream, from its header on.

    Args:
        fast: the deblocking filter is left out: a fifth less work, and pictures that differ by a grey level.

    Attributes:
        corrupt: frames and packets that were damaged, so far.
        is_sound: nothing that the next frame stands on was damaged.
    """

    def __init__(self, header: Header, *, fast: bool = False) -> None:
        codec = av.CodecContext.create(DECODERS.get(header.codec, header.codec), "r")
        assert isinstance(codec, av.VideoCodecContext), "a header names codecs of pictures alone"
        self._codec = codec
        self._codec.extradata = header.extradata or None
        if header.codec in SIZELESS:
            self._codec.width, self._codec.height = header.width, header.height
        self._codec.thread_count = 1
        self._codec.thread_type = "NONE"
        self._codec.flags |= av.codec.context.Flags.output_corrupt  # flagged frames are told instead of left out
        self._codec.options = {
            "max_pixels": str(MOST_PIXELS),
            **({"skip_loop_filter": "all"} if fast else {}),
            **({"err_detect": "explode"} if header.codec in SILENT else {}),
        }
        self._base = Fraction(*header.time_base)
        self.corrupt, self.is_sound = 0, True

    def frames(self, packet: Packet) -> Iterator[av.VideoFrame]:
        """What a packet brings forth and may be looked at."""
        if packet.is_key:
            self.is_sound = True
        raw = padded(packet.data)
        raw.pts, raw.dts, raw.time_base = packet.pts, packet.dts, self._base
        try:
            decoded = self._codec.decode(raw)
        except (av.error.FFmpegError, ValueError):
            self.corrupt, self.is_sound = self.corrupt + 1, False
            return
        for frame in decoded:
            if frame.is_corrupt:
                self.corrupt, self.is_sound = self.corrupt + 1, False
            elif self.is_sound or frame.key_frame:
                self.is_sound = True
                yield frame
