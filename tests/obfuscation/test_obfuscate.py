"""The verb: files, folders, options, sealing and unsealing; with given regions, so that no detector is needed."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.obfuscation.sealing import ALICE, BOB
from tests.obfuscation.street import RGB, Cards, document, picture, several

from velatura.detect.document import Item, RegionsDocument, Result, Row
from velatura.errors import BadInput, BadSpec, VelaturaError, Withheld
from velatura.media.batch import plan
from velatura.obfuscation.obfuscate import obfuscate
from velatura.obfuscation.parameters import chosen
from velatura.obfuscation.policy import Covering
from velatura.obfuscation.run import Run
from velatura.obfuscation.unseal import unseal
from velatura.obfuscation.wanted import Wanted

CARD = (16, 8, 32, 32)
ROW = Row((16.0, 8.0, 32.0, 32.0), track=1)


def lists(*paths: Path) -> RegionsDocument:
    return RegionsDocument("velatura/1", Result(tuple(Item(str(path), 64, 48, (ROW,)) for path in paths)))


@pytest.fixture
def covered(decoder):
    """`obfuscate` with the card's region given for every input, and a decoder that is warm already."""

    def run(source: Path, out: Path, **options):
        files = sorted(source.iterdir()) if source.is_dir() else [source]
        return obfuscate(source, out, regions=lists(*files), recheck=False, dilate=0.0, decoder=decoder, **options)

    return run


def planes(path: Path, decoder) -> list[list[np.ndarray]]:
    with decoder.open(path) as reader:
        return [frame.planes for frame in reader]


@pytest.mark.parametrize("sidecar", ["beside", "attach"])
def test_what_is_sealed_comes_back_bit_by_bit(sidecar, tmp_path, decoder, covered):
    source = picture(tmp_path / "a.png")
    report = covered(source, tmp_path / "b.png", method="seal", recipient=ALICE.recipient, sidecar=sidecar)
    side = report.items[0].sidecar
    assert side == (tmp_path / ("b.png.vseal" if sidecar == "beside" else "b.png"))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({"a.png", "b.png", side.name})
    unseal(tmp_path / "b.png", None, identity=ALICE, out=tmp_path / "c.png")
    assert all(np.array_equal(a, b) for a, b in zip(planes(source, decoder)[0], planes(tmp_path / "c.png", decoder)[0], strict=True))
    with pytest.raises(Withheld, match="does not open"):
        unseal(tmp_path / "b.png", None, identity=BOB, out=tmp_path / "d.png")


def test_a_sealed_clip_comes_back_where_it_was_covered(tmp_path, decoder, covered):
    source = several(tmp_path / "a.mkv", [CARD] * 5)
    report = covered(source, tmp_path / "b.mp4", method="seal", recipient=ALICE.recipient)
    assert stat.S_IMODE(report.items[0].sidecar.stat().st_mode) == 0o600
    assert all((frame[0][8:32, 16:32] < 40).all() for frame in planes(tmp_path / "b.mp4", decoder))
    unseal(tmp_path / "b.mp4", report.items[0].sidecar, identity=ALICE, out=tmp_path / "c.mkv")
    for before, after in zip(planes(source, decoder), planes(tmp_path / "c.mkv", decoder), strict=True):
        for i, (old, new) in enumerate(zip(before, after, strict=True)):
            part = np.s_[8:32, 16:32] if i == 0 else np.s_[4:16, 8:16]
            assert np.array_equal(old[part], new[part])


def test_what_an_earlier_pass_sealed_is_not_in_the_sidecar(tmp_path, decoder):
    """Two passes: the sidecar holds each region once, as the released file needs it."""
    source = picture(tmp_path / "a.png")
    wanted = Wanted(chosen("seal"), "seal", Covering(0.0), recipient=ALICE.recipient)
    (job,) = plan([str(source)], tmp_path / "b.png").jobs
    done = Run(wanted, ("face",), Cards(blind=1), ("cards",)).one(job, decoder)
    assert done.passes == 2
    assert unseal(job.target, None, identity=ALICE, out=tmp_path / "c.png").restored == 1
    assert all(np.array_equal(a, b) for a, b in zip(planes(source, decoder)[0], planes(tmp_path / "c.png", decoder)[0], strict=True))


def test_the_sidecar_of_another_file_is_not_replaced(tmp_path, covered):
    source = picture(tmp_path / "a.png")
    (tmp_path / "b.png.vseal").write_bytes(b"precious")
    with pytest.raises(BadSpec, match="already there"):
        covered(source, tmp_path / "b.png", method="seal", recipient=ALICE.recipient)
    assert (tmp_path / "b.png.vseal").read_bytes() == b"precious" and not (tmp_path / "b.png").exists()


def folder_of(path: Path, count: int = 3) -> Path:
    path.mkdir()
    for i in range(count):
        picture(path / f"{i}.png", seed=i)
    return path


def test_one_bad_file_does_not_stop_the_rest(tmp_path, covered):
    source = folder_of(tmp_path / "in")
    (source / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    report = covered(source, tmp_path / "out")
    assert [done.out.name for done in report.items] == ["0.png", "2.png"]
    assert [(failed.file.name, failed.error.exit_status) for failed in report.failed] == [("1.png", 5)]


def test_a_second_run_does_only_what_is_missing(tmp_path, covered):
    source = folder_of(tmp_path / "in")
    covered(source, tmp_path / "out")
    (tmp_path / "out" / "1.png").unlink()
    before = (tmp_path / "out" / "0.png").stat().st_mtime_ns
    report = covered(source, tmp_path / "out")
    assert [done.out.name for done in report.items] == ["1.png"] and [path.name for path in report.skipped] == ["0.png", "2.png"]
    assert (tmp_path / "out" / "0.png").stat().st_mtime_ns == before
    other = covered(source, tmp_path / "out", method="pixelate:2")
    assert len(other.failed) == 3 and all(failed.error.code == "files.exists" for failed in other.failed)
    assert len(covered(source, tmp_path / "out", method="pixelate:2", force=True).items) == 3


def test_the_only_file_raises_its_error(tmp_path, covered):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(BadInput):
        covered(tmp_path / "a.png", tmp_path / "b.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png"]


def test_sidecars_of_cameras_are_named_and_not_copied(tmp_path, decoder):
    source = folder_of(tmp_path / "in", 1)
    (source / "0.xmp").write_text("<person/>")
    report = obfuscate(source, tmp_path / "out", regions=lists(source / "0.png"), recheck=False, decoder=decoder)
    assert [path.name for path in report.left] == ["0.xmp"] and not (tmp_path / "out" / "0.xmp").exists()


def test_a_document_of_other_files_is_refused(tmp_path, decoder):
    source = picture(tmp_path / "a.png")
    with pytest.raises(BadSpec, match="none of the inputs"):
        obfuscate(source, tmp_path / "b.png", regions=lists(tmp_path / "c.png"), recheck=False, decoder=decoder)


def test_a_document_of_other_files_is_refused_also_where_the_output_is_searched_again(tmp_path, decoder):
    with pytest.raises(BadSpec, match=r"regions\.other-files"):
        obfuscate(picture(tmp_path / "a.png"), tmp_path / "b.png", regions=lists(tmp_path / "c.png"), decoder=decoder)


def test_a_document_of_another_size_is_refused(tmp_path, decoder):
    source = picture(tmp_path / "a.png")
    other = RegionsDocument("velatura/1", Result((Item(str(source), 65, 48, (ROW,)),)))
    with pytest.raises(BadSpec, match=r"64x48.*65x48.*regions\.other-size"):
        obfuscate(source, tmp_path / "b.png", regions=other, recheck=False, decoder=decoder)
    assert not (tmp_path / "b.png").exists()


def test_a_file_that_the_document_does_not_list_is_searched_and_named(tmp_path, decoder):
    (job,) = plan([picture(tmp_path / "a.png")], tmp_path / "b.png").jobs
    done = Run(Wanted(), ("face",), Cards(), ("cards",), lists(tmp_path / "c.png")).one(job, decoder)
    assert done.regions == 1 and any("a.png is not in the regions document" in sentence for sentence in done.warnings)


@pytest.mark.parametrize(
    ("out", "code"),
    [("", "files.no-name"), ("x.heic", "media.unknown-output"), ("x.xyz", "media.unknown-output"), ("x", "media.unknown-output")],
)
def test_a_bad_name_of_the_output_is_refused_before_the_input_is_opened(tmp_path, monkeypatch, out, code):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadSpec) as refused:
        obfuscate(tmp_path / "nowhere.png", out, regions=lists(tmp_path / "nowhere.png"), recheck=False)
    assert refused.value.code == code and refused.value.sentence.startswith(out)


def test_a_clip_that_is_to_become_a_picture_is_refused_by_its_real_name(tmp_path, covered):
    source = several(tmp_path / "a.mkv", [CARD] * 2)
    with pytest.raises(BadSpec, match=r"^b\.png: a clip does not fit"):
        covered(source, tmp_path / "b.png")


@pytest.mark.parametrize("review", ["a.png", "b.png"])
def test_the_review_sheet_is_neither_input_nor_output(review, tmp_path, covered):
    source = picture(tmp_path / "a.png")
    with pytest.raises(BadSpec):
        covered(source, tmp_path / "b.png", review=tmp_path / review, force=True)
    assert source.read_bytes()[:4] == b"\x89PNG"


def test_a_document_is_read_from_a_file_too(tmp_path, decoder):
    from velatura.specs import dump_json

    source = picture(tmp_path / "a.png")
    (tmp_path / "r.json").write_bytes(dump_json(document(source, [ROW])))
    report = obfuscate(str(source), str(tmp_path / "b.png"), regions=str(tmp_path / "r.json"), recheck=False, decoder=decoder)
    assert report.items[0].regions == 1


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"method": "fil"}, "plugins.unknown"),
        ({"method": "seal"}, "obfuscate.recipient"),
        ({"recipient": ALICE.recipient}, "obfuscate.recipient"),
        ({"policy": "ajar"}, "obfuscate.policy"),
        ({"every": 0}, "obfuscate.every"),
        ({"audio": "copy"}, "obfuscate.audio"),
        ({"sidecar": "inside"}, "obfuscate.sidecar"),
        ({"targets": ["faec"], "recheck": True}, "detect.target"),
        ({"targets": [], "recheck": True}, "detect.target"),
        ({"dilate": -1}, "obfuscate.dilate"),
        ({"shape": "round"}, "obfuscate.shape"),
        ({"expand": "body"}, "obfuscate.expand"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_opened(options, code, tmp_path):
    source = picture(tmp_path / "a.png")
    with pytest.raises(BadSpec) as refused:
        obfuscate(source, tmp_path / "b.png", regions=lists(source), **{"recheck": False} | options)
    assert refused.value.code == code and refused.value.hint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png"]


def test_where_no_name_of_a_format_is_known_nothing_is_left(tmp_path, covered):
    source = picture(tmp_path / "a.png")
    with pytest.raises(VelaturaError):
        covered(source, tmp_path / "b.xyz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png"]


def test_the_same_entropy_gives_the_same_noise_and_other_entropy_another(tmp_path, decoder, covered):
    source = picture(tmp_path / "a.png")
    seen = []
    for i, seed in enumerate((1, 1, 2)):
        rng = np.random.default_rng(seed)
        covered(source, tmp_path / f"{i}.png", method="dp-pixelate:cells=4,m=roi,epsilon=1", entropy=rng.bytes)
        seen.append((tmp_path / f"{i}.png").read_bytes())
    assert seen[0] == seen[1] != seen[2]


def test_the_options_of_a_run_are_told_apart_in_words():
    plain = Wanted()
    others = [replace(plain, named="seal", recipient=ALICE.recipient), replace(plain, every=2), replace(plain, covering=Covering(0.1))]
    assert len({wanted.in_words() for wanted in (plain, *others)}) == 4
    assert RGB.colour == "rgb"
