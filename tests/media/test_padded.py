"""Packets before a page that may not be read: who reads beyond a packet's end is gone."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.edge.cameras import clip

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a page is protected by Linux's mprotect")

SCRIPT = """
import ctypes, mmap, os, sys
import av
from velatura.edge.containers import header_of
from velatura.edge.feed import Packet
from velatura.edge.latest import Stream
from velatura.media.heif_picture import _frame

def before_nothing(raw):
    "Where a packet ends its page does, and the next one may not be read."
    pages = -(-len(raw) // mmap.PAGESIZE)
    room = mmap.mmap(-1, (pages + 1) * mmap.PAGESIZE)
    end = pages * mmap.PAGESIZE
    room[end - len(raw) : end] = raw
    at = ctypes.addressof(ctypes.c_char.from_buffer(room)) + end
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(at), mmap.PAGESIZE, 0) == 0
    return memoryview(room)[end - len(raw) : end]

way, path = sys.argv[1:]
with av.open(path) as container:
    stream = container.streams.video[0]
    header, coded = header_of(stream), [bytes(packet) for packet in container.demux(stream) if packet.size]
coder = av.CodecContext.create(header.codec, "r")
coder.extradata, coder.thread_count = header.extradata, 1
seen = 0
if way == "lent":
    seen = sum(len(coder.decode(av.Packet(before_nothing(raw)))) for raw in coded)
elif way == "edge":
    ours = Stream(header)
    seen = sum(len(list(ours.frames(Packet(0.0, 0.0, True, before_nothing(raw))))) for raw in coded)
elif way == "heif":
    seen = bool(_frame(coder, before_nothing(coded[0])).width)
print(int(seen), flush=True)
os._exit(0)
"""


def decoded(way: str, path: Path) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-c", SCRIPT, way, str(path)], capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout.strip() or done.stderr[-300:]


@pytest.mark.parametrize(("codec", "ways"), [("libx264", ("edge",)), ("libx265", ("edge", "heif"))])
def test_no_decoder_reads_what_lies_behind_a_packet(tmp_path: Path, codec: str, ways: tuple[str, ...]) -> None:
    path = clip(tmp_path / "a.mp4", frames=12, codec=codec)
    assert decoded("lent", path)[0] == -signal.SIGSEGV, "who is lent a packet reads on"
    for way in ways:
        status, seen = decoded(way, path)
        assert status == 0 and int(seen) > 0, (way, status, seen)
