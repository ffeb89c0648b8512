"""A network's input against a plain conversion of the whole picture, for every form, orientation, crop and size."""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from velatura.media.frame import Frame, PixelForm, to_stored
from velatura.media.view import InputForm, View, grey, view

RGB = InputForm()
FORMS = [
    PixelForm("rgb"),
    PixelForm("grey"),
    PixelForm("grey", bits=16),
    PixelForm("yuv", shift_x=1, shift_y=1, full_range=False, matrix="bt709"),
    PixelForm("yuv", shift_x=1, shift_y=0, full_range=False, matrix="bt601"),
    PixelForm("yuv", full_range=True, matrix="bt601"),
    PixelForm("yuv", bits=10, shift_x=1, shift_y=1, full_range=False, matrix="bt2020"),
    PixelForm("yuv", bits=12, full_range=True, matrix="bt709"),
]
KR_KB = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}

Floats = NDArray[np.float64]


def smooth(height: int, width: int, seed: int) -> Floats:
    """0..1, with structure at the scale of a quarter of the picture."""
    coarse = np.random.default_rng(seed).random((4, 4)).astype(np.float32)
    return np.clip(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1).astype(np.float64)


def made(form: PixelForm, width: int, height: int, orientation: int = 1) -> Frame:
    """A frame of smooth planes, `width` x `height` as stored."""
    planes = []
    for index, (h, w) in enumerate(form.shapes(width, height)):
        low, high = (0.1, 0.9) if index == 0 or form.colour != "yuv" else (0.4, 0.6)
        planes.append(np.rint((low + (high - low) * smooth(h, w, index)) * form.peak).astype(form.dtype))
    return Frame(planes, form, orientation)


def plainly(frame: Frame) -> Floats:
    """(3, height, width) R, G, B in 0..255 of the whole upright picture: textbook, slow, at full size."""
    form, (width, height) = frame.form, frame.stored_size
    full = []
    for index, plane in enumerate(frame.planes):
        sx, sy = form.subsampled(index)
        full.append(plane.repeat(1 << sy, 0).repeat(1 << sx, 1)[:height, :width].astype(np.float64))
    rgb = _from_yuv(full, form) if form.colour == "yuv" else np.stack(full[:3] if form.colour == "rgb" else full[:1] * 3) * 255 / form.peak
    return np.stack([_upright(channel, frame.orientation) for channel in np.clip(rgb, 0, 255)])


def _from_yuv(planes: list[Floats], form: PixelForm) -> Floats:
    kr, kb = KR_KB[form.matrix]
    step, middle = 1 << (form.bits - 8), 1 << (form.bits - 1)
    y = planes[0] / form.peak if form.full_range else (planes[0] / step - 16) / 219
    u, v = ((plane - middle) / form.peak if form.full_range else (plane - middle) / step / 224 for plane in planes[1:3])
    red, blue = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
    return np.stack([red, (y - kr * red - kb * blue) / (1 - kr - kb), blue]) * 255


def _upright(plane: Floats, orientation: int) -> Floats:
    """By where each corner goes (EXIF 2.32), with numpy alone."""
    turned = {1: plane, 2: plane[:, ::-1], 3: plane[::-1, ::-1], 4: plane[::-1], 5: plane.T, 6: plane[::-1].T, 7: plane[::-1, ::-1].T}
    return turned.get(orientation, plane[:, ::-1].T)


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_the_picture_upright_in_its_own_size(form: PixelForm, orientation: int) -> None:
    frame = made(form, 128, 96, orientation)
    seen = view(frame, RGB)
    want = plainly(frame)
    assert seen.x.shape == want.shape
    assert seen.x.dtype == np.float32
    assert np.abs(seen.x - want).max() <= (5.0 if form.shift_x else 0.01)  # repeated against interpolated chroma
    assert np.abs(seen.x - want).mean() <= (0.8 if form.shift_x else 0.01)


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize(("width", "height"), [(321, 243), (640, 361), (97, 64), (33, 35)])
def test_odd_sizes_reduced_are_near_the_plain_conversion(form: PixelForm, width: int, height: int) -> None:
    frame = made(form, width, height)
    seen = view(frame, InputForm(max_side=96))
    w, h = seen.content
    assert max(w, h) == min(96, max(width, height))
    want = np.stack([cv2.resize(channel, (w, h), interpolation=cv2.INTER_AREA) for channel in plainly(frame)])
    assert np.abs(seen.x[:, :h, :w] - want).mean() <= (1.0 if width > 200 else 2.5)  # the half sample of an odd side counts for more
    assert not seen.x[:, h:].any() and not seen.x[:, :, w:].any()
    assert seen.x.shape[1] % 32 == 0 and seen.x.shape[2] % 32 == 0


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", [FORMS[0], FORMS[3], FORMS[4]], ids=str)
def test_a_crop_shows_what_lies_there(form: PixelForm, orientation: int) -> None:
    frame = made(form, 160, 120, orientation)
    whole = plainly(frame)
    seen = view(frame, RGB, crop=(11, 7, 74, 60))
    (x, y), (w, h) = (int(v) for v in seen.origin), seen.content
    assert x <= 11 and y <= 7 and x + w >= 74 and y + h >= 60
    assert w <= 63 + 3 and h <= 53 + 3
    assert np.abs(seen.x[:, :h, :w] - whole[:, y : y + h, x : x + w]).mean() <= 0.8


def test_order_mean_and_scale_are_the_network_s() -> None:
    frame = made(FORMS[0], 64, 64)
    plain = view(frame, RGB).x
    form = InputForm(order="BGR", mean=(1.0, 2.0, 3.0), scale=(0.5, 0.25, 2.0))
    assert np.allclose(view(frame, form).x, (plain[::-1] - np.array(form.mean)[:, None, None]) * np.array(form.scale)[:, None, None], atol=1e-3)


@pytest.mark.parametrize("orientation", [1, 6])
def test_flip_mirrors_the_content_and_not_the_padding(orientation: int) -> None:
    frame = made(FORMS[3], 70, 50, orientation)
    plain, flipped = view(frame, RGB), view(frame, RGB, flip=True)
    width = plain.content[0]
    assert np.allclose(flipped.x[:, :, :width], plain.x[:, :, :width][:, :, ::-1])
    assert not flipped.x[:, :, width:].any()


def test_sizes_are_reached_by_padding_or_by_stretching_or_are_fixed() -> None:
    frame = made(FORMS[0], 100, 40)
    assert view(frame, InputForm(fit="pad")).content == (100, 40)
    assert view(frame, InputForm(fit="resize")).content == (128, 64)
    assert view(frame, InputForm(size=(35, 77))).x.shape == (3, 77, 35)
    assert view(frame, InputForm(max_side=50)).content == (50, 20)
    assert view(frame, InputForm(max_side=150), zoom=2.0).content == (150, 60)
    assert view(frame, InputForm(), zoom=0.5).content == (50, 20)


@pytest.mark.parametrize("form", [PixelForm("rgb", alpha=True), PixelForm("yuv", shift_x=1, shift_y=1, full_range=False, alpha=True)], ids=str)
def test_what_lies_under_alpha_zero_is_black_and_does_not_bleed(form: PixelForm) -> None:
    frame = made(form, 64, 64)
    frame.planes[-1][...] = form.peak
    frame.planes[-1][:32] = 0
    frame.planes[0][:32] = 235
    seen = view(frame, InputForm(max_side=32))
    other = made(form, 64, 64)
    other.planes[-1][...] = frame.planes[-1]
    other.planes[0][:32] = 17
    assert np.abs(seen.x[:, :15]).max() < 0.01
    assert np.array_equal(seen.x, view(other, InputForm(max_side=32)).x)  # nothing of the hidden rows is anywhere


@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.integers(1, 8),
    st.booleans(),
    st.sampled_from((0.5, 1.0, 2.0)),
    st.sampled_from((FORMS[0], FORMS[3], FORMS[4])),
    st.data(),
)
def test_a_box_of_the_content_maps_onto_the_crop(
    width: int, height: int, orientation: int, flip: bool, zoom: float, form: PixelForm, data: st.DataObject
) -> None:
    frame = Frame([np.zeros(shape, form.dtype) for shape in form.shapes(width, height)], form, orientation)
    w, h = frame.size
    x0, y0 = data.draw(st.integers(0, w - 1)), data.draw(st.integers(0, h - 1))
    crop = (x0, y0, data.draw(st.integers(x0 + 1, w)), data.draw(st.integers(y0 + 1, h)))
    seen = view(frame, InputForm(max_side=256), crop=crop, zoom=zoom, flip=flip)
    box = seen.to_picture((0, 0, *seen.content))
    assert all(a <= b + 1e-6 for a, b in zip(box[:2], crop[:2], strict=True))
    assert all(a >= b - 1e-6 for a, b in zip(box[2:], crop[2:], strict=True))
    assert box[0] >= -1e-6 and box[1] >= -1e-6 and box[2] <= w + 1e-6 and box[3] <= h + 1e-6
    assert max(seen.content) <= 256
    assert np.allclose(to_stored(box, frame.size, orientation), np.clip(to_stored(box, frame.size, orientation), 0, None))


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_spot_is_found_again_where_it_is(orientation: int, flip: bool) -> None:
    """A bright block in the upright picture, looked up in x, mapped back."""
    frame = Frame([np.zeros(shape, np.uint8) for shape in FORMS[3].shapes(320, 200)], FORMS[3], orientation)
    frame.planes[1][...] = frame.planes[2][...] = 128
    block = (40, 60, 72, 84)
    left, top, right, bottom = (int(v) for v in to_stored(block, frame.size, orientation))
    frame.planes[0][top:bottom, left:right] = 235
    seen = view(frame, RGB, crop=(20, 30, 140, 180), zoom=2.0, flip=flip)
    rows, columns = np.nonzero(seen.x[1] > 128)
    box = seen.to_picture((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
    assert np.abs(np.array(box) - block).max() <= 1.0


def test_to_picture_of_a_mirrored_view_is_ordered() -> None:
    seen = View(np.zeros((3, 8, 8), np.float32), (8, 8), (10.0, 20.0), (2.0, 3.0), flipped=True)
    assert seen.to_picture((1, 2, 3, 4)) == (20.0, 26.0, 24.0, 32.0)


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_grey_is_the_luma_of_the_upright_picture(form: PixelForm, orientation: int) -> None:
    frame = made(form, 320, 240, orientation)
    small = grey(frame, 40)
    assert small.dtype == np.uint8
    assert small.shape == (round(frame.size[1] * 40 / frame.size[0]), 40)
    kr, kb = KR_KB[form.matrix if form.colour == "yuv" else "bt601"]
    luma = np.tensordot([kr, 1 - kr - kb, kb], plainly(frame), axes=1)
    want = cv2.resize(luma, (40, small.shape[0]), interpolation=cv2.INTER_AREA)
    assert np.abs(small - want).mean() <= 1.0


@pytest.mark.parametrize(("width", "height"), list(product((1, 2, 3), (1, 2, 500))))
def test_the_smallest_pictures_have_a_view(width: int, height: int) -> None:
    for form, orientation in product((FORMS[3], FORMS[0]), (1, 6)):
        frame = made(form, width, height, orientation)
        assert view(frame, InputForm(max_side=64)).x.shape[0] == 3
        assert grey(frame, 1).shape[1] == 1
