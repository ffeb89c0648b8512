"""One file, pass after pass: silent at once, wider until it is silent, covered, or withheld; and what is told of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.removal import scenes
from tests.removal.clothes import SCORES
from tests.removal.judging import judged, read, upright

from velatura.compose.removal_fallback import fallback
from velatura.detect.detection import Search
from velatura.detect.region import Region, Scores
from velatura.errors import BadSpec, Missing, VelaturaError, Withheld
from velatura.media.batch import Job, plan
from velatura.media.frame import Frame
from velatura.media.source import Decoder
from velatura.progress import SILENT
from velatura.removal.passes import MOST_ROUNDS
from velatura.removal.report import Removed
from velatura.removal.run import Run
from velatura.removal.targets import Targets
from velatura.removal.wanted import Wanted

PLACE = (60.0, 20.0, 90.0, 80.0)


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder() as warm:
        yield warm


class Ghost:
    """A detector that sees somebody who walks through `PLACE`, in the passes over a file that `when` says: 0 is the survey, 1 the first check."""

    names = ("ghost",)

    def __init__(self, when: Callable[[int], bool]) -> None:
        self._when, self._pass, self._last = when, -1, 10**9

    @property
    def scores(self) -> Mapping[str, Scores]:
        return {"person": SCORES}

    def __call__(self, frame: Frame, *, low: bool) -> Sequence[Region]:
        if not low:  # a background
            return []
        self._pass += frame.index <= self._last
        self._last = frame.index
        x0, y0, x1, y1 = PLACE
        box = (x0 + 2 * frame.index, y0, x1 + 2 * frame.index, y1)
        return [Region(box, "person", 0.95, float(frame.time))] if self._when(self._pass) else []


def run(folder: Path, made: scenes.Made, decoder: Decoder, search: Search | None, covering: str = "fill", **more: object) -> Removed:
    wanted = Wanted(Targets(("person",), motion=True), fallback(covering), covering, preset="ultrafast", **more)  # type: ignore[arg-type]
    return Run(wanted, search, getattr(search, "names", ())).one(Job(made.path, folder / "out.mp4"), decoder)


def test_a_silent_check_ends_it(tmp_path: Path, decoder: Decoder) -> None:
    made = scenes.walker(tmp_path, frames=16)
    done = run(tmp_path, made, decoder, Ghost(lambda _: False))
    assert (done.rounds, done.shows, done.rechecked, done.detectors) == (1, (), True, ("ghost",))
    assert judged(made, done.out, decoder).leak == 0


def test_what_the_check_finds_is_painted_again_more_widely(tmp_path: Path, decoder: Decoder) -> None:
    made = scenes.walker(tmp_path, frames=16)
    plain = run(tmp_path, made, decoder, None)
    plain.out.unlink()
    done = run(tmp_path, made, decoder, Ghost(lambda number: number == 1))
    assert done.rounds == 2 and done.shows == () and done.mask_share > plain.mask_share + 0.05
    assert not any("places still showed" in sentence for sentence in done.warnings)


def test_what_three_wider_rounds_do_not_end_is_covered_and_told(tmp_path: Path, decoder: Decoder) -> None:
    made = scenes.walker(tmp_path, frames=16)
    done = run(tmp_path, made, decoder, Ghost(lambda number: number >= 1))
    assert done.rounds == MOST_ROUNDS + 1 and done.covered == 16 and {one.label for one in done.shows} == {"person"}
    assert "places still showed something after 4 rounds, and were covered" in done.warnings[0]
    for index, frame in enumerate(read(done.out, decoder)):
        assert upright(frame)[25:75, 65 + 2 * index : 85 + 2 * index].max() < 20


def test_what_is_not_to_be_covered_is_withheld_and_leaves_nothing(tmp_path: Path, decoder: Decoder) -> None:
    made = scenes.walker(tmp_path, frames=16)
    with pytest.raises(Withheld) as refused:
        run(tmp_path, made, decoder, Ghost(lambda _: True), "fail", masks_out=tmp_path / "masks")
    assert refused.value.code == "remove.in-doubt"
    assert [path.name for path in tmp_path.iterdir()] == ["walker.mp4"]


def test_what_shows_beside_all_that_was_covered_is_withheld(tmp_path: Path, decoder: Decoder) -> None:
    class Elsewhere(Ghost):
        def __call__(self, frame: Frame, *, low: bool) -> Sequence[Region]:
            found = super().__call__(frame, low=low)
            return [Region((2.0, 2.0, 30.0, 60.0), "person", 0.95)] if found and self._pass == MOST_ROUNDS + 1 else found

    made = scenes.walker(tmp_path, frames=16)
    with pytest.raises(Withheld) as refused:
        run(tmp_path, made, decoder, Elsewhere(lambda number: number >= 1))
    assert refused.value.code == "remove.residual" and "a person" not in str(refused.value) and "the first person at" in str(refused.value)
    assert not (tmp_path / "out.mp4").exists()


def test_without_the_check_that_is_told(tmp_path: Path, decoder: Decoder) -> None:
    done = run(tmp_path, scenes.walker(tmp_path, frames=16), decoder, Ghost(lambda _: True), recheck=False)
    assert not done.rechecked and done.rounds == 1 and any("was not searched again" in sentence for sentence in done.warnings)


def test_masks_of_the_last_round_are_those_that_are_written(tmp_path: Path, decoder: Decoder) -> None:
    made = scenes.rotated(tmp_path, frames=16)
    done = run(tmp_path, made, decoder, None, masks_out=tmp_path / "masks")
    written = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in sorted((tmp_path / "masks").iterdir())]
    assert len(written) == 16 and all(mask.shape == made.masks[0].shape for mask in written)
    assert np.mean([mask.mean() / 255 for mask in written]) == pytest.approx(done.mask_share, abs=1e-6)
    assert not any((there & (mask == 0)).any() for there, mask in zip(made.masks, written, strict=True))


@pytest.mark.parametrize(
    ("option", "error", "code"),
    [
        ({"camera": "moving"}, Missing, "remove.no-detector"),
        ({"from_s": 50.0}, BadSpec, "remove.span"),
        ({"masks_out": Path("/proc/version/masks")}, BadSpec, "remove.masks-out"),
    ],
)
def test_what_fails_leaves_nothing(option: dict[str, object], error: type[VelaturaError], code: str, tmp_path: Path, decoder: Decoder) -> None:
    made = scenes.walker(tmp_path, frames=8)
    with pytest.raises(error) as refused:
        run(tmp_path, made, decoder, None, **option)
    assert refused.value.code == code and [path.name for path in tmp_path.iterdir()] == ["walker.mp4"]


def test_the_only_file_raises_and_one_of_several_is_a_failure(tmp_path: Path, decoder: Decoder) -> None:
    (tmp_path / "in").mkdir()
    made = scenes.walker(tmp_path / "in", frames=8)
    bad = tmp_path / "in" / "bad.mp4"
    bad.write_bytes(b"\0\0\0\x18ftypmp42")
    many = Run(Wanted(Targets((), motion=True), fallback("fill")), None)
    report = many.each(plan([str(tmp_path / "in")], tmp_path / "out"), decoder, progress=SILENT)
    assert [done.file for done in report.items] == [made.path] and [failed.file for failed in report.failed] == [bad]
    again = many.each(plan([str(made.path), str(bad)], tmp_path / "out"), decoder)
    assert again.skipped == (tmp_path / "out" / "walker.mp4",) and len(again.failed) == 1
    with pytest.raises(VelaturaError):
        many.each(plan([str(bad)], tmp_path / "one.mp4"), decoder)
