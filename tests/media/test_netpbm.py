"""Netpbm pictures (PGM and its kin): read as they are, refused when cut or hostile, and what is written between their numbers is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.media.in_thread import SMALL, decoded, refused
from tests.media.leaks.told import told
from tests.media.pictures import photo, raw

from velatura.errors import BadInput
from velatura.media.batch import plan
from velatura.media.kinds import CLIP, kind_of, lies, refused_as
from velatura.media.netpbm import netpbm_head
from velatura.media.source import Decoder

COLOUR, GREY = np.asarray(photo()), np.asarray(photo().convert("L"))
BITS = np.asarray(photo().convert("1"))
DEEP = np.random.default_rng(1).integers(0, 65_536, (33, 17)).astype(np.uint16)


def plain(kind: str, samples: np.ndarray, peak: int | None, join: str = " ") -> bytes:
    height, width = samples.shape[:2]
    words = join.join(str(int(value)) for value in samples.ravel())
    return "\n".join([kind, f"{width} {height}", *([] if peak is None else [str(peak)]), words, ""]).encode()


FILES = {
    "P6": (raw(photo(), "PPM"), COLOUR),
    "P5": (raw(Image.fromarray(GREY), "PPM"), GREY),
    "P5 of 16 bits": (raw(Image.fromarray(DEEP), "PPM"), DEEP),
    "P4": (raw(Image.fromarray(BITS), "PPM"), BITS * np.uint8(255)),
    "P3": (plain("P3", COLOUR, 255), COLOUR),
    "P2": (plain("P2", GREY, 255), GREY),
    "P1": (plain("P1", 1 - BITS, None, ""), BITS * np.uint8(255)),
    "P5 with a comment": (b"P5 # Jane\n61 47\n# Doe\n255\n" + GREY.tobytes(), GREY),
    "P5 up to 1": (b"P5\n61 47\n1\n" + BITS.tobytes(), BITS * np.uint8(255)),
    "P5 up to 15": (b"P5\n61 47\n15\n" + (GREY // 17).tobytes(), GREY // 17 * 17),
}


@pytest.mark.parametrize("name", FILES)
def test_samples_come_as_they_were_stored(tmp_path: Path, name: str) -> None:
    file, samples = FILES[name]
    (tmp_path / "a.pnm").write_bytes(file)
    facts, [frame] = decoded(tmp_path / "a.pnm")
    assert np.array_equal(np.stack(frame.planes, -1).squeeze(), samples)
    assert (facts.container, facts.kind, facts.form.bits) == ("netpbm", "picture", 16 if samples is DEEP else 8)
    assert facts.dropped == (("comment",) if "comment" in name else ())


@pytest.mark.parametrize("name", FILES)
def test_bytes_after_the_picture_and_comments_are_told_of(tmp_path: Path, name: str) -> None:
    file, _ = FILES[name]
    comment = [("L07", "comment")] if "comment" in name else []
    assert told(file) == comment
    assert {case for case, _ in told(file + b"\xff\xd8\xff another picture")} == {"L09"} | {case for case, _ in comment}
    (tmp_path / "a.pnm").write_bytes(file + b"\xff\xd8\xff another picture")
    if name not in ("P1", "P2", "P3"):
        assert "bytes after the end of the picture" in decoded(tmp_path / "a.pnm")[0].dropped


def test_a_comment_among_plain_samples_is_told_wherever_a_read_ends() -> None:
    text = b"P2\n4 1\n255\n1 2 # Jane " + b"x" * (300 << 10) + b" 7 7\n3 4\n"
    assert told(text) == [("L07", "comment")]
    assert told(text + b"5\n")[-1] == ("L09", "more than its samples")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.001, 0.4, 0.99])
def test_what_is_cut_is_refused_by_decoder_and_scan(tmp_path: Path, name: str, share: float) -> None:
    file, _ = FILES[name]
    cut = file[: max(4, int(len(file) * share))]
    (tmp_path / "a.pnm").write_bytes(cut)
    assert refused(tmp_path / "a.pnm") in ("media.truncated", "media.malformed")
    with pytest.raises(BadInput):
        told(cut)


HOSTILE = {
    b"P5\n60000 60000\n255\n" + b"x" * 99: {"media.too-large"},
    b"P1\n60000 60000\n" + b"0" * 99: {"media.too-large"},
    b"P5\n99999999999 1\n255\nx": {"media.malformed"},
    b"P5\n0 4\n255\n": {"media.malformed"},
    b"P5\n-1 4\n255\n": {"media.malformed", "media.unknown-type"},
    b"P5\n1 1\n0\nx": {"media.malformed"},
    b"P5\n1 1\n65536\nxx": {"media.malformed"},
    b"P2\n2 1\n9\n1 99\n": {"media.malformed"},
    b"P1\n2 1\n1 7\n": {"media.malformed"},
    b"P5\n#" + b"x" * 99: {"media.truncated"},
}


@pytest.mark.parametrize("file", HOSTILE, ids=lambda file: file[:20].decode())
def test_a_hostile_header_is_refused(tmp_path: Path, file: bytes) -> None:
    (tmp_path / "a.pgm").write_bytes(file)
    assert refused(tmp_path / "a.pgm") in HOSTILE[file]


def test_pixels_are_limited(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(FILES["P5"][0])
    assert refused(tmp_path / "a.pgm", replace(SMALL, pixels=GREY.size - 1)) == "media.too-large"


def test_more_bits_of_colour_than_are_kept_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.ppm").write_bytes(b"P6\n2 1\n65535\n" + bytes(range(12)))
    facts, _ = decoded(tmp_path / "a.ppm")
    assert facts.form.bits == 8 and "samples beyond 8 bits" in facts.dropped


@given(st.binary(max_size=60).map(lambda tail: b"P5 3 # " + tail), st.integers(1, 6))
def test_any_head_is_read_or_none(head: bytes, kind: int) -> None:
    found = netpbm_head(b"P%d" % kind + head[2:])
    assert found is None or (found.start <= len(head) and found.comments and found.width == 3)


def test_a_file_of_it_is_told_from_text_and_clips() -> None:
    assert all(kind_of(file[:512]) == "netpbm" for file, _ in FILES.values())
    assert kind_of(b"P5 is my favourite one of the pictures, and P6 is next.\n" * 4) == "" and refused_as(b"P5x\n" * 20) == "text"
    assert kind_of(b"P7\nWIDTH 4\n" + b"\0" * 60) == CLIP
    assert lies("a.jpg", "netpbm") == "the name says .jpg, the content is NETPBM" and not lies("a.PGM", "netpbm")


def test_a_folder_of_them_becomes_png(tmp_path: Path) -> None:
    for name in ("a.pgm", "b.PPM", "c.pbm", "d.pnm"):
        (tmp_path / name).write_bytes(FILES["P5"][0])
    assert [job.target.name for job in plan([tmp_path], tmp_path / "out").jobs] == ["a.png", "b.png", "c.png", "d.png"]


def test_the_confined_decoder_reads_every_kind(tmp_path: Path) -> None:
    with Decoder() as decoder:
        for number, (file, samples) in enumerate(FILES.values()):
            path = tmp_path / f"{number}.pnm"
            path.write_bytes(file)
            with decoder.open(path) as reader:
                [frame] = list(reader)
            assert np.array_equal(np.stack(frame.planes, -1).squeeze(), samples)
            assert all(leak.case == "L07" for leak in decoder.scan(path))


def test_the_faces_of_the_orl_set_are_read(shared: Path) -> None:
    path = shared / "data" / "orl" / "s1" / "1.pgm"
    if not path.is_file():
        pytest.skip(f"real data: {path} is not there")
    facts, [frame] = decoded(path)
    assert (facts.width, facts.height, facts.form.colour) == (92, 112, "grey")
    assert frame.planes[0].tobytes() == path.read_bytes()[-92 * 112 :]
