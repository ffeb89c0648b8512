from __future__ import annotations

import os
from pathlib import Path

import pytest

from velatura.errors import BadInput, BadSpec
from velatura.media.batch import Job, plan
from velatura.media.done import Done


@pytest.fixture
def street(tmp_path: Path) -> Path:
    folder = tmp_path / "street"
    (folder / "deeper").mkdir(parents=True)
    for name in ("a.jpg", "b.PNG", "c.heic", "d.avi", "d.xmp", "a.jpg.xmp", "z.LRV", "notes.txt", ".hidden.jpg", "deeper/e.jpg"):
        (folder / name).write_bytes(b"x")
    return folder


def names(jobs: tuple[Job, ...]) -> dict[str, str]:
    return {job.source.name: job.target.name for job in jobs}


def test_one_file_goes_to_one_file(street: Path, tmp_path: Path) -> None:
    batch = plan([street / "a.jpg"], tmp_path / "out.png")
    assert batch.jobs == (Job(street / "a.jpg", tmp_path / "out.png"),) and batch.folder is None
    assert [path.name for path in batch.left] == ["a.jpg.xmp"]


def test_one_file_goes_into_a_folder_that_is_there(street: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert plan([street / "a.jpg"], tmp_path / "out").jobs[0].target == tmp_path / "out" / "a.jpg"


def test_a_folder_stands_for_its_pictures_and_clips_and_names_what_is_left(street: Path, tmp_path: Path) -> None:
    batch = plan([street], tmp_path / "out")
    assert names(batch.jobs) == {"a.jpg": "a.jpg", "b.PNG": "b.PNG", "c.heic": "c.jpg", "d.avi": "d.mp4"}
    assert {path.name for path in batch.left} == {"d.xmp", "a.jpg.xmp", "z.LRV", "notes.txt", "deeper", ".hidden.jpg"}
    assert (tmp_path / "out").is_dir()


def test_a_pattern_reaches_deeper(street: Path, tmp_path: Path) -> None:
    batch = plan([f"{street}/**/*.jpg"], tmp_path / "out")
    assert {job.source.name for job in batch.jobs} == {"a.jpg", "e.jpg"}


def test_a_pattern_that_goes_into_folders_does_not_call_them_left(street: Path, tmp_path: Path) -> None:
    batch = plan([f"{street}/**"], tmp_path / "out")
    assert {job.source.name for job in batch.jobs} == {"a.jpg", "b.PNG", "c.heic", "d.avi", "e.jpg"}
    assert not any(path.is_dir() for path in batch.left)


def test_a_name_that_had_to_change_gives_way_to_one_that_had_not(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("IMG_1.HEIC", "img_1.jpg", "IMG_2.HEIC", "b.heic", "b.heif", "c.avi", "c.mp4"):
        (tmp_path / "in" / name).write_bytes(b"x")
    assert names(plan([tmp_path / "in"], tmp_path / "out").jobs) == {
        "IMG_1.HEIC": "IMG_1.HEIC.jpg",
        "img_1.jpg": "img_1.jpg",
        "IMG_2.HEIC": "IMG_2.jpg",
        "b.heic": "b.heic.jpg",
        "b.heif": "b.heif.jpg",
        "c.avi": "c.avi.mp4",
        "c.mp4": "c.mp4",
    }
    (tmp_path / "in" / "img_1.heic.JPG").write_bytes(b"x")
    with pytest.raises(BadSpec, match="both become"):
        plan([tmp_path / "in"], tmp_path / "out")


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a[1].jpg").write_bytes(b"x")
    assert plan([tmp_path / "a[1].jpg"], tmp_path / "o.jpg").jobs[0].source.name == "a[1].jpg"


def test_an_input_named_twice_is_treated_once(street: Path, tmp_path: Path) -> None:
    (street / "link.jpg").symlink_to(street / "a.jpg")
    assert len(plan([street / "a.jpg", f"{street}/a.*g", street / "link.jpg"], tmp_path / "out").jobs) == 1


@pytest.mark.parametrize(("one", "other"), [("p.heic", "P.HEIC"), ("p.jpg", "P.JPG"), ("caf\u00e9.jpg", "cafe\u0301.jpg")])
def test_two_inputs_that_would_share_an_output_are_refused(tmp_path: Path, one: str, other: str) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "y").mkdir()
    (tmp_path / "x" / one).write_bytes(b"1")
    (tmp_path / "y" / other).write_bytes(b"2")
    with pytest.raises(BadSpec, match="both become") as caught:
        plan([tmp_path / "x" / one, tmp_path / "y" / other], tmp_path / "out")
    assert caught.value.code == "media.same-output"


def test_an_output_that_is_an_input_is_refused(street: Path, tmp_path: Path) -> None:
    with pytest.raises(BadSpec) as caught:
        plan([street], street)
    assert caught.value.code == "files.same"
    (street / "c.heic").unlink()
    (tmp_path / "c.heic").write_bytes(b"x")
    (street / "c.jpg").write_bytes(b"y")
    with pytest.raises(BadSpec) as caught:
        plan([tmp_path / "c.heic", tmp_path / "street"], tmp_path / "street")
    assert caught.value.code in ("files.same", "media.same-output")
    (tmp_path / "way").symlink_to(street)
    with pytest.raises(BadSpec) as caught:
        plan([street / "a.jpg"], tmp_path / "way" / "a.jpg")
    assert caught.value.code == "files.same"


@pytest.mark.parametrize(
    ("inputs", "out", "error", "code"),
    [
        (["street/*.tif"], "out", BadInput, "media.missing"),
        (["street/deeper/none"], "gone/out", None, ""),
        (["street"], "gone/out", BadSpec, "files.no-folder"),
        (["street"], "out.jpg", BadSpec, "media.out-not-folder"),
        (["street"], "street/a.jpg", BadSpec, "media.out-not-folder"),
        ([], "out", BadSpec, "media.no-input"),
        ([""], "out", BadSpec, "media.no-input"),
        (["street", ""], "out", BadSpec, "media.no-input"),
    ],
)
def test_what_cannot_be_paired_is_refused(
    street: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: list[str], out: str, error: type | None, code: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if error is None:  # that a single file is missing is for its reader to say
        assert plan(inputs, Path(out)).jobs[0].target == Path(out)
        return
    with pytest.raises(error) as caught:
        plan(inputs, Path(out))
    assert caught.value.code == code and caught.value.hint


def test_a_folder_without_media_is_refused(tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "a.txt").write_bytes(b"x")
    with pytest.raises(BadInput) as caught:
        plan([tmp_path / "papers"], tmp_path / "out")
    assert caught.value.code == "media.no-media"


def test_names_that_no_terminal_likes_are_paired(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in (b"-o.jpg", b"a\nb.jpg", b"\xff\xfe.jpg"):
        Path(os.fsdecode(bytes(folder) + b"/" + name)).write_bytes(b"x")
    batch = plan([folder], tmp_path / "out")
    assert len(batch.jobs) == 3
    done = Done(tmp_path / "out", "fill")
    for job in batch.jobs:
        job.target.write_bytes(b"y")
        done.add(job)
    assert all(Done(tmp_path / "out", "fill").has(job) for job in batch.jobs)


def test_a_second_run_knows_what_is_done_until_something_changes(street: Path, tmp_path: Path) -> None:
    jobs = plan([street], tmp_path / "out").jobs
    done = Done(tmp_path / "out", "fill")
    assert not any(done.has(job) for job in jobs)
    for job in jobs[:3]:
        job.target.write_bytes(b"out of " + job.source.name.encode())
        done.add(job)
    jobs[3].target.write_bytes(b"somebody else's")
    again = Done(tmp_path / "out", "fill")
    assert [again.has(job) for job in jobs] == [True, True, True, False]
    assert not any(Done(tmp_path / "out", "pixelate:8").has(job) for job in jobs)
    jobs[0].source.write_bytes(b"another picture")
    jobs[1].target.write_bytes(b"touched")
    jobs[2].target.unlink()
    assert not any(Done(tmp_path / "out", "fill").has(job) for job in jobs)


def test_a_line_that_was_cut_off_costs_no_other(street: Path, tmp_path: Path) -> None:
    jobs = plan([street], tmp_path / "out").jobs
    record = tmp_path / "out" / ".velatura-done.jsonl"
    for job in jobs:
        job.target.write_bytes(b"x")
    Done(tmp_path / "out", "fill").add(jobs[0])
    record.write_bytes(record.read_bytes() + b'\n{"output":"b.PNG","si')
    Done(tmp_path / "out", "fill").add(jobs[2])
    again = Done(tmp_path / "out", "fill")
    assert again.has(jobs[0]) and not again.has(jobs[1]) and again.has(jobs[2])
    assert b"street" not in record.read_bytes() and record.stat().st_mode & 0o077 == 0
