"""Readers of leaks on hostile bytes: whatever the file, an answer or BadInput, in bounded work."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache

import pytest
from benchmarks.leakcases import CASES
from benchmarks.leakcases.boxes import box
from benchmarks.leakcases.jpegs import jpeg, segment
from benchmarks.leakcases.pictures import chunk
from hypothesis import given
from hypothesis import strategies as st
from tests.media.leaks.told import cases, found, told

from velatura.errors import BadInput
from velatura.media.leaks.search import search
from velatura.media.leaks.span import Damaged, whole
from velatura.media.leaks.trace import Trace

SAMPLES = [case.case for case in CASES if case.found and case.run == ""]


@cache
def sample(case: str) -> bytes:
    import tempfile
    from pathlib import Path

    made = next(one for one in CASES if one.case == case)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / made.name
        made.make(path)
        return path.read_bytes()


def looked_through(raw: bytes) -> str:
    """The readers alone (without decoding for alpha): "read", or the code of the refusal."""
    trace = Trace()
    try:
        search(io.BytesIO(raw), len(raw), trace)
    except BadInput as refused:
        return refused.code
    for leak in trace.found():
        assert len(leak.where) <= 400 and leak.what.isprintable()
    return "read"


def mutated(raw: bytes, edits: list[tuple[float, int]], cut: float) -> bytes:
    """Bytes near the start, where structure is, are hit more often than those in the middle."""
    changed = bytearray(raw)
    for place, value in edits:
        changed[int(place**4 * (len(changed) - 1))] = value
    return bytes(changed[: max(1, int(len(changed) * cut))])


EDITS = st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0, 1, 2, 0x7F, 0x80, 0xFF]) | st.integers(0, 255)), max_size=12)


@pytest.mark.parametrize("case", SAMPLES)
@given(edits=EDITS, cut=st.sampled_from([1.0, 1.0, 1.0, 0.99, 0.5, 0.1]))
def test_a_changed_file_is_read_or_refused(case: str, edits: list[tuple[float, int]], cut: float) -> None:
    assert looked_through(mutated(sample(case), edits, cut))


@pytest.mark.parametrize("case", [case for case in SAMPLES if case not in ("L14", "L22")])
@given(tail=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=12))
def test_a_change_near_the_end_is_read_or_refused(case: str, tail: list[tuple[float, int]]) -> None:
    """The movie's header stands there."""
    changed = bytearray(sample(case))
    for place, value in tail:
        changed[-1 - int(place * min(len(changed) - 1, 2_000))] = value
    assert looked_through(bytes(changed))


@given(
    st.binary(max_size=400),
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"MM\0*", b"BM", b"\x1a\x45\xdf\xa3", b"\0\0\0\1g"]),
)
def test_noise_behind_a_right_start_is_read_or_refused(noise: bytes, start: bytes) -> None:
    assert looked_through(start + noise)


@given(st.binary(max_size=400), st.sampled_from([b"ftypheic", b"ftypavif", b"ftypisom", b"moov"]))
def test_noise_behind_a_box_is_read_or_refused(noise: bytes, name: bytes) -> None:
    assert looked_through(struct.pack(">I", 16) + name + noise)


def test_an_empty_file_and_text_are_refused_by_name() -> None:
    assert looked_through(b"") == "media.empty"
    assert looked_through(b"<svg xmlns='http://www.w3.org/2000/svg'/>") == "media.unknown-type"
    assert looked_through(b"OggS" + bytes(200)) == "media.unsupported"


@pytest.mark.parametrize("case", ["L07", "L11", "L15", "L19", "L24", "L26"])
def test_a_cut_file_is_refused(case: str) -> None:
    raw = sample(case)
    assert looked_through(raw[: len(raw) // 2]) in ("media.truncated", "media.malformed")


def tiff(*directories: tuple[int, list[tuple[int, int, int, int]], int]) -> bytes:
    """Directories at their places: (place, tags, next)."""
    raw = bytearray(b"II*\0" + struct.pack("<I", directories[0][0]))
    for place, tags, after in directories:
        raw += bytes(max(0, place - len(raw)))
        raw[place:] = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + struct.pack("<I", after)
    return bytes(raw)


def test_a_loop_of_directories_ends() -> None:
    loop = tiff((8, [(256, 4, 1, 9), (330, 4, 1, 8)], 8))
    assert looked_through(loop) == "read"


def test_directories_nested_deeper_than_any_are_told_of_as_unreadable() -> None:
    nested = tiff(*((8 + 18 * n, [(330, 4, 1, 8 + 18 * (n + 1))], 0) for n in range(40)))
    trace = Trace()
    search(io.BytesIO(nested + bytes(18)), len(nested) + 18, trace)
    assert any("cannot be read" in leak.what for leak in trace.found())


def test_a_tag_that_reaches_over_the_end_is_told_of() -> None:
    raw = jpeg()
    exif = segment(0xE1, b"Exif\0\0" + tiff((8, [(0x927C, 7, 4_000_000_000, 30)], 0)))
    assert ("L02", "a block that cannot be read") in told(raw[:2] + exif + raw[2:])


@pytest.mark.parametrize("tag", [0x0112, 0x8769, 0x8825, 0x014A, 0x927C, 0x02BC])
def test_a_tag_without_a_value_is_nothing(tag: int) -> None:
    raw = jpeg()
    exif = segment(0xE1, b"Exif\0\0" + tiff((8, [(tag, 4, 0, 0)], 26), (26, [(0x0201, 4, 0, 0), (0x0202, 4, 1, 9)], 0)))
    assert cases(raw[:2] + exif + raw[2:]) <= {"L01", "L02", "L03", "L05"}


def test_a_million_tags_are_not_walked() -> None:
    raw = jpeg()
    exif = segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(60_000))
    assert ("L03", "a block that cannot be read") in told(raw[:2] + exif + raw[2:])


def test_boxes_nested_without_end_do_not_nest_us() -> None:
    inside = b""
    for _ in range(5_000):
        inside = box(b"mdia", inside)
    deep = box(b"ftyp", b"isom\0\0\0\0") + box(b"moov", box(b"trak", inside))
    assert looked_through(deep) == "read"


def element(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return name + (1 << 56 | len(body)).to_bytes(8, "big") + body


def matroska(*cluster: bytes) -> bytes:
    film = element(b"\xae", element(b"\xd7", b"\1"), element(b"\x83", b"\1"), element(b"\x86", b"V_MPEG4/ISO/AVC"))
    segment_body = (element(b"\x16\x54\xae\x6b", film), element(b"\x1f\x43\xb6\x75", *cluster))
    return element(b"\x1a\x45\xdf\xa3") + element(b"\x18\x53\x80\x67", *segment_body)


def test_blocks_nested_without_end_do_not_nest_us() -> None:
    user_data = b"\0\0\0\x08\x06\x05\x04abcd\x80"
    block = element(b"\xa1", b"\x81\0\0\0" + user_data)
    assert cases(matroska(element(b"\xa0", block))) == {"L31"}
    for _ in range(3_000):
        block = element(b"\xa0", block)
    assert looked_through(matroska(block)) == "read"


def test_a_bomb_in_the_pixels_is_refused() -> None:
    bomb = zlib.compressobj()
    start = bomb.compress(bytes(1 << 16)) + bomb.flush(zlib.Z_FULL_FLUSH)
    again = bomb.compress(bytes(1 << 24)) + bomb.flush(zlib.Z_FULL_FLUSH)
    packed = start + again * 70
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 10, 10, 8, 2, 0, 0, 0))
    raw = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    assert looked_through(raw) == "media.too-large"


def test_a_file_that_has_more_parts_than_any_is_refused() -> None:
    raw = b"GIF89a\1\0\1\0\0\0\0" + b"!\xfe\0" * 250_000 + b";"
    assert looked_through(raw) == "media.malformed"
    span = whole(io.BytesIO(bytes(100)), 100, reads=10)
    with pytest.raises(BadInput) as refused:
        for at in range(20):
            span.read(at, 1)
    assert refused.value.code == "media.too-large"


def test_the_same_megabytes_are_not_read_for_ever() -> None:
    """Two thousand tags that all point at one large value cost as much as the budget, not as much as they say."""
    size = 4 << 20
    raw = tiff((8, [(0x927C, 7, size, 30_000)] * 2_000, 0)) + bytes(30_000 + size)
    assert looked_through(raw[: 30_000 + size]) == "media.too-large"


def test_a_range_cannot_be_left() -> None:
    span = whole(io.BytesIO(bytes(100)), 100).part(10, 20)
    assert len(span.read(0, 20)) == 20 and span.some(15, 50) == bytes(5) and len(span.clipped(15, 50)) == 5
    for at, count in ((-1, 2), (0, 21), (19, 2), (21, 0)):
        with pytest.raises(Damaged):
            span.read(at, count)
    with pytest.raises(Damaged):
        span.part(5, 16)


def test_findings_are_bounded_and_the_cut_is_told() -> None:
    trace = Trace()
    for number in range(2_000):
        trace.tell("L11", f"chunk {number}", "text")
    assert len(trace.found()) == 501 and "not listed" in trace.found()[-1].what


def test_a_name_of_a_box_cannot_write_to_the_terminal() -> None:
    raw = box(b"ftyp", b"isom\0\0\0\0") + box(b"moov", box(b"\x1b[2J", b"x" * 20))
    assert all(one["where"].isprintable() for one in found(raw)) and cases(raw) == {"L34"}
