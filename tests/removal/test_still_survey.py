"""Pictures are looked at one by one, and nobody but a detector or a mask says what goes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.removal import scenes
from tests.removal.clothes import Clothes
from tests.removal.standing_scenes import wanted

from velatura.errors import Missing
from velatura.removal.still_survey import pictures


def test_in_pictures_a_detector_or_a_mask_says_what_goes() -> None:
    frames = list(scenes.frames(replace(scenes.SCENES["photo"], form=scenes.YUV)))
    with pytest.raises(Missing) as raised:
        pictures(frames, wanted(), None)
    assert raised.value.code == "remove.no-detector"
    (shot,) = pictures(frames, wanted(), Clothes())
    assert shot.kind == "short" and [track.label for track in shot.tracks] == ["person"]
