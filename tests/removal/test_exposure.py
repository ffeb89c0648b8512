from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.media.frame import PixelForm, Plane
from velatura.removal.exposure import Exposure, applied, fit

YUV = PixelForm("yuv", shift_x=1, shift_y=1, full_range=False)
TEN = PixelForm("yuv", bits=10, shift_x=1, shift_y=1, full_range=False)
FORMS = [
    YUV,
    TEN,
    PixelForm("rgb"),
    PixelForm("rgb", bits=16, alpha=True),
    PixelForm("grey"),
    PixelForm("grey", bits=12),
    PixelForm("yuv", shift_x=1, alpha=True),
]


def scene(form: PixelForm, width: int = 160, height: int = 120, *, noise: float = 0.0, seed: int = 0) -> list[Plane]:
    """Patches of many values, the same for one seed; and noise of its own for one `noise`."""
    rng = np.random.default_rng(seed)
    grain = np.random.default_rng(int(noise * 1000) + 7)
    planes: list[Plane] = []
    for index, (rows, columns) in enumerate(form.shapes(width, height)):
        chroma = form.colour == "yuv" and index in (1, 2)
        coarse = rng.uniform(90, 165, (-(-rows // 8), -(-columns // 8))) if chroma else rng.uniform(40, 190, (-(-rows // 8), -(-columns // 8)))
        values = np.kron(coarse, np.ones((8, 8)))[:rows, :columns] + grain.normal(0, noise, (rows, columns))
        planes.append(np.clip(values * (1 << (form.bits - 8)), 0, form.peak).astype(form.dtype))
    return planes


def lit(planes: list[Plane], form: PixelForm, gain: float, lift: float = 0.0) -> list[Plane]:
    """In another light: chroma turns around its middle, alpha stays."""
    made = []
    for index, plane in enumerate(planes):
        if form.alpha and index == len(planes) - 1:
            made.append(plane.copy())
            continue
        chroma = form.colour == "yuv" and index in (1, 2)
        middle, up = (1 << (form.bits - 1), 0.0) if chroma else (0, lift * (1 << (form.bits - 8)))
        made.append(np.clip((plane.astype(float) - middle) * gain + middle + up + 0.5, 0, form.peak).astype(form.dtype))
    return made


def apart(a: list[Plane], b: list[Plane], form: PixelForm) -> float:
    """The largest mean difference of a plane, grey levels of 8 bits."""
    return max(float(np.abs(x.astype(float) - y).mean()) for x, y in zip(a, b, strict=True)) / (1 << (form.bits - 8))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("gain", [0.94, 1.06, 0.7, 1.25])
def test_a_picture_is_brought_to_the_light_of_another(form: PixelForm, gain: float) -> None:
    plate = scene(form)
    frame = lit(plate, form, gain, 3.0)
    light = fit(frame, plate, form)
    assert light.fits
    assert len(light.gains) == form.planes - form.alpha
    assert light.gains[0] == pytest.approx(gain, abs=0.01)
    assert apart(applied(plate, form, light), frame, form) <= 0.75


@given(st.floats(0.6, 1.3), st.floats(-12, 12))
def test_any_light_is_found_under_noise(gain: float, lift: float) -> None:
    form = PixelForm("grey")
    plate, clean = scene(form), scene(form)
    noisy = lit(scene(form, noise=6.0), form, gain, lift)
    light = fit(noisy, plate, form)
    truth = lit(clean, form, gain, lift)
    assert light.fits
    assert apart(applied(plate, form, light), truth, form) <= 1.2


def test_there_and_back_again_is_where_it_began() -> None:
    plate = scene(YUV)
    frame = lit(plate, YUV, 1.1, -4)
    there = applied(plate, YUV, fit(frame, plate, YUV))
    assert apart(applied(there, YUV, fit(plate, there, YUV)), plate, YUV) <= 1.0


def test_grain_does_not_pass_for_contrast() -> None:
    """A background is smoother than a frame; fitted pixel by pixel by their spreads the gain would be 1.02."""
    plate, frame = scene(YUV), scene(YUV, noise=8.0)
    assert fit(frame, plate, YUV).gains[0] == pytest.approx(1.0, abs=0.01)
    assert fit(plate, frame, YUV).gains[0] == pytest.approx(1.0, abs=0.01)


def test_people_do_not_count() -> None:
    plate = scene(YUV)
    frame = lit(plate, YUV, 1.06)
    frame[0][20:100, 30:90] = 20
    usable = np.ones(plate[0].shape, np.bool_)
    usable[20:100, 30:90] = False
    assert fit(frame, plate, YUV, usable).gains[0] == pytest.approx(1.06, abs=0.005)
    frame = lit(plate, YUV, 1.06)
    frame[0][30:90, 30:70] = 20  # 12 % that nobody masked
    assert fit(frame, plate, YUV).gains[0] == pytest.approx(1.06, abs=0.01)


def test_clipped_pixels_do_not_count() -> None:
    plate = scene(PixelForm("grey"))
    plate[0][:, :40] = 240
    frame = lit(plate, PixelForm("grey"), 1.3)
    assert (frame[0] == 255).mean() > 0.2
    assert fit(frame, plate, PixelForm("grey")).gains[0] == pytest.approx(1.3, abs=0.02)


@pytest.mark.parametrize("gain", [0.3, 0.1, 2.4])
def test_a_fade_does_not_fit(gain: float) -> None:
    plate = [np.clip(plane, 20, 100) for plane in scene(PixelForm("grey"))]
    assert not fit(lit(plate, PixelForm("grey"), gain), plate, PixelForm("grey")).fits


def test_another_place_does_not_fit() -> None:
    assert not fit(scene(YUV, seed=5), scene(YUV), YUV).fits


def test_a_covered_picture_fits_nothing() -> None:
    plate = scene(YUV)
    assert not fit(plate, plate, YUV, np.zeros(plate[0].shape, np.bool_)).fits


def test_black_on_black_fits_and_black_on_white_does_not() -> None:
    form = PixelForm("rgb")
    black, white = ([np.full((60, 80), value, np.uint8) for _ in range(3)] for value in (0, 255))
    assert fit(black, black, form).fits
    assert not fit(white, black, form).fits


def test_a_plane_that_says_nothing_does_not_spoil_the_others() -> None:
    form = PixelForm("rgb")
    plate = scene(form)
    plate[2][:] = 0
    frame = lit(plate, form, 0.9)
    light = fit(frame, plate, form)
    assert light.fits and light.gains[2] == 1.0
    assert light.gains[0] == pytest.approx(0.9, abs=0.01)


def test_a_flat_picture_takes_the_level_alone() -> None:
    form = PixelForm("grey")
    grey, lighter = [np.full((60, 80), 100, np.uint8)], [np.full((60, 80), 110, np.uint8)]
    light = fit(lighter, grey, form)
    assert light.fits
    assert np.array_equal(applied(grey, form, light)[0], lighter[0])


def test_what_would_hardly_change_is_left_alone() -> None:
    plate = scene(YUV, noise=3.0)
    made = applied(plate, YUV, Exposure((1.0005, 1.0, 1.0), (0.1, 0.2, 0.0)))
    assert all(np.array_equal(a, b) and a is not b for a, b in zip(made, plate, strict=True))


def test_alpha_stays_and_samples_stay_in_range() -> None:
    form = PixelForm("rgb", bits=10, alpha=True)
    plate = scene(form)
    made = applied(plate, form, Exposure((3.0, 3.0, 3.0), (0.0, 0.0, 0.0)))
    assert np.array_equal(made[3], plate[3])
    assert all(int(plane.max()) <= form.peak and plane.dtype == np.uint16 for plane in made)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (7, 1), (33, 17), (1, 200)])
@pytest.mark.parametrize("form", [YUV, TEN, PixelForm("grey")])
def test_small_and_odd_pictures(form: PixelForm, size: tuple[int, int]) -> None:
    plate = scene(form, *size)
    light = fit(plate, plate, form, np.ones(plate[0].shape, np.bool_))
    made = applied(plate, form, light)
    assert apart(made, plate, form) <= 1.0
    assert [plane.shape for plane in made] == form.shapes(*size)


def test_lights_that_lead_to_one_lead_to_each_other() -> None:
    planes = scene(YUV)
    to_bright, to_dark = Exposure((1.2, 1.1, 1.1), (4.0, -12.8, -12.8)), Exposure((0.9, 0.95, 0.95), (2.0, 6.4, 6.4))
    via = applied(applied(planes, YUV, to_bright.after(to_dark)), YUV, to_dark)
    straight = applied(planes, YUV, to_bright)
    inside = (straight[0] > 20) & (straight[0] < 230) & (via[0] < 230)
    assert inside.mean() > 0.5
    assert np.abs(via[0].astype(int) - straight[0])[inside].max() <= 1


def test_its_reach_is_what_it_changes_at_most_in_the_middle_of_the_range() -> None:
    for form in (YUV, TEN):
        unit = 1 << (form.bits - 8)
        exposure = Exposure((1.02, 1.0, 0.98), (-3.0 * unit, 1.0 * unit, 0.0))
        ramp = np.arange(form.peak // 4, form.peak * 3 // 4, dtype=form.dtype)[None]
        changed = [np.abs(made.astype(int) - ramp).max() for made in applied([ramp] * 3, form, exposure)]
        assert abs(max(changed) / unit - exposure.reach(form)) <= 1
    assert Exposure((1.0,), (0.0,)).reach(PixelForm("grey")) == 0
