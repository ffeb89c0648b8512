"""Canaries in real files: a copy keeps all of them, the room's own verb none, and one that comes through by any way is found."""

from __future__ import annotations

import base64
import io
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.random import Generator
from PIL import Image
from tests.media.pictures import photo, saved

from velatura.attacks.attack import Outcomes
from velatura.attacks.canaries import LeakPaths
from velatura.attacks.planted import PLANTED_IN, planted
from velatura.audit.obfuscation.arms import FileArm
from velatura.audit.trial import trial
from velatura.errors import BadInput, Unsupported
from velatura.findings import Claim, Finding, Verdict
from velatura.media.kinds import kind_of
from velatura.media.scan import scan
from velatura.media.source import Decoder

Arm = Callable[[Path, Generator], Path]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [
        saved(tmp_path / "a.jpg", photo(160, 120), "JPEG", quality=90),
        saved(tmp_path / "b.png", photo(180, 240).rotate(90), "PNG"),
        saved(tmp_path / "c.png", photo(99, 77).convert("RGBA"), "PNG"),
    ]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    (tmp_path / "plain").mkdir()
    return tmp_path / "out"


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder() as warmed:
        yield warmed


def tried(decoder: Decoder, protected: Arm, files: list[Path], out: Path) -> Finding:
    how = {"plain": FileArm(None, out.parent / "plain"), "claim": Claim(), "secrets": files, "seed": 1, "budget_s": 60.0, "findings": 1}
    return trial(LeakPaths(decoder), "the file", protected=protected, **how).finding  # type: ignore[arg-type]


def play(decoder: Decoder, arm: Arm, files: list[Path], budget_s: float = 60.0) -> Outcomes:
    return LeakPaths(decoder).play(arm, files, np.random.default_rng(3), budget_s=budget_s)


def test_a_copy_keeps_every_canary_and_is_broken(files: list[Path], out: Path, decoder: Decoder) -> None:
    found = tried(decoder, FileArm(None, out), files, out)
    assert found.verdict is Verdict.BROKEN and found.estimate is not None and found.estimate.value == 1 and found.estimate.per == "files"


def test_through_the_room_none_comes(files: list[Path], out: Path, decoder: Decoder) -> None:
    found = tried(decoder, FileArm("fill", out), files[:2], out)
    assert found.verdict is Verdict.HELD and found.estimate is not None and found.estimate.high == 0, found.evidence
    assert found.evidence["came through"] == "nothing" and "thumbnail" in found.evidence["planted"]


def test_a_constant_file_holds(files: list[Path], out: Path, decoder: Decoder) -> None:
    def constant(source: Path, rng: Generator) -> Path:
        return saved(out / f"x{source.suffix}", Image.new("RGB", (9, 9)), "PNG" if source.suffix == ".png" else "JPEG")

    assert tried(decoder, constant, files, out).verdict is Verdict.HELD


def leaking(out: Path, how: Callable[[Image.Image, bytes], bytes]) -> Arm:
    """Recodes the picture black, and lets something through."""

    def arm(source: Path, rng: Generator) -> Path:
        raw = source.read_bytes()
        target = out / f"{rng.integers(1 << 60)}.png"
        target.write_bytes(how(Image.open(io.BytesIO(raw)), raw))
        return target

    return arm


def black(**options: object) -> bytes:
    raw = io.BytesIO()
    Image.new("RGB", (32, 32)).save(raw, "PNG", **options)
    return raw.getvalue()


def comment(picture: Image.Image) -> str:
    told = picture.info.get("comment", picture.info.get("Comment", b""))
    return told.decode() if isinstance(told, bytes) else str(told)


def packed(picture: Image.Image, raw: bytes) -> bytes:
    name, body = b"zTXt", b"Note\0\0" + zlib.compress(comment(picture).encode())
    chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return black()[:33] + chunk + black()[33:]


WAYS: dict[str, Callable[[Image.Image, bytes], bytes]] = {
    "packed": packed,
    "UTF-16": lambda picture, raw: black() + comment(picture).encode("utf-16-le"),
    "base64": lambda picture, raw: black() + base64.b64encode(b"x" + comment(picture).encode() + b"yz"),
    "as it is": lambda picture, raw: black() + comment(picture).encode(),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_comment_that_comes_through_in_another_form_is_found(files: list[Path], out: Path, decoder: Decoder, way: str) -> None:
    found = play(decoder, leaking(out, WAYS[way]), files)
    assert found.notes["came through"].startswith("comment (1 of 3 files), packed text (2 of 3 files)")


def test_a_single_canary_is_enough_to_say_so(files: list[Path], out: Path, decoder: Decoder) -> None:
    assert tried(decoder, leaking(out, WAYS["as it is"]), files, out).verdict is Verdict.WEAKENED


def test_a_thumbnail_is_known_by_its_looks_though_it_was_scaled_and_recoded(files: list[Path], out: Path, decoder: Decoder) -> None:
    def small(picture: Image.Image, raw: bytes) -> bytes:
        inner = io.BytesIO()
        Image.fromarray(np.asarray(picture.convert("L").resize((70, 55)))).save(inner, "JPEG", quality=70)
        return black() + inner.getvalue()

    told = play(decoder, leaking(out, small), files).notes["came through"]
    assert "thumbnail (3 of 3 files)" in told and "comment" not in told


def test_what_the_program_itself_writes_is_no_canary(files: list[Path], out: Path, decoder: Decoder) -> None:
    from PIL.PngImagePlugin import PngInfo

    own = PngInfo()
    own.add_text("Software", "a program")
    result = play(decoder, leaking(out, lambda picture, raw: black(pnginfo=own)), files)
    assert result.success.max() == 0


def test_a_place_that_only_a_planted_file_fills_is_found_by_the_scan(files: list[Path], out: Path, decoder: Decoder) -> None:
    """Turned around, so that no search for it helps; the scan still sees that there is a comment."""

    def turned(picture: Image.Image, raw: bytes) -> bytes:
        told = io.BytesIO()
        options = {"comment": comment(picture)[::-1].encode()} if comment(picture) else {}
        Image.new("RGB", (32, 32)).save(told, "JPEG", **options)
        return told.getvalue()

    assert play(decoder, leaking(out, turned), files[:1]).notes["came through"] == "comment (1 of 1 files)"


def test_a_clip_is_planted_too(tmp_path: Path, out: Path, decoder: Decoder) -> None:
    from tests.media.clip_makers import make_clip

    clip = tmp_path / "a.mp4"
    clip.write_bytes(make_clip())

    def title_alone(source: Path, rng: Generator) -> Path:
        with av.open(str(source)) as opened:
            title = opened.metadata.get("title", "")
        target = out / f"{rng.integers(1 << 60)}.mp4"
        target.write_bytes(make_clip(dress=lambda made: made.metadata.update(title=title)))
        return target

    assert play(decoder, FileArm(None, out), [clip]).success.tolist() == [[1.0]]
    assert play(decoder, title_alone, [clip]).notes["came through"] == "title (1 of 1 files)"


def test_planted_files_are_valid_and_every_place_is_where_a_scan_sees_it(files: list[Path], tmp_path: Path, decoder: Decoder) -> None:
    for file in files:
        raw = file.read_bytes()
        copy, canaries = planted(raw, kind_of(raw), np.asarray(Image.open(file).convert("L")), np.random.default_rng(0))
        (tmp_path / f"planted{file.suffix}").write_bytes(copy)
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(copy))), np.asarray(Image.open(file)))
        assert {canary.case for canary in canaries} <= {leak.case for leak in scan(tmp_path / f"planted{file.suffix}", decoder=decoder)}
        assert len(canaries) == len({canary.where for canary in canaries}) == len({canary.token for canary in canaries}) == 8
        assert Image.open(io.BytesIO(copy)).getexif()[0x010E].encode() == canaries[0].token


def test_bad_input_is_refused(tmp_path: Path, out: Path, decoder: Decoder) -> None:
    def copy(source: Path, rng: Generator) -> Path:
        return Path(shutil.copyfile(source, out / source.name))

    (tmp_path / "cut.jpg").write_bytes(saved(tmp_path / "a.jpg", photo(), "JPEG").read_bytes()[:300])
    saved(tmp_path / "a.gif", photo(), "GIF")
    for files, kind, code in (
        ([], BadInput, "attack.no-files"),
        ([tmp_path / "cut.jpg"], BadInput, "media.truncated"),
        ([tmp_path / "a.gif"], Unsupported, "attack.file-kind"),
    ):
        with pytest.raises(kind) as caught:
            play(decoder, copy, files)
        assert caught.value.code == code and caught.value.hint


def test_an_ended_budget_is_told(files: list[Path], out: Path, decoder: Decoder) -> None:
    cut = play(decoder, FileArm(None, out), files, budget_s=0.0)
    assert cut.cut and cut.success.shape == (1, 1)
    assert set(PLANTED_IN) == {"jpeg", "png", "mp4"}
