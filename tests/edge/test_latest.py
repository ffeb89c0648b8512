"""Packets into frames: the same ones as FFmpeg makes of the whole clip."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from tests.edge.cameras import clip

from velatura.edge.containers import header_of
from velatura.edge.feed import Packet
from velatura.edge.latest import Stream


@pytest.mark.parametrize("codec", ["mpeg4", "msmpeg4v2", "msmpeg4", "libx264"])
def test_frames_of_a_clip_are_those_of_its_container(tmp_path: Path, codec: str) -> None:
    path = clip(tmp_path / "a.avi", frames=30, codec=codec)
    with av.open(str(path)) as container:
        header = header_of(container.streams.video[0])
        assert header is not None and (header.width, header.height) == (320, 240)
        stream = Stream(header)
        packets = [Packet(0.0, 0.0, packet.is_keyframe, bytes(packet), packet.pts, packet.dts) for packet in container.demux(video=0) if packet.size]
    ours = [frame.to_ndarray() for packet in packets for frame in stream.frames(packet)]
    with av.open(str(path)) as container:
        theirs = [frame.to_ndarray() for frame in container.decode(video=0)]
    assert stream.corrupt == 0 and len(ours) >= 25, "the last ones may wait for a packet that never comes"
    assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=False))


@pytest.mark.parametrize(("width", "height"), [(0, 0), (65_535, 65_535)])
def test_a_size_that_a_container_makes_up_brings_no_frame(tmp_path: Path, width: int, height: int) -> None:
    path = clip(tmp_path / "a.avi", frames=3, codec="msmpeg4v2")
    with av.open(str(path)) as container:
        header = header_of(container.streams.video[0])
        assert header is not None
        raw = next(bytes(packet) for packet in container.demux(video=0))
    stream = Stream(type(header)(header.codec, width, height, header.time_base, header.extradata))
    assert not list(stream.frames(Packet(0.0, 0.0, True, raw))) and stream.corrupt == 1 and not stream.is_sound
