"""Sequences of AVIF do not say when they were written."""

from __future__ import annotations

import io
import struct

from PIL import Image, ImageSequence

from velatura.media.avif_times import without_times


def sequence() -> bytes:
    raw = io.BytesIO()
    pictures = [Image.new("RGB", (32, 32), (40 * number, 80, 20)) for number in range(3)]
    pictures[0].save(raw, "AVIF", save_all=True, append_images=pictures[1:], speed=10)
    return raw.getvalue()


def times(raw: bytes) -> list[int]:
    found = []
    for name in (b"mvhd", b"tkhd", b"mdhd"):
        at = raw.index(name) + 4
        form = ">QQ" if raw[at] == 1 else ">II"
        found += struct.unpack_from(form, raw, at + 4)
    return found


def test_the_times_are_zero_and_the_frames_as_before() -> None:
    raw = sequence()
    changed = without_times(raw)
    assert all(times(raw)) and not any(times(changed)) and len(changed) == len(raw)
    for before, after in zip(*(ImageSequence.Iterator(Image.open(io.BytesIO(one))) for one in (raw, changed)), strict=True):
        assert before.tobytes() == after.tobytes()


def test_a_still_is_left_as_it_is() -> None:
    raw = io.BytesIO()
    Image.new("RGB", (32, 32)).save(raw, "AVIF", speed=10)
    assert without_times(raw.getvalue()) == raw.getvalue()
