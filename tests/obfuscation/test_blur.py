import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from tests.obfuscation.sealing import copy_of, random_frame
from tests.obfuscation.worlds import forms, patch_over, planes_of, sizes, whole_patch

from velatura.errors import BadSpec
from velatura.media.frame import PixelForm
from velatura.obfuscation.blur import LIMITS, gaussian, parse

GREY16 = PixelForm("grey", 16)


@given(sizes, st.floats(0.1, 60), st.floats(0.1, 60), st.integers(0, 2**32 - 1))
def test_it_is_the_gaussian_of_scipy_mirrored_at_the_border(size, down, across, seed):
    plane = np.random.default_rng(seed).integers(0, 65536, size).astype(np.uint16)
    reference = gaussian_filter(plane.astype(float), (down, across), mode="reflect", truncate=4.0)
    assert np.abs(gaussian(plane, down, across) - reference).max() < 1e-6


def test_eight_bits_are_filtered_to_a_hundredth_of_a_level():
    plane = np.random.default_rng(0).integers(0, 256, (301, 203)).astype(np.uint8)
    reference = gaussian_filter(plane.astype(float), 9.5, mode="reflect", truncate=4.0)
    assert np.abs(gaussian(plane, 9.5, 9.5) - reference).max() < 0.01


@given(forms, sizes, st.floats(0.2, 30).map(lambda s: round(s, 2)), st.integers(0, 2**32 - 1))
def test_sigma_is_in_pixels_of_the_picture_in_every_plane(form, size, sigma, seed):
    frame, patch = whole_patch(np.random.default_rng(seed), form, size)
    before = planes_of(frame)
    parse(str(sigma)).begin(patch, entropy=bytes).apply(patch)
    for i in range(len(before) - form.alpha):
        sx, sy = form.subsampled(i)
        reference = gaussian_filter(before[i].astype(float), (sigma / (1 << sy), sigma / (1 << sx)), mode="reflect", truncate=4.0)
        assert np.abs(frame.planes[i] - reference).max() <= 0.51


def test_a_percentage_is_of_the_shorter_side():
    one, patch = whole_patch(np.random.default_rng(5), GREY16, (60, 40))
    other = copy_of(one)
    parse("10%").begin(patch, entropy=bytes).apply(patch)
    absolute = patch_over(other, (0, 0, 60, 40))
    parse("4").begin(absolute, entropy=bytes).apply(absolute)
    assert np.array_equal(one.planes[0], other.planes[0])


def test_nothing_from_outside_of_the_region_enters():
    rng = np.random.default_rng(5)
    one = random_frame(rng, GREY16, (64, 64))
    other = copy_of(one)
    other.planes[0][:, 40:] = rng.integers(0, 65536, (64, 24))
    for frame in (one, other):
        patch = patch_over(frame, (8, 8, 40, 40))
        parse("7").begin(patch, entropy=bytes).apply(patch)
    assert np.array_equal(one.planes[0][:, :40], other.planes[0][:, :40])


def test_a_huge_sigma_costs_no_more_and_gives_the_mean():
    frame, patch = whole_patch(np.random.default_rng(5), PixelForm("rgb"), (640, 480))
    means = [plane.mean() for plane in frame.planes]
    parse("5000").begin(patch, entropy=bytes).apply(patch)
    assert all(np.abs(plane - mean).max() <= 0.6 for plane, mean in zip(frame.planes, means, strict=True))


@pytest.mark.parametrize("parameters", ["", "0", "-1", "nan", "inf", "6000", "101%", "%", "1e999999999", "wide", "1_0"])
def test_a_wrong_parameter_is_refused_with_the_valid_form(parameters):
    with pytest.raises(BadSpec, match="blur takes a number") as refused:
        parse(parameters)
    assert "blur:SIGMA" in refused.value.hint and "N%" in refused.value.hint


def test_it_is_labelled_cosmetic_and_reversible():
    method = parse("5")
    assert method.cosmetic and not method.claims and "cosmetic and reversible" in method.limits == LIMITS
