"""Writes src/velatura/edge/samples.feed: a few frames in every codec that vision decodes, as ingest would hand them over.

    python tools/codec_samples.py [FILE]

Vision decodes them once before it is locked, so that no encoder has to run at every start. Run it again when a codec joins `feed.CODECS`; another
build of FFmpeg writes other bytes, which decode just as well.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from velatura.edge.feed import CODECS, Feed, Header, Message, Packet
from velatura.edge.samples import SAMPLES

ENCODERS = {"h264": "libx264", "hevc": "libx265", "vp8": "libvpx", "vp9": "libvpx-vp9", "av1": "libsvtav1", "msmpeg4v3": "msmpeg4"}
"""Where the encoder's name is not the codec's."""
OPTIONS = {"hevc": {"x265-params": "log-level=none:info=0"}}  # info: 2 KiB of its settings in the stream
FRAMES, SIDE = 6, 64  # six: enough for pictures that are coded from both sides


def sample(codec: str) -> list[Message]:
    """The header and its packets."""
    with av.open(io.BytesIO(), "w", format="avi" if codec.startswith("msmpeg4") else "matroska") as container:
        stream = container.add_stream(ENCODERS.get(codec, codec), rate=25, options=OPTIONS.get(codec, {}))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.thread_count = 1
        packets = [packet for index in range(FRAMES) for packet in stream.encode(av.VideoFrame.from_ndarray(picture(index), format="rgb24"))]
        packets += stream.encode(None)
        header = Header(codec, SIDE, SIDE, (1, 25), bytes(stream.codec_context.extradata or b""))
    return [header, *(Packet(0.0, 0.04 * k, bool(p.is_keyframe), bytes(p), p.pts, p.dts) for k, p in enumerate(packets))]


def picture(index: int) -> NDArray[np.uint8]:
    """A textured square that moves over a ramp: blocks that are predicted, and blocks that are not."""
    ramp = np.repeat(np.linspace(30, 220, SIDE, dtype=np.uint8)[None, :, None], SIDE, axis=0).repeat(3, axis=2)
    texture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    ramp[8 + 3 * index : 24 + 3 * index, 10 + 5 * index : 26 + 5 * index] = texture
    return ramp


def main(out: Path) -> None:
    os.environ["SVT_LOG"] = "1"  # it writes past FFmpeg's log
    with out.open("wb") as file:
        feed = Feed(file.fileno())
        for codec in CODECS:
            for message in sample(codec):
                feed.offer(message)
    print(f"{out}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES)
