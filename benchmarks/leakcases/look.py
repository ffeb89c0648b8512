"""What an adversary takes from a file: the mark in any of its forms, carved pictures, every frame of every stream, packets of side streams."""

from __future__ import annotations

import base64
import contextlib
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageSequence

from benchmarks.leakcases.face import MARK, Rgb, shows_face, shows_small_face

_STARTS = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF....WEBP", re.DOTALL)
_PACKED = re.compile(rb"\x78[\x01\x5e\x9c\xda]")


def register() -> None:
    """HEIC for Pillow: an adversary reads it too."""
    import pillow_heif

    pillow_heif.register_heif_opener()


def mark(path: Path) -> str:
    """The mark in the clear, as UTF-16, packed, or in base64."""
    raw = path.read_bytes()
    forms = (MARK, MARK.decode().encode("utf-16-le"), MARK.decode().encode("utf-16-be"), base64.b64encode(MARK)[:12])
    if any(form in raw for form in forms):
        return "text"
    return "packed text" if any(MARK in packed for packed in _unpacked(raw)) else ""


def _unpacked(raw: bytes) -> Iterator[bytes]:
    for start in _PACKED.finditer(raw):
        with contextlib.suppress(zlib.error):
            yield zlib.decompressobj().decompress(raw[start.start() :], 1 << 16)


def carved(path: Path) -> str:
    """A picture with the face that begins somewhere after the first byte, in the clear or in base64."""
    raw = path.read_bytes()
    texts = [base64.b64decode(text + b"=" * (-len(text) % 4)) for text in re.findall(rb"/9j/[A-Za-z0-9+/]{400,}", raw)]
    for source, first in ((raw, 1), *((text, 0) for text in texts)):
        for start in _STARTS.finditer(source, first):
            with contextlib.suppress(Exception), Image.open(io.BytesIO(source[start.start() :])) as picture:
                if shows_small_face(np.asarray(picture.convert("RGB"))):
                    return "a second picture"
    return ""


def frames(path: Path, *, edits: bool = True) -> Iterator[Rgb]:
    """Every frame that can be decoded: pages and frames of pictures, all video streams of clips; `edits` False: hidden ones too."""
    try:
        with Image.open(path) as picture:
            for frame in ImageSequence.Iterator(picture):
                yield np.asarray(frame.convert("RGBA"))[..., :3]
        return
    except Exception:  # no picture: a clip
        pass
    with contextlib.suppress(av.error.FFmpegError), av.open(str(path), options={} if edits else {"ignore_editlist": "1"}) as clip:
        for stream in clip.streams.video:
            with contextlib.suppress(av.error.FFmpegError):
                clip.seek(0)
                for frame in clip.decode(stream):
                    yield frame.to_ndarray(format="rgb24")


def face(path: Path, *, first: int = 0, last: int | None = None, edits: bool = True) -> str:
    """The face in one of the frames from `first` on."""
    shown = [number for number, frame in enumerate(frames(path, edits=edits)) if number >= first and shows_face(frame)]
    shown = [number for number in shown if last is None or number <= last]
    return f"face in frame {', '.join(map(str, shown[:4]))}{' ...' if len(shown) > 4 else ''}" if shown else ""


def streams(path: Path) -> dict[str, int]:
    """How many streams of each kind a clip has."""
    found: dict[str, int] = {}
    with contextlib.suppress(av.error.FFmpegError), av.open(str(path)) as clip:
        for stream in clip.streams:
            kind = "cover" if "attached_pic" in str(stream.disposition).lower() else stream.type
            found[kind] = found.get(kind, 0) + 1
    return found


def times(path: Path) -> list[float]:
    """Time stamps of the video's frames, in seconds from the first."""
    with av.open(str(path)) as clip:
        stream = clip.streams.video[0]
        stamps = sorted(float(packet.pts * packet.time_base) for packet in clip.demux(stream) if packet.pts is not None)
    return [round(stamp - stamps[0], 4) for stamp in stamps]


def first_of(*found: str) -> str:
    return "; ".join(dict.fromkeys(word for word in found if word))
