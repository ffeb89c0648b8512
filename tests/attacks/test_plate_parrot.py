"""Windows of letters, and plates sorted by shape."""

from __future__ import annotations

import numpy as np

from velatura.attacks.attack import Picture
from velatura.attacks.letter_windows import COLUMNS, LEAST_STEP, MOST_STEP, Labelled, habits, placed, read, trained, windows
from velatura.attacks.lettering import Lettering
from velatura.attacks.plate_parrot import shape_groups

ABC = "AB12"


def plate(text: str, rng: np.random.Generator) -> tuple[Picture, np.ndarray]:
    """(32, 128) with letters 24 pixels apart, and where their middles stand."""
    lettering = Lettering(32, ink=int(rng.integers(0, 90)), paper=int(rng.integers(160, 255)))
    start = int(rng.integers(4, 14))
    pictures = [lettering.drawn(letter, start + 24 * at, COLUMNS) for at, letter in enumerate(text)]
    middles = np.array([start + 24 * at + lettering.advance(letter) // 2 for at, letter in enumerate(text)])
    return np.minimum.reduce(pictures), middles


def learnt(count: int) -> list[Labelled]:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list(ABC), 4)) for _ in range(count)]
    return [Labelled(windows(picture), text, middles) for text in texts for picture, middles in [plate(text, rng)]]


def test_light_and_contrast_of_a_plate_do_not_change_its_windows() -> None:
    picture, _ = plate("AB12", np.random.default_rng(1))
    dim = (picture // 2 + 20).astype(np.uint8)
    assert np.abs(windows(picture) - windows(dim)).mean() < 0.02
    assert windows(np.full((20, 60), 7, np.uint8)).any() == False  # noqa: E712


def test_a_scorer_reads_plates_that_it_has_not_seen_and_places_their_letters() -> None:
    known = learnt(20)
    scorer = trained(known, ABC, shifts=(-1, 0, 1), most=3000)
    rng, even = np.random.default_rng(9), habits([one.text for one in known], ABC)
    for text in ("A1B2", "2211", "BABA"):
        picture, middles = plate(text, rng)
        scores = scorer(windows(picture))
        assert read(scores, even, ABC)[1] == text
        assert np.abs(placed(scores, text, ABC)[1] - middles).max() <= 3


def test_windows_that_are_used_are_bounded() -> None:
    assert len(trained(learnt(20), ABC, shifts=(0,), most=50).known) == 50


def test_middles_stand_a_letter_apart_whatever_the_scores_are() -> None:
    scores = np.random.default_rng(2).normal(size=(COLUMNS, len(ABC))).astype(np.float32)
    steps = np.diff(placed(scores, "AB12A", ABC)[1])
    assert steps.min() >= LEAST_STEP and steps.max() <= MOST_STEP


def test_without_evidence_a_text_is_what_is_usual() -> None:
    nothing = np.zeros((COLUMNS, len(ABC)), np.float32)
    assert read(nothing, habits(["AB1", "AB1", "AB2"], ABC), ABC)[1] == "AB1"


def of_shape(width: int, height: int = 20) -> Picture:
    return np.zeros((height, width), np.uint8)


def test_plates_of_two_shapes_are_two_groups_and_all_are_in_one() -> None:
    releases = [of_shape(40 + at % 3) for at in range(15)] + [of_shape(90 + at % 3) for at in range(13)]
    groups = shape_groups(releases)
    assert sorted(sorted(group) for group in groups) == [list(range(15)), list(range(15, 28))]


def test_a_shape_with_few_plates_joins_the_nearest_one() -> None:
    releases = [of_shape(40)] * 15 + [of_shape(55)] * 2 + [of_shape(90)] * 13
    assert sorted(len(group) for group in shape_groups(releases)) == [13, 17]
    assert shape_groups([of_shape(40), of_shape(400)]) in ([[0, 1]], [[1, 0]])
