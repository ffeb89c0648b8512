"""Somebody close to the camera is no cut; another scene is one, in other light too."""

from __future__ import annotations

import numpy as np
import pytest

from velatura.media.frame import PixelForm
from velatura.removal.cuts import is_same_place

GREY = PixelForm("grey")


def scene(seed: int, size: tuple[int, int] = (90, 160)) -> np.ndarray:
    own = np.random.default_rng(seed)
    wall = sum(
        own.normal(0, 18, (size[0] // step + 1, size[1] // step + 1)).repeat(step, 0).repeat(step, 1)[: size[0], : size[1]] for step in (4, 10, 30)
    )
    return np.clip(110 + wall, 0, 255)


def seen(picture: np.ndarray, seed: int) -> list[np.ndarray]:
    return [np.clip(picture + np.random.default_rng(seed).normal(0, 2, picture.shape), 0, 255).astype(np.uint8)]


@pytest.mark.parametrize("share", [0.2, 0.5, 0.6])
def test_who_walks_close_by_is_no_cut(share: float) -> None:
    wall = scene(1)
    hidden = wall.copy()
    hidden[:, : int(share * wall.shape[1])] = scene(2)[:, : int(share * wall.shape[1])] * 0.5
    assert is_same_place(seen(wall, 1), seen(hidden, 2), GREY)
    assert is_same_place(seen(hidden, 3), seen(wall, 4), GREY)


@pytest.mark.parametrize("seed", range(8))
def test_another_scene_is_a_cut(seed: int) -> None:
    assert not is_same_place(seen(scene(10 + seed), 1), seen(scene(50 + seed), 2), GREY)


def test_other_light_is_the_same_place() -> None:
    assert is_same_place(seen(scene(3), 1), seen(scene(3) + 25, 2), GREY)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (40, 40)])
def test_where_nothing_is_to_be_seen_a_cut_stays_one(size: tuple[int, int]) -> None:
    flat = [np.full(size, 80, np.uint8)]
    assert not is_same_place(flat, flat, GREY)
