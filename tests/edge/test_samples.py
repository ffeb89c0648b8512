"""The frames that vision tries before it is locked: every codec is among them, and each one decodes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from velatura.edge.feed import CODECS, Header, Packet
from velatura.edge.latest import Stream
from velatura.edge.samples import SAMPLES, samples

TOOL = Path(__file__).parents[2] / "tools" / "codec_samples.py"


def test_every_codec_of_the_wire_is_there_and_decodes() -> None:
    frames: dict[str, int] = {}
    codec, stream = "", None
    for message in samples():
        if isinstance(message, Header):
            codec, stream = message.codec, Stream(message)
        else:
            assert isinstance(message, Packet) and stream is not None
            frames[codec] = frames.get(codec, 0) + sum((frame.width, frame.height) == (64, 64) for frame in stream.frames(message))
            assert stream.corrupt == 0
    assert frames.keys() == set(CODECS) and min(frames.values()) >= 3


def test_the_file_is_small() -> None:
    assert SAMPLES.stat().st_size < 1 << 15


def test_the_tool_writes_such_a_file(tmp_path: Path) -> None:
    made = tmp_path / "samples.feed"
    done = subprocess.run([sys.executable, str(TOOL), str(made)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert 1 << 12 < made.stat().st_size < 1 << 15
