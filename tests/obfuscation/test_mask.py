from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.obfuscation.sealing import random_frame
from tests.obfuscation.worlds import ALL_FORMS, boxes, face, forms, orientations, planes_of, sizes

from velatura.detect.region import Region
from velatura.errors import BadSpec
from velatura.media.frame import Frame, PixelForm, to_upright
from velatura.obfuscation.mask import aligned, patches
from velatura.obfuscation.policy import Covering

RGB = PixelForm("rgb")


def covered(frame: Frame, regions, covering) -> list[np.ndarray]:
    """For each plane the union of the masks."""
    union = [np.zeros(plane.shape, bool) for plane in frame.planes]
    for patch in patches(frame, regions, covering):
        for i, (view, mask) in enumerate(zip(patch.planes, patch.masks, strict=True)):
            sx, sy = frame.form.subsampled(i)
            y, x = patch.box[1] >> sy, patch.box[0] >> sx
            assert view.shape == mask.shape and np.shares_memory(view, frame.planes[i])
            union[i][y : y + mask.shape[0], x : x + mask.shape[1]] |= mask
    return union


def inside(box, size) -> np.ndarray:
    """Pixels that a box touches, one by one."""
    width, height = size
    x, y = np.arange(width), np.arange(height)
    return ((y + 1 > box[1]) & (y < box[3]))[:, None] & ((x + 1 > box[0]) & (x < box[2]))[None, :]


@given(forms, sizes, orientations, boxes(), st.sampled_from([1, 8, 16]), st.integers(0, 2**32 - 1))
def test_every_pixel_that_a_region_touches_is_covered_in_every_plane(form, size, orientation, box, block, seed):
    frame = replace(random_frame(np.random.default_rng(seed), form, size), orientation=orientation)
    masks = covered(frame, [face(box)], Covering(0.0, block=block))
    width, height = frame.size
    upright = inside(box, frame.size)
    for y, x in np.argwhere(upright)[:: max(1, upright.sum() // 40)]:
        # an upright pixel, found in the stored planes by another way than the code under test
        stored = list(_turned(np.arange(width * height).reshape(height, width), orientation))
        v, u = np.argwhere(np.array(stored) == y * width + x)[0]
        for i, mask in enumerate(masks):
            sx, sy = form.subsampled(i)
            assert mask[v >> sy, u >> sx]


def _turned(upright: np.ndarray, orientation: int) -> np.ndarray:
    """Stored pixels of an upright picture, by EXIF's words: row 0 is the visual top, right side ..."""
    return {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.T,
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].T,
        8: lambda a: np.rot90(a, -1),
    }[orientation](upright)


@given(sizes, boxes(), st.sampled_from([1, 2, 8, 16]))
def test_blocks_go_whole_and_no_block_goes_that_the_region_does_not_touch(size, box, block):
    frame = random_frame(np.random.default_rng(0), RGB, size)
    mask = covered(frame, [face(box)], Covering(0.0, block=block))[0]
    touched = inside(box, size)
    for y in range(0, size[1], block):
        for x in range(0, size[0], block):
            tile = np.s_[y : y + block, x : x + block]
            assert mask[tile].all() == touched[tile].any() and mask[tile].any() == touched[tile].any()


@given(forms, sizes, boxes())
def test_chroma_is_covered_where_one_of_its_pixels_is_and_nowhere_else(form, size, box):
    frame = random_frame(np.random.default_rng(0), form, size)
    masks = covered(frame, [face(box)], Covering(0.0, shape="ellipse", block=1))
    luma = masks[0]
    for i, mask in enumerate(masks[1:], 1):
        sx, sy = form.subsampled(i)
        padded = np.pad(luma, ((0, -luma.shape[0] % (1 << sy)), (0, -luma.shape[1] % (1 << sx))))
        blocks = padded.reshape(padded.shape[0] >> sy, 1 << sy, padded.shape[1] >> sx, 1 << sx)
        assert np.array_equal(mask, blocks.any((1, 3)))


@given(sizes, boxes())
def test_the_ellipse_lies_in_the_box_and_holds_every_pixel_of_the_ellipse(size, box):
    frame = random_frame(np.random.default_rng(0), RGB, size)
    ellipse = covered(frame, [face(box)], Covering(0.0, shape="ellipse", block=1))[0]
    y, x = np.mgrid[: size[1], : size[0]] + 0.5
    cx, cy, rx, ry = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
    middles = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1
    assert not (middles & ~ellipse).any()
    assert not (ellipse & ~covered(frame, [face(box)], Covering(0.0, block=1))[0]).any()


def test_an_ellipse_with_the_usual_dilation_holds_the_whole_box():
    frame = random_frame(np.random.default_rng(0), RGB, (200, 200))
    box = (60.0, 40.0, 130.0, 150.0)
    assert covered(frame, [face(box)], Covering(shape="ellipse", block=1))[0][inside(box, (200, 200))].all()


@pytest.mark.parametrize("form", ALL_FORMS)
@pytest.mark.parametrize("size", [(33, 17), (1, 1), (64, 48), (641, 361)])
def test_the_last_row_and_column_are_covered(form, size):
    frame = random_frame(np.random.default_rng(1), form, size)
    width, height = size
    corner = face((width - 0.5, height - 0.5, width + 40.0, height + 40.0))
    for mask in covered(frame, [corner], Covering(0.0)):
        assert mask[-1, -1]
    for mask in covered(frame, [face((-5.0, -5.0, width + 5.0, height + 5.0))], Covering()):
        assert mask.all()


def test_a_region_outside_of_the_picture_makes_no_patch():
    frame = random_frame(np.random.default_rng(1), RGB, (32, 32))
    outside = [face((-10, 0, 0, 10)), face((32, 0, 40, 10)), face((0, -9, 5, 0)), face((0, 32, 5, 50))]
    assert list(patches(frame, outside, Covering(0.0))) == []
    assert len(list(patches(frame, outside, Covering(0.3)))) == 4  # with their margin they reach in


def test_ten_thousand_regions_of_one_pixel_are_masked_one_by_one():
    frame = random_frame(np.random.default_rng(1), PixelForm("yuv", 8, 1, 1), (1000, 1000))
    regions = [Region((x * 10.0, y * 10.0, x * 10 + 1.0, y * 10 + 1.0), "face", 0.5, track=100 * y + x) for y in range(100) for x in range(100)]
    boxes = [patch.box for patch in patches(frame, regions, Covering(0.0))]
    assert len(boxes) == 10_000 and boxes[-1] == (984, 984, 992, 992)


def test_a_bad_box_among_good_ones_is_refused_before_its_patch_is_made():
    frame = random_frame(np.random.default_rng(1), RGB, (32, 32))
    before = planes_of(frame)
    with pytest.raises(BadSpec, match="not a box"):
        list(patches(frame, [face((0, 0, float("nan"), 4))], Covering()))
    assert all(np.array_equal(a, b) for a, b in zip(before, frame.planes, strict=True))


@given(boxes(), st.sampled_from([2, 8, 16]))
def test_alignment_goes_outwards_only_and_never_beyond_the_picture(box, block):
    found = aligned(box, (61, 47), block)
    if found is None:
        assert box[2] <= 0 or box[3] <= 0 or box[0] >= 61 or box[1] >= 47
        return
    x0, y0, x1, y1 = found
    assert 0 <= x0 < x1 <= 61 and 0 <= y0 < y1 <= 47
    assert x0 <= max(box[0], 0) and y0 <= max(box[1], 0) and x1 >= min(box[2], 61) and y1 >= min(box[3], 47)
    assert x0 % block == 0 and y0 % block == 0 and (x1 % block == 0 or x1 == 61) and (y1 % block == 0 or y1 == 47)


def test_regions_of_a_turned_clip_are_covered_where_the_planes_have_them():
    frame = replace(random_frame(np.random.default_rng(1), RGB, (64, 32)), orientation=6)  # upright: 32 wide, 64 high
    (patch,) = patches(frame, [face((0, 0, 8, 8))], Covering(0.0))
    assert to_upright(patch.box, frame.stored_size, 6) == (0, 0, 8, 8)
