from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from tests.attacks.people import blank, itself

from velatura.attacks import deconvolution
from velatura.attacks.attack import Arm, Outcomes, Photo, Picture
from velatura.attacks.deconvolution import Deconvolve
from velatura.attacks.made_pictures import dead_leaves
from velatura.audit.trial import trial
from velatura.errors import BadInput
from velatura.findings import Claim, Finding, Verdict

SIZE = (40, 32)


def leafy(people: int = 40, pictures: int = 1, *, size: tuple[int, int] = SIZE, channels: int = 1, seed: int = 0) -> list[Photo]:
    """Photos with edges: of each person leaves of his own, and a few grey levels of noise."""
    rng = np.random.default_rng(seed)
    photos = []
    for person, leaves in enumerate(dead_leaves(people, (*size, channels), rng)):
        for _ in range(pictures):
            seen = np.clip(leaves + rng.normal(0, 4, leaves.shape), 0, 255).astype(np.uint8)
            photos.append(Photo(seen[..., 0] if channels == 1 else seen, person))
    return photos


def blurred(photo: Photo, rng: np.random.Generator, /) -> Picture:
    """A Gaussian of 2 pixels."""
    return np.rint(gaussian_filter(photo.picture.astype(float), (2, 2, 0)[: photo.picture.ndim])).astype(np.uint8)


def drawn(photo: Photo, rng: np.random.Generator, /) -> Picture:
    """Noise that knows nothing of the photo."""
    return rng.integers(0, 256, photo.picture.shape, dtype=np.uint8)


def cells(photo: Photo, rng: np.random.Generator, /) -> Picture:
    """Cells of 4 pixels; whole ones."""
    height, width = photo.picture.shape
    mean = photo.picture.reshape(height // 4, 4, width // 4, 4).mean((1, 3))
    return np.kron(np.rint(mean), np.ones((4, 4))).astype(np.uint8)


def verdict(protected: Arm[Photo, Picture], photos: list[Photo]) -> Finding:
    tried = trial(
        Deconvolve(), "a test", plain=itself, protected=protected, claim=Claim(), secrets=photos, seed=1, budget_s=60, findings=1, repeat=""
    )
    return tried.finding


def play(arm: Arm[Photo, Picture], photos: list[Photo], seed: int = 1, budget_s: float = 60) -> Outcomes:
    return Deconvolve().play(arm, photos, np.random.default_rng(seed), budget_s=budget_s)


def gain(found: Outcomes) -> float:
    return float(found.notes["gain over the release"].split()[0])


def test_an_arm_that_does_nothing_is_broken() -> None:
    found = verdict(itself, leafy())
    assert found.verdict is Verdict.BROKEN
    assert found.estimate is not None and found.estimate.value == pytest.approx(1, abs=1e-5)


def test_a_blur_is_broken_and_inverted() -> None:
    assert verdict(blurred, leafy()).verdict is Verdict.BROKEN
    assert gain(play(blurred, leafy())) > 0.1


def test_cells_are_inverted_too() -> None:
    assert gain(play(cells, leafy())) > 0.02


@pytest.mark.parametrize("arm", [blank, drawn])
def test_what_does_not_depend_on_the_photo_holds(arm: Arm[Photo, Picture]) -> None:
    found = verdict(arm, leafy())
    assert found.verdict is Verdict.HELD
    assert found.estimate is not None and found.estimate.value == pytest.approx(found.estimate.chance, abs=0.02)


def test_a_flat_grey_that_is_more_like_the_photos_than_their_mean_is_no_leak() -> None:
    """Photos that have little in common are more like a flat picture than like their mean: the release of somebody else is as good."""
    rng = np.random.default_rng(0)
    photos = [Photo(np.clip(90 + rng.normal(0, 3) + rng.normal(0, 4, SIZE), 0, 255).astype(np.uint8), person) for person in range(40)]
    found = verdict(blank, photos)
    assert found.verdict is Verdict.HELD
    assert "somebody else's release" in found.evidence["blind guess"]


def test_releases_of_shuffled_photos_hold() -> None:
    photos = leafy()
    pictures = [photo.picture for photo in photos]
    order = {picture.tobytes(): pictures[(i + 7) % 40] for i, picture in enumerate(pictures)}

    def another(photo: Photo, rng: np.random.Generator, /) -> Picture:
        return order.get(photo.picture.tobytes(), photo.picture)

    found = verdict(another, photos)
    assert found.verdict in (Verdict.HELD, Verdict.INCONCLUSIVE)
    assert found.estimate is not None and found.estimate.low <= found.estimate.chance


def test_the_same_seed_gives_the_same_numbers_and_another_seed_other_people() -> None:
    photos = leafy(8, 3)
    first, again, other = (play(blurred, photos, seed) for seed in (1, 1, 2))
    assert (first.success == again.success).all() and first.notes == again.notes
    assert not (first.success == other.success).all()


def test_recovered_faces_are_searched_where_people_have_more_pictures() -> None:
    found = play(blurred, leafy(12, 4))
    assert float(found.notes["re-identification of the recovered pictures"].split()[0]) > 80


def test_mixed_sizes_and_colours_are_attacked_each_at_its_own() -> None:
    photos = [*leafy(3, 2, channels=3), *[replace(p, person=p.person + 3) for p in leafy(4, 2, size=(23, 31), seed=2)]]
    found = play(blurred, photos)
    assert found.success.shape == (5, 7)
    assert found.success[2:].max(0).min() > found.chance
    assert {one.seen.shape for one in found.shown} == {(40, 32, 3), (23, 31)}


@pytest.mark.parametrize("people", [1, 2, 3])
def test_few_people_are_attacked_with_pictures_that_the_attacker_makes(people: int) -> None:
    found = play(blurred, leafy(people, 1, size=(64, 48)))
    assert found.success.shape == (5, people)
    assert gain(found) > 0.03


def test_a_single_portrait_is_stated_and_never_held() -> None:
    for arm in (blurred, blank):
        assert verdict(arm, leafy(1)).verdict is Verdict.INCONCLUSIVE


def test_without_time_the_first_group_is_done_and_the_rest_is_cut() -> None:
    found = play(blurred, leafy(8, 1), budget_s=0)
    assert found.cut and found.success.shape[1] == 4
    assert not play(blurred, leafy(8, 1)).cut


def test_the_smallest_pictures_do_not_stop_it() -> None:
    assert play(itself, leafy(5, 1, size=(1, 3))).success[1].mean() == pytest.approx(1, abs=1e-5)


def test_what_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deconvolution, "MOST_SAMPLES", 100)
    with pytest.raises(BadInput) as error:
        play(itself, leafy(1))
    assert error.value.code == "attack.too-large"


def test_a_crash_of_the_arm_is_an_error_and_no_verdict() -> None:
    def crash(photo: Photo, rng: np.random.Generator, /) -> Picture:
        raise ZeroDivisionError("of the arm")

    assert verdict(crash, leafy(4)).verdict is Verdict.ERROR


def faces(shared: Path) -> list[Photo]:
    """Three pictures of each of 40 people."""
    from PIL import Image

    root = shared / "data" / "orl"
    return [Photo(np.asarray(Image.open(root / f"s{person + 1}" / f"{i}.pgm")), person) for person in range(40) for i in (1, 2, 3)]


@pytest.mark.parametrize(
    ("method", "least", "most"),
    [("blur:5", 0.06, 1.0), ("pixelate:8px", 0.02, 1.0), ("fill", -1.0, 0.02), ("dp-pixelate:cells=6,m=roi,epsilon=50", -1.0, 0.02)],
)
def test_on_faces_blur_and_cells_are_undone_and_the_rest_is_not(shared: Path, method: str, least: float, most: float) -> None:
    from velatura.audit.obfuscation.arms import protected_arm

    found = play(protected_arm(method), faces(shared))
    assert least <= gain(found) <= most


def test_on_faces_a_fill_holds(shared: Path) -> None:
    from velatura.audit.obfuscation.arms import protected_arm

    assert verdict(protected_arm("fill"), faces(shared)).verdict is Verdict.HELD
