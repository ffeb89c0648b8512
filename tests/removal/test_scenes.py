"""The drawn scenes are what they say: files that decode to the drawn frames, truth that fits, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.removal import scenes

from velatura.detect.camera import Camera
from velatura.media.source import Decoder


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder() as warm:
        yield warm


@pytest.mark.parametrize("name", scenes.SCENES)
def test_a_scene_decodes_to_what_was_drawn(name: str, tmp_path: Path, decoder: Decoder) -> None:
    scene = scenes.SCENES[name]
    made = getattr(scenes, name)(tmp_path)
    with decoder.open(made.path, audio=scene.sound) as reader:
        decoded, facts = list(reader), reader.facts
    assert (facts.width, facts.height) == scene.size
    assert bool(facts.audio) == scene.sound
    assert len(decoded) == len(made.clean) == len(made.masks) == len(made.times) == scene.frames
    for got, drawn, time, mask in zip(decoded, scenes.frames(scene), made.times, made.masks, strict=True):
        assert got.orientation == scene.orientation
        assert abs(got.time - time) < 0.002
        assert mask.shape == scene.size[::-1]
        assert np.abs(got.planes[0].astype(int) - drawn.planes[0].astype(int)).mean() < 3 * (1 << (scene.form.bits - 8))


@pytest.mark.parametrize("name", scenes.SCENES)
def test_outside_of_the_masks_a_frame_is_its_truth(name: str) -> None:
    scene = replace(scenes.SCENES[name], noise=0.0, form=scenes.RGB, orientation=1)
    for index, frame in enumerate(scenes.frames(scene)):
        mask = scenes.mask(scene, index)
        apart = np.abs(np.stack(frame.planes, axis=-1) - scenes.clean(scene, index)).max(axis=2)
        assert apart[~mask].max(initial=0) <= 0.5
        if mask.any() and scene.light != "fade":
            assert (apart[mask] > 10).mean() > 0.7


def test_the_same_seed_gives_the_same_file_and_another_seed_another(tmp_path: Path) -> None:
    first, again, other = (scenes.walker(tmp_path, frames=6, seed=seed).path.read_bytes() for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("seed", range(4))
def test_a_cut_is_one_to_whoever_looks_for_cuts(seed: int) -> None:
    camera, scene = Camera(), replace(scenes.SCENES["cut"], seed=seed)
    assert [frame.index for frame in scenes.frames(scene) if camera.see(frame.planes[0])[0]] == [0, 20]


def test_each_hard_scene_is_hard_in_its_way() -> None:
    def cover(name: str) -> list[np.ndarray]:
        return [scenes.mask(scenes.SCENES[name], index) for index in range(scenes.SCENES[name].frames)]

    assert min(mask.mean() for mask in cover("crowd")) > 0.5
    assert all(mask.all() for mask in cover("filled"))
    assert np.all(cover("stander"), axis=0).any()
    assert not np.all(cover("walker"), axis=0).any()
    assert not any(mask.any() for mask in cover("empty"))
    steps = np.diff([float(frame.time) for frame in scenes.frames(replace(scenes.SCENES["uneven"], size=(16, 12)))])
    assert len({round(step, 4) for step in steps}) == 3
