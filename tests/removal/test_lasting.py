"""Masks over time: flicker goes, drop-outs come back, nothing else changes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from velatura.removal.lasting import GAP, lasting
from velatura.removal.planes import Mask

HEIGHT, WIDTH = 120, 200


def at(*boxes: tuple[int, int, int, int]) -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    for x0, y0, x1, y1 in boxes:
        mask[max(y0, 0) : y1, max(x0, 0) : x1] = True
    return mask


def walker(index: int, *, speed: int = 6) -> tuple[int, int, int, int]:
    return (10 + speed * index, 40, 30 + speed * index, 90)


def test_a_walker_stays_as_he_is() -> None:
    masks = [at(walker(index, speed=3)) for index in range(20)]
    for before, after in zip(masks, lasting(masks), strict=True):
        assert (after >= before).all()
        assert after.sum() <= 1.05 * before.sum()


def test_a_blob_of_one_or_two_frames_goes_and_one_of_three_stays() -> None:
    for life in (1, 2, 3):
        masks = [at((100, 20, 108, 26)) if 8 <= index < 8 + life else at() for index in range(20)]
        found = [mask.any() for mask in lasting(masks)]
        assert sum(found) == (3 if life == 3 else 0), life


def test_flicker_at_random_places_goes() -> None:
    rng = np.random.default_rng(5)
    masks = []
    for _ in range(40):
        x, y = int(rng.integers(0, WIDTH - 8)), int(rng.integers(0, HEIGHT - 8))
        masks.append(at((x, y, x + 6, y + 6)) | at((80, 50, 110, 100)))
    kept = list(lasting(masks))
    beside = [mask & ~at((80, 50, 110, 100)) for mask in kept[4:-4]]
    assert sum(mask.any() for mask in beside) <= 2


def test_drop_outs_of_one_and_two_frames_are_bridged() -> None:
    for gap in (1, 2):
        masks = [at() if 10 <= index < 10 + gap else at(walker(index)) for index in range(25)]
        done = list(lasting(masks))
        for index in range(25):
            truth = at(walker(index))
            assert done[index][truth].mean() > 0.95, (gap, index)
            assert done[index].sum() < 1.6 * truth.sum()


def test_a_part_that_drops_out_for_a_frame_comes_back() -> None:
    masks = [at((50, 40, 70, 90)) for _ in range(12)]
    masks[6] = at((50, 40, 70, 60))
    assert list(lasting(masks))[6][at((50, 40, 70, 90))].all()


def test_two_who_meet_are_both_kept() -> None:
    masks = [at((10 + 4 * index, 40, 24 + 4 * index, 90), (150 - 4 * index, 40, 164 - 4 * index, 90)) for index in range(36)]
    for before, after in zip(masks, lasting(masks), strict=True):
        assert (after >= before).all()


def test_somebody_large_in_a_single_frame_stays() -> None:
    masks = [at((60, 20, 100, 110)) if index == 6 else at() for index in range(14)]
    assert [mask.any() for mask in lasting(masks)] == [index == 6 for index in range(14)]


def test_at_the_ends_of_a_shot_a_short_life_is_kept() -> None:
    masks = [at((100, 20, 108, 26)) if index in (0, 1, 18, 19) else at() for index in range(20)]
    assert [mask.any() for mask in lasting(masks)] == [index in (0, 1, 18, 19) for index in range(20)]


def test_masks_come_out_in_step_and_wait_for_few() -> None:
    asked = 0

    def given_masks() -> Iterator[Mask]:
        nonlocal asked
        for index in range(60):
            asked += 1
            yield at(walker(index, speed=2))

    for index, _ in enumerate(lasting(given_masks())):
        assert asked <= index + 2 + GAP + 1
    assert asked == 60


def test_the_masks_that_were_given_are_not_written_to() -> None:
    masks = [at(walker(index)) if index != 5 else at() for index in range(10)]
    copies = [mask.copy() for mask in masks]
    done = list(lasting(masks))
    assert all((a == b).all() for a, b in zip(masks, copies, strict=True))
    assert all(a is not b for a, b in zip(masks, done, strict=True))


@settings(max_examples=40, deadline=None)
@given(frames=st.integers(0, 14), width=st.integers(1, 20), height=st.integers(1, 20), share=st.floats(0, 1), seed=st.integers(0, 999))
def test_as_many_masks_come_out_as_went_in(frames: int, width: int, height: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    masks = [rng.random((height, width)) < share for _ in range(frames)]
    done = list(lasting(masks))
    assert len(done) == frames
    assert all(mask.shape == (height, width) and mask.dtype == np.bool_ for mask in done)
    if share == 0:
        assert not any(mask.any() for mask in done)


def test_who_comes_in_over_a_border_is_masked_a_moment_earlier_and_who_leaves_longer() -> None:
    box = (0, 40, 20, 90)
    masks = [at(box) if 10 <= index < 20 else at() for index in range(30)]
    assert [index for index, mask in enumerate(lasting(masks)) if mask[40:90, :20].all()] == list(range(8, 22))


def test_who_appears_in_the_middle_is_not() -> None:
    masks = [at((90, 40, 110, 90)) if 10 <= index < 20 else at() for index in range(30)]
    assert [index for index, mask in enumerate(lasting(masks)) if mask.any()] == list(range(10, 20))
