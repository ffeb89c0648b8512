"""From file to file through the function: easy and hard scenes against their truth; what cannot be done well is covered, or refused, and said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.removal import scenes
from tests.removal.clothes import Clothes
from tests.removal.drawing import wall
from tests.removal.judging import judged, read, upright

from velatura.compose.remove import remove
from velatura.detect.finder import Finder
from velatura.errors import BadInput, BadSpec, Missing, Withheld
from velatura.media.each import Report
from velatura.media.source import Decoder
from velatura.models.store import ModelStore
from velatura.removal.report import Removed

Remove = Callable[..., Report[Removed]]

STANDING = ("walker", "arrival", "stopping", "drift", "flicker", "cut", "uneven", "rotated", "odd", "ten_bit")


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder() as warm:
        yield warm


@pytest.fixture
def bare(tmp_path: Path, decoder: Decoder) -> Remove:
    """`remove` where no detector is."""

    def run(source: Path, out: Path, **options: object) -> Report[Removed]:
        return remove(source, out, store=ModelStore(tmp_path / "no-models"), decoder=decoder, **options)  # type: ignore[arg-type]

    return run


@pytest.fixture
def seeing(monkeypatch: pytest.MonkeyPatch, bare: Remove) -> Remove:
    """`remove` with a detector of drawn people."""
    monkeypatch.setattr(Finder, "choose", lambda *_, **__: Clothes())
    return bare


def only(report: Report[Removed]) -> Removed:
    (done,) = report.items
    return done


def masks(folder: Path, made: scenes.Made, *, grow: int = 9) -> Path:
    """What a person would draw: a picture a frame."""
    folder.mkdir()
    for index, mask in enumerate(made.masks):
        cv2.imwrite(str(folder / f"{index:06d}.png"), cv2.dilate(mask.astype(np.uint8) * 255, np.ones((grow, grow), np.uint8)))
    return folder


def picture(path: Path, values: np.ndarray) -> Path:
    cv2.imwrite(str(path), values)
    return path


@pytest.mark.parametrize("name", STANDING)
def test_what_moves_before_a_camera_that_stands_goes_and_the_rest_stays(name: str, tmp_path: Path, bare: Remove, decoder: Decoder) -> None:
    made = getattr(scenes, name)(tmp_path, frames=30)
    done = only(bare(made.path, tmp_path / f"out{made.path.suffix}"))
    seen = judged(made, done.out, decoder)
    assert seen.leak == 0 and seen.changed < 0.001 and seen.black == 0
    assert (done.covered, done.shows, done.rechecked) == (0, (), True)
    assert done.mask_share < 1.8 * np.mean([mask.mean() for mask in made.masks])
    assert any("motion alone says what goes" in sentence for sentence in done.warnings)


@pytest.mark.parametrize(("name", "most"), [("waving", 0.1), ("grey", 0.1), ("fade", 0.0)])
def test_a_harder_scene_leaks_little_and_what_is_covered_is_told(name: str, most: float, tmp_path: Path, bare: Remove, decoder: Decoder) -> None:
    made = getattr(scenes, name)(tmp_path)
    done = only(bare(made.path, tmp_path / f"out{made.path.suffix}"))
    assert judged(made, done.out, decoder).leak <= most
    assert (done.covered > 0) == any("in doubt" in sentence for sentence in done.warnings)


def test_where_nothing_moves_nothing_changes_and_that_is_said(tmp_path: Path, bare: Remove, decoder: Decoder) -> None:
    made = scenes.empty(tmp_path)
    done = only(bare(made.path, tmp_path / "out.mp4"))
    assert done.touched == 0 and judged(made, done.out, decoder).changed == 0
    assert "nothing was found to take out: look at it before you release it" in done.warnings


def test_somebody_who_is_found_and_never_moves_is_covered_and_told(tmp_path: Path, seeing: Remove, decoder: Decoder) -> None:
    made = scenes.stander(tmp_path, frames=20)
    done = only(seeing(made.path, tmp_path / "out.mp4"))
    assert judged(made, done.out, decoder).leak == 0
    assert done.covered == done.frames and any("in doubt what lies behind" in sentence for sentence in done.warnings)
    with pytest.raises(Withheld):
        seeing(made.path, tmp_path / "never.mp4", fallback="fail")
    assert not (tmp_path / "never.mp4").exists()


@pytest.mark.parametrize("name", ["walker", "rotated"])
def test_what_a_detector_finds_goes_and_the_check_is_silent(name: str, tmp_path: Path, seeing: Remove, decoder: Decoder) -> None:
    made = getattr(scenes, name)(tmp_path)
    done = only(seeing(made.path, tmp_path / f"out{made.path.suffix}", targets=["person"]))
    assert judged(made, done.out, decoder).leak <= 0.02
    assert done.detectors == ("clothes",) and done.thresholds == {"person": pytest.approx(0.225, abs=0.15)}
    assert {gone.label for gone in done.gone} == {"person"} and done.shows == ()


def test_a_photo_is_filled_where_a_detector_finds_somebody(tmp_path: Path, seeing: Remove, decoder: Decoder) -> None:
    photo = scenes.photo(tmp_path)
    done = only(seeing(photo.path, tmp_path / "out.png"))
    (before,), (after,) = read(photo.path, decoder), read(done.out, decoder)
    assert len(Clothes()(before, low=False)) == 1 and not Clothes()(after, low=True)
    assert (done.invented, done.covered, done.touched) == (1, 0, 1)
    apart = cv2.absdiff(upright(before), upright(after))
    assert apart[:, :30].max() == 0 and apart[photo.masks[0]].mean() > 20


def test_a_crowd_over_half_the_picture_never_passes_quietly(tmp_path: Path, bare: Remove, seeing: Remove, decoder: Decoder) -> None:
    made = scenes.crowd(tmp_path)
    try:
        done = only(bare(made.path, tmp_path / "out.mp4", camera="static"))
    except Withheld as refused:
        assert refused.code == "remove.nothing-left" and not (tmp_path / "out.mp4").exists()
    else:
        assert judged(made, done.out, decoder).leak < 0.5 and done.covered == done.frames


def test_only_the_picked_one_of_two_goes(tmp_path: Path, seeing: Remove, decoder: Decoder) -> None:
    near = scenes.Person(-0.1, 0.6, height=0.5, feet=0.95)
    far = scenes.Person(1.1, 0.35, height=0.35, feet=0.4)
    both = scenes.walker(tmp_path, people=(near, far))
    x, y = _middle(scenes.mask(scenes.Scene(people=(near,)), 20))
    done = only(seeing(both.path, tmp_path / "out.mp4", pick=(20 / 25, x, y)))
    gone = replace(both, masks=[scenes.mask(scenes.Scene(people=(near,)), index) for index in range(40)])
    stays = replace(both, masks=[scenes.mask(scenes.Scene(people=(far,)), index) for index in range(40)])
    assert len(done.gone) == 1
    assert judged(gone, done.out, decoder).leak < 0.1 < 0.5 < judged(stays, done.out, decoder).leak


def test_whoever_walks_beside_the_picked_one_stays(tmp_path: Path, seeing: Remove, decoder: Decoder) -> None:
    """His motion touches the other's, and he walks through the other's shadow band."""
    picked, beside = scenes.Person(-0.1, 0.8, height=0.55, feet=0.95), scenes.Person(0.15, 1.05, height=0.5, feet=0.93)
    both = scenes.walker(tmp_path, people=(picked, beside))
    goes, stays = ([scenes.mask(scenes.Scene(people=(one,)), index) for index in range(40)] for one in (picked, beside))
    x, y = _middle(goes[8])
    done = only(seeing(both.path, tmp_path / "out.mp4", pick=(8 / 25, x, y)))
    assert judged(replace(both, masks=goes), done.out, decoder).leak < 0.1
    for before, after, mask, other in zip(read(both.path, decoder), read(done.out, decoder), stays, goes, strict=True):
        alone = mask & ~cv2.dilate(other.view(np.uint8), np.ones((5, 5), np.uint8)).astype(np.bool_)
        if alone.sum() > 20:
            assert (cv2.absdiff(upright(before), upright(after))[alone] > 24).mean() < 0.05


def _middle(mask: np.ndarray) -> tuple[float, float]:
    y, x = np.nonzero(mask)
    return float(x.mean()), float(y.mean())


def test_a_pick_of_nothing_names_what_is_there(tmp_path: Path, seeing: Remove) -> None:
    made = scenes.walker(tmp_path)
    with pytest.raises(BadSpec) as refused:
        seeing(made.path, tmp_path / "out.mp4", pick=(0.8, 5, 5))
    assert refused.value.code == "remove.pick" and "person at (" in (refused.value.hint or "")


def test_a_pick_needs_a_detector(tmp_path: Path, bare: Remove) -> None:
    made = scenes.walker(tmp_path, frames=6)
    with pytest.raises(Missing, match="none is here"):
        bare(made.path, tmp_path / "out.mp4", pick=(0.1, 5, 5))
    with pytest.raises(BadSpec, match="names nothing for one"):
        bare(made.path, tmp_path / "out.mp4", pick=(0.1, 5, 5), targets=["motion"])


def test_whole_objects_are_searched_for_with_their_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare: Remove) -> None:
    asked: list[tuple[str, ...]] = []

    def choose(labels: tuple[str, ...], **_: object) -> Clothes:
        asked.append(tuple(labels))
        return Clothes()

    monkeypatch.setattr(Finder, "choose", choose)
    made = scenes.photo(tmp_path)
    for whole in (False, True):
        bare(made.path, tmp_path / f"{whole}.png", targets=["plate", "face"], whole_object=whole)
    assert asked == [("plate", "face"), ("plate", "face", "vehicle", "person")]


def test_a_named_target_without_its_detector_is_refused(tmp_path: Path, bare: Remove) -> None:
    made = scenes.walker(tmp_path, frames=6)
    with pytest.raises(Missing) as refused:
        bare(made.path, tmp_path / "out.mp4", targets=["motion", "person"])
    assert refused.value.code == "models.none" and refused.value.exit_status == 4


@pytest.mark.parametrize("how", ["folder", "clip"])
def test_masks_that_a_person_gave(how: str, tmp_path: Path, bare: Remove, decoder: Decoder) -> None:
    made = scenes.walker(tmp_path, frames=24)
    given = masks(tmp_path / "masks", made)
    if how == "clip":
        given = _clip(tmp_path / "masks.mp4", [cv2.imread(str(path)) for path in sorted(given.iterdir())])
    done = only(bare(made.path, tmp_path / "out.mp4", mask=given))
    seen = judged(made, done.out, decoder)
    assert seen.leak == 0 and seen.changed < 0.001 and done.covered == 0


def _clip(path: Path, pictures: list[np.ndarray]) -> Path:
    """RGB pictures, as a clip."""
    scene = scenes.Scene(frames=len(pictures), size=pictures[0].shape[1::-1], people=(), noise=0.0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(scenes, "clean", lambda _, index: pictures[index].astype(np.float32))
        return scenes.make(path, scene).path


def test_what_one_mask_hides_in_all_frames_is_never_seen_and_so_covered(tmp_path: Path, bare: Remove, decoder: Decoder) -> None:
    made = scenes.stander(tmp_path, frames=12)
    done = only(bare(made.path, tmp_path / "out.mp4", mask=masks(tmp_path / "masks", made) / "000000.png"))
    assert judged(made, done.out, decoder).leak == 0 and done.covered == 12


def test_masks_out_of_one_run_are_masks_in_of_the_next(tmp_path: Path, bare: Remove, decoder: Decoder) -> None:
    made = scenes.walker(tmp_path, frames=20)
    bare(made.path, tmp_path / "one.mp4", masks_out=tmp_path / "masks")
    bare(made.path, tmp_path / "two.mp4", mask=tmp_path / "masks", masks_out=tmp_path / "again")
    names = sorted(path.name for path in (tmp_path / "masks").iterdir())
    assert len(names) == 20
    assert all((tmp_path / "masks" / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in names)
    for one, two in zip(read(tmp_path / "one.mp4", decoder), read(tmp_path / "two.mp4", decoder), strict=True):
        assert cv2.absdiff(upright(one), upright(two)).mean() < 1


def test_an_empty_mask_leaves_everything_and_says_so(tmp_path: Path, bare: Remove, decoder: Decoder) -> None:
    photo = scenes.photo(tmp_path)
    done = only(bare(photo.path, tmp_path / "out.png", mask=picture(tmp_path / "mask.png", np.zeros((120, 160), np.uint8))))
    (before,), (after,) = read(photo.path, decoder), read(done.out, decoder)
    assert all(map(np.array_equal, before.planes, after.planes))
    assert done.touched == 0 and any("nothing was found to take out" in sentence for sentence in done.warnings)


@pytest.mark.parametrize("fallback", ["fill", "blur"])
def test_a_picture_of_which_nothing_would_be_left_is_withheld(fallback: str, tmp_path: Path, bare: Remove) -> None:
    photo = scenes.photo(tmp_path)
    with pytest.raises(Withheld, match="100% of all there is to see") as refused:
        bare(photo.path, tmp_path / "out.png", mask=picture(tmp_path / "mask.png", np.full((120, 160), 255, np.uint8)), fallback=fallback)
    assert refused.value.code == "remove.nothing-left" and "velatura obfuscate" in refused.value.hint
    assert not (tmp_path / "out.png").exists()


def test_a_frame_that_is_masked_all_over_shows_what_other_frames_show_or_is_covered(tmp_path: Path, bare: Remove, decoder: Decoder) -> None:
    made = scenes.walker(tmp_path, frames=24)
    given = masks(tmp_path / "masks", made)
    picture(given / "000012.png", np.full((120, 160), 255, np.uint8))
    done = only(bare(made.path, tmp_path / "out.mp4", mask=given))
    assert judged(made, done.out, decoder).leak == 0 and done.mask_most == 1


@pytest.mark.parametrize(
    ("size", "count", "code"), [((100, 160), 12, "remove.mask-size"), ((120, 160), 11, "remove.mask-count"), ((120, 160), 13, "remove.mask-count")]
)
def test_masks_of_another_clip_are_refused_with_both_numbers(size: tuple[int, int], count: int, code: str, tmp_path: Path, bare: Remove) -> None:
    made = scenes.walker(tmp_path, frames=12)
    folder = tmp_path / "masks"
    folder.mkdir()
    for index in range(count):
        picture(folder / f"{index:06d}.png", np.zeros(size, np.uint8))
    with pytest.raises(BadInput) as refused:
        bare(made.path, tmp_path / "out.mp4", mask=folder)
    numbers = ("160x100", "160x120") if code == "remove.mask-size" else (f"{count} masks", "12 frames")
    assert refused.value.code == code and all(number in str(refused.value) for number in numbers)
    assert not (tmp_path / "out.mp4").exists()


def test_only_frames_between_from_and_to_change(tmp_path: Path, bare: Remove, decoder: Decoder) -> None:
    made = scenes.walker(tmp_path)
    done = only(bare(made.path, tmp_path / "out.mp4", from_s=0.4, to_s=1.0))
    assert done.touched == 15
    inside = replace(made, masks=[mask if 10 <= index < 25 else np.zeros_like(mask) for index, mask in enumerate(made.masks)])
    outside = replace(made, masks=[mask if not 10 <= index < 25 else np.zeros_like(mask) for index, mask in enumerate(made.masks)])
    assert judged(inside, done.out, decoder).leak == 0 and judged(outside, done.out, decoder).leak > 0.8


@pytest.mark.parametrize("fallback", ["fill", "blur", "fail"])
def test_what_is_in_doubt_goes_to_the_fallback(fallback: str, tmp_path: Path, bare: Remove, decoder: Decoder) -> None:
    made = scenes.stander(tmp_path, frames=12)
    given, out = masks(tmp_path / "masks", made), tmp_path / "out.mp4"
    if fallback == "fail":
        with pytest.raises(Withheld) as refused:
            bare(made.path, out, mask=given, fallback=fallback)
        assert refused.value.exit_status == 3 and not out.exists()
        return
    done = only(bare(made.path, out, mask=given, fallback=fallback))
    assert done.covered == 12 and any(f"is covered ({fallback})" in sentence for sentence in done.warnings)
    assert (judged(made, out, decoder).black > 0.05) == (fallback == "fill")


def test_too_few_frames_and_no_detector_is_refused_and_a_short_shot_is_covered(tmp_path: Path, bare: Remove, decoder: Decoder) -> None:
    with pytest.raises(Missing) as refused:
        bare(scenes.few(tmp_path).path, tmp_path / "out.mp4")
    assert refused.value.code == "remove.no-detector"
    made = scenes.cut(tmp_path, cut=0.9)  # four frames of another place at the end
    done = only(bare(made.path, tmp_path / "out.mp4"))
    assert judged(made, done.out, decoder).leak == 0 and [shot.camera for shot in done.shots] == ["standing", "short"]
    assert done.covered == 4 and any("1 shot of fewer than 5 frames" in sentence for sentence in done.warnings)


def test_few_frames_with_masks_are_filled_each_by_itself(tmp_path: Path, bare: Remove, decoder: Decoder) -> None:
    made = scenes.few(tmp_path, people=(scenes.Person(0.4, 0.5),))
    done = only(bare(made.path, tmp_path / "out.mp4", mask=masks(tmp_path / "masks", made)))
    assert done.touched == 4 and done.invented == 1 and judged(made, done.out, decoder).changed < 0.01


def _panned(folder: Path, kind: str) -> scenes.Made:
    """A camera that pans over a wall, and a person who walks: 24 frames."""
    scene = scenes.Scene(frames=24, people=(scenes.Person(0.2, 0.8),))
    wide, near = wall((480, 120), 5), wall((960, 120), 6)

    def clean(_: scenes.Scene, index: int) -> np.ndarray:
        if kind == "zoom":
            side = 1 - 0.02 * index
            patch = cv2.resize(wide[:, :160], None, fx=1 / side, fy=1 / side)
            return patch[:120, :160]
        shear = np.repeat(np.arange(120) // 12, 1) if kind == "rolling" else np.zeros(120, int)
        seen = np.stack([row[5 * index + at : 5 * index + at + 160] for row, at in zip(wide, shear, strict=True)])
        if kind == "parallax":
            seen[80:] = near[80:, 12 * index : 12 * index + 160]
        return cv2.blur(seen, (5, 1)) if kind == "blurred" else seen

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(scenes, "clean", clean)
        return scenes.make(folder / f"{kind}.mp4", scene)


@pytest.mark.parametrize("kind", ["pan", "zoom", "parallax", "rolling", "blurred"])
def test_a_camera_that_moves_without_a_detector_is_refused(kind: str, tmp_path: Path, bare: Remove) -> None:
    with pytest.raises(Missing) as refused:
        bare(_panned(tmp_path, kind).path, tmp_path / "out.mp4")
    assert refused.value.code == "remove.no-detector" and refused.value.exit_status == 4
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("kind", ["pan", "parallax"])
def test_a_camera_that_moves_with_masks_shows_what_other_frames_saw(kind: str, tmp_path: Path, bare: Remove, decoder: Decoder) -> None:
    made = _panned(tmp_path, kind)
    done = only(bare(made.path, tmp_path / "out.mp4", mask=masks(tmp_path / "masks", made)))
    seen = judged(made, done.out, decoder)
    assert {shot.camera for shot in done.shots} == {"moving"}
    assert seen.leak < (0.35 if kind == "parallax" else 0.2) and seen.changed < 0.02


def test_a_sound_track_is_dropped_and_said_or_kept_and_said(tmp_path: Path, bare: Remove, decoder: Decoder) -> None:
    made = scenes.sounding(tmp_path, frames=12)
    for audio in (None, "keep"):
        done = only(bare(made.path, tmp_path / f"{audio}.mp4", audio=audio))
        with decoder.open(done.out) as reader:
            assert bool(reader.facts.audio) == (audio == "keep")
        assert bool(done.dropped) == (audio is None)
        assert any("voices" in sentence for sentence in done.warnings) == (audio == "keep")


def test_the_same_seed_gives_the_same_file(tmp_path: Path, bare: Remove) -> None:
    made = scenes.walker(tmp_path, frames=12)
    first, again = (bare(made.path, tmp_path / f"{number}.mkv", seed=3).items[0].out.read_bytes() for number in (1, 2))
    assert first == again


def test_a_parked_car_stays_where_somebody_walks_by(tmp_path: Path, bare: Remove, decoder: Decoder) -> None:
    car, walker = scenes.Person(0.5, 0.5, height=0.3, feet=0.4), scenes.Person(height=0.45, feet=0.95)
    made = scenes.walker(tmp_path, people=(car, walker))
    done = only(bare(made.path, tmp_path / "out.mp4"))
    of = {who: replace(made, masks=[scenes.mask(scenes.Scene(people=(who,)), index) for index in range(40)]) for who in (car, walker)}
    assert judged(of[walker], done.out, decoder).leak == 0 and judged(of[car], done.out, decoder).leak > 0.4
    assert done.covered == 0


def test_a_screen_that_plays_is_no_person_and_hides_none(tmp_path: Path, bare: Remove, decoder: Decoder) -> None:
    still = scenes.clean

    def playing(scene: scenes.Scene, index: int) -> np.ndarray:
        picture = still(scene, index).copy()
        picture[4:30, 100:150] = np.random.default_rng(index).uniform(20, 220, (26, 50, 1))
        return picture

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(scenes, "clean", playing)
        made = scenes.walker(tmp_path)
    done = only(bare(made.path, tmp_path / "out.mp4"))
    off_screen = [mask & ~_screen(mask.shape) for mask in made.masks]
    assert judged(replace(made, masks=off_screen), done.out, decoder).leak <= 0.02
    assert (done.covered > 0) == any("in doubt" in sentence for sentence in done.warnings)
    assert done.mask_share < 2 * np.mean([mask.mean() for mask in made.masks])


def _screen(shape: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape, np.bool_)
    mask[4:30, 100:150] = True
    return mask
