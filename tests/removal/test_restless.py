"""Where the background never rests motion says nothing: that is said, for the check cannot see it either."""

from __future__ import annotations

from pathlib import Path

from tests.removal import scenes

import velatura
from velatura.removal.report import Removed


def told(made: scenes.Made) -> Removed:
    return velatura.remove(made.path, made.path.with_name("out.mp4"), targets=("motion",), camera="static").items[0]


def test_leaves_that_never_rest_are_told_with_their_share(tmp_path: Path) -> None:
    done = told(scenes.waving(tmp_path, waving=3.0))
    sentence = next(warning for warning in done.warnings if "never rests" in warning)
    assert 0.05 < done.shots[0].restless <= 0.6, "the left half waves"
    assert f"{done.shots[0].restless:.1%}" in sentence
    assert "no detector searched" in sentence


def test_a_background_that_rests_is_not_complained_of(tmp_path: Path) -> None:
    done = told(scenes.walker(tmp_path))
    assert done.shots[0].restless < 0.002
    assert not [warning for warning in done.warnings if "never rests" in warning]
