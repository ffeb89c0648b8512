"""Planes to RGB and back."""

from __future__ import annotations

import numpy as np
import pytest

from velatura.media.frame import PixelForm
from velatura.removal.rgb_crop import put_rgb, to_rgb

FORMS = [
    PixelForm("rgb"),
    PixelForm("grey", bits=12),
    PixelForm("yuv"),
    PixelForm("yuv", matrix="bt709", full_range=False),
    PixelForm("yuv", bits=10, matrix="bt2020", full_range=False),
    PixelForm("yuv", bits=10, shift_x=1, shift_y=1, full_range=False, alpha=True),
    PixelForm("yuv", shift_x=1, matrix="bt709"),
]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_there_and_back_within_rounding(form):
    height, width = 33, 47
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([60 + 2 * x, 80 + y + x, 180 - 2 * y], axis=-1).astype(np.uint8)  # smooth: chroma is halved
    if form.colour == "grey":
        rgb[...] = rgb[..., :1]
    planes = [np.full(shape, form.peak, form.dtype) for shape in form.shapes(width, height)]
    box = (0, 0, width, height)
    put_rgb(planes, form, box, rgb, np.ones((height, width), np.bool_))
    most = 6 if form.shift_x else 2
    assert np.abs(to_rgb(planes, form, box).astype(int) - rgb).max() <= most


def test_known_colours_of_bt601():
    form = PixelForm("yuv", full_range=False)
    planes = [np.zeros(shape, np.uint8) for shape in form.shapes(3, 1)]
    colours = np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0]]], np.uint8)
    put_rgb(planes, form, (0, 0, 3, 1), colours, np.ones((1, 3), np.bool_))
    assert [plane[0].tolist() for plane in planes] == [[235, 16, 81], [128, 128, 90], [128, 128, 240]]  # BT.601-7, table 3


def test_only_the_hole_changes():
    form = PixelForm("yuv", shift_x=1, shift_y=1)
    planes = [np.full(shape, 100, np.uint8) for shape in form.shapes(20, 20)]
    hole = np.zeros((10, 10), np.bool_)
    hole[4:6, 4:6] = True
    put_rgb(planes, form, (10, 10, 20, 20), np.zeros((10, 10, 3), np.uint8), hole)
    assert [int((plane != 100).sum()) for plane in planes] == [4, 1, 1]
    assert (planes[0][14:16, 14:16] == 0).all()
