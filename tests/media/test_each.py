"""A run over a batch: one bad file does not stop the others, the only one does, and nothing is done twice."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from velatura.errors import BadInput, VelaturaError
from velatura.media.batch import Batch, Job
from velatura.media.each import Report, each, once, working_on
from velatura.progress import SILENT


def batch(folder: Path, *names: str) -> Batch:
    (folder / "out").mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"in")
    return Batch(tuple(Job(folder / name, folder / "out" / name) for name in names), folder / "out", (folder / "a.xmp",))


def run(of: Batch, *, options: str = "o", force: bool = False) -> Report[str]:
    def treat(job: Job) -> str:
        if job.source.name.startswith("bad"):
            raise BadInput("media.truncated", "cut")
        job.target.write_bytes(b"out")
        return job.source.name

    return each(of, treat, options=options, force=force, progress=SILENT)


def test_one_bad_file_does_not_stop_the_rest(tmp_path: Path) -> None:
    told = run(batch(tmp_path, "a.png", "bad.png", "c.png"))
    assert told.items == ("a.png", "c.png") and told.left == (tmp_path / "a.xmp",)
    assert [(one.file.name, one.error.code) for one in told.failed] == [("bad.png", "media.truncated")]


def test_the_only_one_that_fails_fails_the_run(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        run(batch(tmp_path, "bad.png"))


def test_a_second_run_does_what_is_missing_and_another_option_or_force_does_all(tmp_path: Path) -> None:
    of = batch(tmp_path, "a.png", "c.png")
    run(of)
    (tmp_path / "out" / "c.png").unlink()
    again = run(of)
    assert (again.items, again.skipped) == (("c.png",), (tmp_path / "out" / "a.png",))
    assert run(of, options="p").items == run(of, options="p", force=True).items == ("a.png", "c.png")


def test_a_disk_that_fails_is_told_with_the_file_s_name() -> None:
    with pytest.raises(VelaturaError, match=r"a\.png: No space left on device \[files\.io\]"), working_on(Path("a.png"), SILENT):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_sentence_is_kept_once() -> None:
    said: list[str] = []
    for sentence in ("a", "b", "a"):
        once(said)(sentence)
    assert said == ["a", "b"]
