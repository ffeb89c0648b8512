"""Files that want something from us: memory, time, a crash, a picture that nobody has looked at."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.media.in_thread import SMALL, decoded, refused
from tests.media.pictures import photo, raw, saved

from velatura.errors import BadInput
from velatura.media.picture_samples import samples
from velatura.media.reader import Limits
from velatura.media.source import Decoder

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder(replace(Limits(), pixels=1 << 22, wait_s=20)) as opened:
        yield opened


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of(width: int, height: int, *between: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return PNG + head + b"".join(between) + chunk(b"IDAT", zlib.compress(b"\0" * 17 * 16)) + chunk(b"IEND", b"")


def patched(file: bytes, *places: tuple[int, bytes]) -> bytes:
    out = bytearray(file)
    for at, new in places:
        out[at : at + len(new)] = new
    return bytes(out)


def jpeg_of(width: int, height: int) -> bytes:
    file = raw(photo(16, 16), "JPEG")
    return patched(file, (file.index(b"\xff\xc0") + 5, struct.pack(">HH", height, width)))


def gif_with_a_huge_frame() -> bytes:
    file = raw(photo(16, 16).quantize(4), "GIF")
    at = file.index(b",", 13 + 3 * 4)
    return patched(file, (6, struct.pack("<HH", 1, 1)), (at + 5, struct.pack("<HH", 65_000, 65_000)))


def tiff_of(width: int, height: int) -> bytes:
    tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, height), (279, 256)]
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags) + b"\0" * 300


BOMBS = {
    "png": png_of(65_500, 65_500),
    "jpeg": jpeg_of(65_500, 65_500),
    "gif": gif_with_a_huge_frame(),
    "tiff": tiff_of(60_000, 60_000),
    "webp": patched(raw(photo(16, 16), "WEBP", save_all=True, append_images=[photo(16, 16).rotate(90)], duration=9), (24, b"\xfe\x3f\0\xfe\x3f\0")),
    "bmp": patched(raw(photo(16, 16), "BMP"), (18, struct.pack("<ii", 60_000, 60_000))),
    "text chunk": png_of(16, 16, chunk(b"zTXt", b"a\0\0" + zlib.compress(b"\0" * (64 << 20), 9))),
    "colour profile": png_of(16, 16, chunk(b"iCCP", b"a\0\0" + zlib.compress(b"\0" * (64 << 20), 9))),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_by_its_size_before_it_is_unpacked(tmp_path: Path, decoder: Decoder, name: str) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(BOMBS[name])
    with pytest.raises(BadInput) as caught, decoder.open(path) as reader:
        list(reader)
    assert caught.value.code == "media.too-large" and caught.value.hint


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "media.empty"),
        (b"\xff\xd8\xff", "media.malformed"),
        (PNG, "media.malformed"),
        (b"GIF89a\0\0\0\0\0\0\0;", "media.malformed"),
        (raw(photo(), "JPEG")[:700], "media.truncated"),
        (raw(photo(), "PNG")[:200], "media.truncated"),
        (raw(photo(), "BMP")[:900], "media.truncated"),
        (raw(photo(), "TIFF")[:2_000], "media.truncated"),
        (raw(photo(), "WEBP")[:200], "media.malformed"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "media.unknown-type"),
        (b"%PDF-1.7\n%\xe2\xe3", "media.unknown-type"),
    ],
)
def test_what_is_no_whole_picture_has_a_code_of_its_own(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    assert refused(path) == code


def test_every_cut_of_every_format_is_refused_or_whole(tmp_path: Path) -> None:
    """A picture that lacks its end must not come through as one with a grey corner."""
    for number, (kind, file) in enumerate(samples()):
        path = tmp_path / f"{number}.{kind}"
        path.write_bytes(file)
        facts, frames = decoded(path)
        for share in (0.3, 0.5, 0.7, 0.9):
            path.write_bytes(file[: int(len(file) * share)])
            try:
                cut_facts, cut = decoded(path)
            except BadInput as error:
                assert error.code in ("media.truncated", "media.malformed", "media.too-large"), (kind, error)
                continue
            # What is cut may be all behind the pixels: metadata, the index of a TIFF's further pages.
            assert np.array_equal(cut[0].planes[0], frames[0].planes[0]), (kind, share, cut_facts, facts)


def test_a_loop_of_directories_ends(tmp_path: Path) -> None:
    file = bytearray(raw(photo(16, 16), "TIFF"))
    start = struct.unpack_from("<I", file, 4)[0]
    count = struct.unpack_from("<H", file, start)[0]
    struct.pack_into("<I", file, start + 2 + 12 * count, start)
    path = tmp_path / "loop.tif"
    path.write_bytes(bytes(file))
    facts, frames = decoded(path)
    assert facts.kind == "picture" and len(frames) == 1


@pytest.mark.parametrize("name", ["TIFF", "GIF", "PNG", "WEBP"])
def test_more_pictures_than_the_limit_are_refused(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / "a", photo(8, 8), name, save_all=True, append_images=[photo(8, 8).rotate(n) for n in (20, 40, 60)])
    assert refused(path, replace(SMALL, pages=3)) == "media.too-large"


def test_more_bytes_than_the_limit_are_refused(tmp_path: Path) -> None:
    assert refused(saved(tmp_path / "a.bmp", photo(), "BMP"), replace(SMALL, picture_bytes=4_000)) == "media.too-large"


def test_pixels_are_counted_up_to_the_limit_and_no_further(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", photo(50, 40), "PNG")
    decoded(path, replace(SMALL, pixels=2_000))
    assert refused(path, replace(SMALL, pixels=1_999)) == "media.too-large"


def test_a_jpeg_of_many_scans_costs_no_more_than_the_time_that_it_is_given(tmp_path: Path) -> None:
    file = raw(Image.new("L", (3_000, 1_300)), "JPEG", progressive=True)
    scan = file.rindex(b"\xff\xda")
    path = tmp_path / "scans.jpg"
    path.write_bytes(file[:-2] + file[scan:-2] * 10_000 + file[-2:])
    with Decoder(replace(Limits(), pixels=1 << 22, wait_s=1)) as decoder:
        with pytest.raises(BadInput) as caught, decoder.open(path) as reader:
            list(reader)
        assert caught.value.code in ("media.decoder-hung", "media.malformed", "media.too-large")
        with decoder.open(saved(tmp_path / "good.png", photo(), "PNG")) as reader:
            assert len(list(reader)) == 1


@pytest.mark.parametrize("name", ["fifo", "folder", "gone", "link"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, decoder: Decoder, name: str) -> None:
    path = tmp_path / name
    if name == "fifo":
        os.mkfifo(path)
    elif name == "folder":
        path.mkdir()
    elif name == "link":
        path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(BadInput) as caught:
        decoder.open(path)
    assert caught.value.code == {"gone": "media.missing", "link": "media.missing"}.get(name, "media.not-a-file")


def test_two_hundred_mutations_are_refused_or_decoded(tmp_path: Path, decoder: Decoder) -> None:
    rng = np.random.default_rng(12)
    files = list(samples())
    path = tmp_path / "mutant"
    outcomes: dict[str, int] = {}
    for number in range(200):
        _, file = files[number % len(files)]
        mutant = np.frombuffer(file, np.uint8).copy()
        for _ in range(int(rng.integers(1, 9))):
            at, length = int(rng.integers(0, len(mutant))), int(rng.integers(1, 5))
            mutant[at : at + length] = rng.integers(0, 256, len(mutant[at : at + length]))
        path.write_bytes(mutant.tobytes())
        try:
            with decoder.open(path) as reader:
                outcome = "decoded" if list(reader) else "nothing"
        except BadInput as error:
            outcome = error.code
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert not outcomes.keys() & {"nothing", "media.decoder-hung"}, outcomes
    assert outcomes["decoded"] > 20 and len(outcomes) > 2, outcomes
