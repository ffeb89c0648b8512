"""The background and the check, measured beside the scenes."""

from __future__ import annotations

from itertools import islice, pairwise

import numpy as np
import pytest
from benchmarks import removal_files as files
from benchmarks import removal_inside
from benchmarks import removal_pasting as pasting
from benchmarks.removal_scenes import Scene, swaying
from tests.bench.removal_by_hand import BODY, H, W, cast, still, textured


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """A scene that the product takes for a camera that stands."""

    def frames():
        people = cast("walk", 48)
        grounds = islice(swaying(still(), np.random.default_rng(1)), 48)
        for index, ground in enumerate(grounds):
            yield pasting.paste(ground.picture, people, index)

    told = Scene("noisy", "walk", 25, (W, H), 48, frames)
    return told, files.write(told, tmp_path_factory.mktemp("noisy"))


def test_a_background_in_another_light_is_brought_to_the_truths_and_its_ghosts_stay():
    dark = textured() - 9
    assert (removal_inside.in_light_of(textured(), dark) == textured()).all()
    dark[BODY] = 0
    assert (removal_inside.in_light_of(textured(), dark)[BODY] == 9).all()


def test_runs_of_one_to_five_frames_lie_apart_and_somebody_is_in_them(noisy):
    _, clips = noisy
    found = removal_inside.spans(clips, np.random.default_rng(0))
    assert [len(span) for span in found][:2] == [1, 2]
    for before, after in pairwise(found):
        assert after.start - before.stop >= removal_inside.APART
    bodies = [body.any() for body, _ in files.holes(clips)]
    assert all(bodies[frame] for span in found for frame in span)


def test_who_is_put_back_into_an_output_is_found(noisy, tmp_path):
    _, clips = noisy
    back = removal_inside.put_back(clips, tmp_path, None, np.random.default_rng(0))
    assert back.frames >= 3
    assert back.found == back.frames
    assert back.false == 0
    assert back.frames + back.others == 48


def test_the_background_is_that_of_the_scene_and_the_fill_beats_telea_before_any_coder(noisy):
    told, clips = noisy
    made = removal_inside.background(clips.composite, None)
    assert made is not None
    assert removal_inside.near(clips, [made.picture])[0].age_in_light < 2
    ours, telea = removal_inside.raw_gain(told, None)
    assert ours > telea + 5
