"""Where the background never rests motion says nothing: that is said, for the check cannot see it either."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.removal import scenes

import velatura
from velatura.removal.background import estimate
from velatura.removal.report import Removed


def told(made: scenes.Made) -> Removed:
    return velatura.remove(made.path, made.path.with_name("out.mp4"), targets=("motion",), camera="static").items[0]


def test_leaves_that_never_rest_are_told_with_their_share(tmp_path: Path) -> None:
    done = told(scenes.waving(tmp_path, waving=6.0))
    sentence = next(warning for warning in done.warnings if "never rests" in warning)
    assert 0.02 < done.shots[0].restless <= 0.6, "the left half waves"
    assert f"{done.shots[0].restless:.1%}" in sentence
    assert "no detector searched" in sentence


def test_a_background_that_rests_is_not_complained_of(tmp_path: Path) -> None:
    done = told(scenes.walker(tmp_path))
    assert done.shots[0].restless < 0.002
    assert not [warning for warning in done.warnings if "never rests" in warning]


def test_light_that_wanders_slowly_is_no_unrest() -> None:
    """Clouds move a pavement by some fifteen grey levels within half a minute; people differ by far more, and must not be left for that."""
    rng = np.random.default_rng(5)
    samples = []
    for at in range(60):
        grey = np.full((60, 80), 170.0)
        grey[:, 40:] += 9 * np.sin(2 * np.pi * at / 60)
        grey[20:50, at : at + 8] = 40  # somebody walks through
        samples.append([np.rint(grey + rng.normal(0, 1.5, grey.shape)).astype(np.uint8)])
    plate = estimate(samples, scenes.GREY, [None] * 60)
    assert plate.sigma[30, 60] > 6, "it is no quiet place"
    assert not plate.unstable.any()
