"""What detectors say together, and on which scale."""

from __future__ import annotations

import numpy as np
import pytest
from tests.detect.worlds import FACE, Spots, frame_of, picture, with_faces
from tests.weights import Weights

from velatura.detect.finder import Finder
from velatura.detect.plates import DOUBT, Plates
from velatura.detect.region import Region, Scores
from velatura.detect.search import FUSED, Only, find, scores_of
from velatura.media.frame import Box


def overlap(a: Box, b: tuple[float, ...]) -> float:
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    common = float(np.clip(high - low, 0, None).prod())
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def spot(x0: int = 20, y0: int = 30, x1: int = 60, y1: int = 44):  # type: ignore[no-untyped-def]
    room = np.zeros((120, 200, 3), np.uint8)
    room[y0:y1, x0:x1] = 255
    return frame_of(room)


def test_bounds_of_the_scale_decide_what_is_told() -> None:
    for score, threshold, told in ((0.3, "low", 1), (0.3, "still", 0), (0.6, "still", 1), (0.1, "low", 0)):
        assert len(find(spot(), [Spots(score=score)], threshold=threshold)) == told  # type: ignore[arg-type]
    quick = Spots(score=0.15)
    quick.scores = Scores(low=0.2, high=0.5, sure=0.8, still=0.1)
    assert len(find(spot(), [quick], threshold="still")) == 1
    assert len(find(spot(), [quick], threshold="low")) == 0


def test_two_detectors_of_one_label_are_united() -> None:
    (found,) = find(spot(), [Spots(score=0.6), Spots(score=0.7)])
    assert found.score == 0.7


def test_thorough_takes_the_mean_over_all_views_on_a_scale_of_its_own() -> None:
    detectors = [Spots(score=0.6), Spots(score=0.8)]
    (found,) = find(spot(), detectors, thorough=True)
    assert found.score == pytest.approx(0.7)
    assert scores_of(detectors, thorough=True)["face"].high == pytest.approx(0.5 * FUSED)
    assert scores_of(detectors)["face"] == Scores(0.2, 0.5, 0.8, still=0.5)


def test_labels_that_nobody_asked_for_are_not_told() -> None:
    both = Spots("person")
    both.labels = frozenset({"person", "vehicle"})
    assert not find(spot(), [Only(both, frozenset({"vehicle"}))])
    assert find(spot(), [Only(both, frozenset({"person"}))])
    assert scores_of([Only(both, frozenset({"vehicle"}))]).keys() == {"vehicle"}


def test_a_plate_needs_text_and_believes_vehicles() -> None:
    class Nowhere(Spots):
        """A vehicle in the far corner."""

        def detect(self, x, *, threshold):  # type: ignore[no-untyped-def]
            return [Region((150, 90, 190, 110), "vehicle", 0.9)]

    (found,) = find(spot(), [Plates(Spots("text"), Spots("vehicle"))])
    assert (found.label, found.score) == ("plate", 0.9)
    (found,) = find(spot(), [Plates(Spots("text"), Nowhere("vehicle"))])
    assert found.score == pytest.approx(0.9 * DOUBT)


def test_text_is_read_once_for_two_targets() -> None:
    text = Spots("text")
    found = find(spot(), [text, Plates(text, Spots("vehicle"))])
    assert sorted(region.label for region in found) == ["plate", "text"]
    assert len(text.shown) == 1


@pytest.mark.parametrize("thorough", [False, True])
@pytest.mark.parametrize("name", ["yunet-n", "centerface"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_real_detectors_find_the_portrait(name: str, thorough: bool, orientation: int, weights: Weights) -> None:
    from velatura.detect.registry import choose

    store = weights(name, "portrait")
    chosen = choose(["face"], store, detectors=[name])
    frame = frame_of(picture(store.path("portrait")), orientation)
    found = find(frame, chosen, thorough=thorough)
    assert overlap(found[0].box, FACE) > 0.6
    assert len([region for region in found if region.score > 0.4]) == 1


def test_the_same_picture_in_every_orientation_has_identical_regions(weights: Weights) -> None:
    store = weights("yunet-n", "portrait")
    finder = Finder.choose(["face"], store=store)
    told = [finder(frame_of(picture(store.path("portrait")), orientation), low=True) for orientation in (1, 3, 6, 8)]
    assert all(other == told[0] for other in told[1:])


def test_small_and_large_faces_of_a_large_picture_are_all_found(weights: Weights) -> None:
    store = weights("yunet-n", "portrait")
    faces = [(60, 60, 44), (1290, 20, 60), (2440, 1700, 90), (200, 700, 1000), (1500, 600, 300)]
    frame = frame_of(with_faces(picture(store.path("portrait")), (2560, 1920), faces))
    found = Finder.choose(["face"], store=store)(frame, low=False)
    for x, y, height in faces:
        middle = (x + 0.42 * height, y + 0.5 * height)
        hits = [r for r in found if r.box[0] < middle[0] < r.box[2] and r.box[1] < middle[1] < r.box[3] and r.box[3] - r.box[1] > height / 3]
        assert hits, (x, y, height)
