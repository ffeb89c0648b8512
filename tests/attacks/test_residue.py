"""Whether somebody is found again on a release, judged as in an audit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.random import Generator
from tests.attacks.scenes import discs, scenes
from tests.attacks.worlds import constant, identity
from tests.weights import Weights

from velatura.attacks.attack import Outcomes, Photo, Picture
from velatura.attacks.residue import Redetect
from velatura.audit.obfuscation.arms import frame_of, plain_arm, protected_arm
from velatura.audit.trial import Baselines, trial
from velatura.errors import BadInput
from velatura.findings import Claim, Finding, Verdict
from velatura.obfuscation.policy import Covering

COVERING = Covering(dilate=0.1, block=1)


def tried(protected: Callable[[Photo, Generator], Picture], photos: list[Photo] | None = None, **how: object) -> Finding:
    how = {"claim": Claim(), "seed": 3, "budget_s": 60.0, "findings": 4, **how}
    secrets = scenes(40) if photos is None else photos
    return trial(Redetect(discs), "a protection", plain=plain_arm(), protected=protected, secrets=secrets, **how).finding  # type: ignore[arg-type]


def ghosts(photo: Photo, rng: Generator) -> Picture:
    """A mask with a bright disc painted on it, whoever was there."""
    picture = protected_arm("fill", COVERING)(photo, rng)
    assert photo.box is not None
    x0, y0, x1, y1 = (round(side) for side in photo.box)
    picture[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2] = 250
    return picture


@pytest.mark.parametrize(
    "arm", [identity, protected_arm("pixelate:6", COVERING), protected_arm("blur:1", COVERING)], ids=["identity", "mosaic", "blur"]
)
def test_whoever_is_still_seen_is_found_again(arm: Callable[[Photo, Generator], Picture]) -> None:
    found = tried(arm)
    assert found.verdict is Verdict.BROKEN and found.estimate is not None and found.estimate.value > 0.9


@pytest.mark.parametrize("method", ["fill", "seal", "dp-pixelate:cells=4,m=roi,epsilon=1"])
def test_on_what_tells_nothing_nobody_is_found(method: str) -> None:
    found = tried(protected_arm(method, COVERING))
    assert found.verdict is Verdict.HELD, found.why


def test_a_constant_picture_holds() -> None:
    assert tried(constant).verdict is Verdict.HELD


def test_a_mask_that_looks_like_somebody_is_not_taken_for_one() -> None:
    found = tried(ghosts)
    assert found.verdict is Verdict.INCONCLUSIVE and found.estimate is not None and found.estimate.value == found.estimate.chance == 1


def test_where_nobody_was_not_even_the_unprotected_arm_falls() -> None:
    assert tried(identity, scenes(40, somebody=False)).verdict is Verdict.INCONCLUSIVE


def test_half_of_the_people_is_half_of_the_rate() -> None:
    def arm(photo: Photo, rng: Generator) -> Picture:
        return photo.picture if photo.person % 2 else constant(photo, rng)

    found = tried(arm)
    assert found.estimate is not None and found.estimate.value == 0.5 and found.estimate.low > 0.2


def play(secrets: list[Photo], *, budget_s: float = 60.0, most: int = 120, arm: Callable[[Photo, Generator], Picture] = identity) -> Outcomes:
    return Redetect(discs, most).play(arm, secrets, np.random.default_rng(1), budget_s=budget_s)


def test_it_counts_people_tells_the_ghosts_and_shows_what_it_found() -> None:
    out = play(scenes(30, pictures=3), most=60)
    assert out.success.shape == (1, 30) and out.per == "people"
    assert "largest 0." in out.notes["ghost score inside the mask"]
    assert 1 <= len(out.shown) <= 6 and (out.shown[0].recovered == (255, 64, 0)).all(-1).any()
    assert not np.shares_memory(out.shown[0].recovered, out.shown[0].seen)


def test_the_same_seed_gives_the_same_and_an_ended_budget_is_told() -> None:
    arm = protected_arm("dp-pixelate:cells=4,m=16,epsilon=8", COVERING)
    one, other = play(scenes(20), arm=arm), play(scenes(20), arm=arm)
    assert np.array_equal(one.success, other.success) and one.notes == other.notes
    cut = play(scenes(20), budget_s=0.0)
    assert cut.cut and cut.success.shape == (1, 1)


def test_bad_input_is_refused() -> None:
    for secrets, code in (([], "attack.no-photos"), ([replace(scenes(1)[0], box=(0.0, 0.0, 0.0, 0.0))], "attack.box")):
        with pytest.raises(BadInput) as caught:
            play(secrets)
        assert caught.value.code == code
    with pytest.raises(BadInput) as caught:
        play(scenes(2), arm=lambda photo, rng: photo.picture[::2])
    assert caught.value.code == "attack.release"


@pytest.fixture(scope="module")
def faces(shared: Path) -> list[Photo]:
    """Forty faces of 32 pixels and more, each cut out with what is around it."""
    from benchmarks.facesets import load
    from PIL import Image

    photos: list[Photo] = []
    for truth in load(shared / "data" / "faces_mask853"):
        picture = Image.open(truth.file).convert("RGB")
        for x0, y0, x1, y1 in truth.boxes.tolist():
            side = max(x1 - x0, y1 - y0)
            if min(x1 - x0, y1 - y0) >= 32 and len(photos) < 40:
                cut = (max(int(x0 - side), 0), max(int(y0 - side), 0), min(int(x1 + side), picture.width), min(int(y1 + side), picture.height))
                box = (x0 - cut[0], y0 - cut[1], x1 - cut[0], y1 - cut[1])
                photos.append(Photo(np.asarray(picture.crop(cut)), len(photos), box=box))
    return photos


def test_real_faces_are_found_again_under_a_mosaic_and_not_under_a_fill(faces: list[Photo], weights: Weights) -> None:
    from velatura.detect.finder import Finder

    finder = Finder.choose(("face",), store=weights("yunet-n"))
    attack, baselines = Redetect(lambda picture: finder(frame_of(picture), low=True)), Baselines()

    def judged(method: str) -> Finding:
        arm = protected_arm(method, Covering(0.3))
        how = {"plain": plain_arm(), "claim": Claim(), "secrets": faces, "seed": 1, "budget_s": 60.0, "findings": 4}
        return trial(attack, method, protected=arm, baselines=baselines, key="faces", **how).finding  # type: ignore[arg-type]

    mosaic, full = judged("pixelate:24"), judged("fill")
    assert full.baseline is not None and full.baseline.value > 0.8
    assert mosaic.verdict is Verdict.BROKEN and full.verdict is Verdict.HELD, (mosaic.why, full.why)
