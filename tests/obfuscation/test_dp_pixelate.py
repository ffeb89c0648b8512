import itertools
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.obfuscation.sealing import random_frame
from tests.obfuscation.worlds import forms, patch_over, sizes, whole_patch

from velatura.errors import BadSpec
from velatura.media.frame import Frame, PixelForm
from velatura.obfuscation import dp_pixelate, grid
from velatura.obfuscation.dp_pixelate import LIMITS, noise_levels, parse

GREY, YUV = PixelForm("grey"), PixelForm("yuv", 8, 1, 1)
NO_PRIVACY = "epsilon=1000000000"


def entropy(seed: int):
    return random.Random(seed).randbytes


def begun(text: str, patch, seed: int = 0):
    return parse(text).begin(patch, entropy=entropy(seed))


@given(forms, sizes, st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_without_noise_to_speak_of_it_is_pixelation(form, size, cells, seed):
    frame, patch = whole_patch(np.random.default_rng(seed), form, size)
    before = [plane.copy() for plane in frame.planes]
    begun(f"cells={cells},m=1,{NO_PRIVACY}", patch).apply(patch)
    rows, columns = grid.square(before[0].shape, cells)
    for i in range(len(before) - form.alpha):
        down, across = grid.even(before[i].shape[0], min(rows, before[i].shape[0])), grid.even(before[i].shape[1], min(columns, before[i].shape[1]))
        number = grid.counts(down, across)
        means = (grid.sums(before[i], down, across) + number // 2) // number
        assert np.abs(frame.planes[i].astype(int) - grid.spread(means, down, across)).max() <= 1
    assert not form.alpha or (frame.planes[-1] == form.peak).all()


def test_one_grid_is_painted_in_every_frame_of_a_track():
    rng = np.random.default_rng(1)
    shown = []
    treatment = None
    for _ in range(6):
        _, patch = whole_patch(rng, YUV, (64, 48))
        treatment = treatment or begun("cells=4,m=16,epsilon=1", patch)
        treatment.apply(patch)
        shown.append([plane.copy() for plane in patch.planes])
    assert all(np.array_equal(a, b) for planes in shown[1:] for a, b in zip(planes, shown[0], strict=True))


def test_a_later_frame_gives_nothing_of_itself_even_in_a_box_of_another_size():
    rng = np.random.default_rng(1)
    _, first = whole_patch(rng, YUV, (64, 48))
    treatment = begun("cells=4,m=roi,epsilon=20", first)
    treatment.apply(first)
    for size in [(30, 50), (3, 2), (1, 1), (200, 31)]:
        (one, a), (other, b) = whole_patch(rng, YUV, size), whole_patch(rng, YUV, size)
        treatment.apply(a)
        treatment.apply(b)
        assert all(np.array_equal(x, y) for x, y in zip(one.planes, other.planes, strict=True))
        assert set(np.unique(one.planes[0])) <= set(np.unique(first.planes[0]))


@pytest.mark.parametrize(("form", "m", "expected"), [
    (GREY, "roi", [255 * 15]), (GREY, "7", [255 * 7]), (GREY, "99", [255 * 15]),
    (PixelForm("rgb"), "7", [255 * 7 * 3] * 3), (YUV, "roi", [255 * 15 * 3, 255 * 6 * 3, 255 * 6 * 3]), (YUV, "4", [255 * 4 * 3] * 3),
    (PixelForm("rgb", 16, alpha=True), "2", [65535 * 2 * 3] * 3),
])  # fmt: skip
def test_the_noise_is_scaled_to_what_m_pixels_can_move_in_each_plane(monkeypatch, form, m, expected):
    """A region of 5 x 3 pixels; epsilon 2 for all planes together: each plane gets its third."""
    scales = []
    monkeypatch.setattr(dp_pixelate, "laplace_many", lambda scale, count, entropy: scales.append((scale, count)) or [0] * count)
    _, patch = whole_patch(np.random.default_rng(0), form, (5, 3))
    begun(f"cells=2,m={m},epsilon=2", patch)
    assert [scale for scale, _ in scales] == [Fraction(value, 2) for value in expected]


def test_no_change_of_m_pixels_moves_the_sums_by_more_than_the_noise_is_scaled_to():
    """Exhaustive: 5 x 3 pixels in 2 x 2 cells of 2 to 6 pixels, cut by no border alike; any two pixels set to any extreme."""
    down, across = grid.even(3, 2), grid.even(5, 3)
    plane = np.random.default_rng(2).integers(0, 256, (3, 5)).astype(np.uint8)
    base = grid.sums(plane, down, across)
    worst = 0
    for places in itertools.combinations(range(15), 2):
        for values in itertools.product((0, 255), repeat=2):
            changed = plane.copy()
            changed.flat[list(places)] = values
            worst = max(worst, int(np.abs(grid.sums(changed, down, across) - base).sum()))
    assert 255 < worst <= 255 * 2


@pytest.mark.parametrize("epsilon", [0.5, 2.0])
@pytest.mark.parametrize(("pixel", "cell"), [((0, 0), (0, 0)), ((2, 4), (1, 2))])
def test_epsilon_holds_for_the_smallest_and_the_largest_cell_and_is_not_wasted(epsilon, pixel, cell):
    """5 x 3 pixels in cells of 1 to 4; m=1. Noise on means for the full cell would let the smallest cell leak four times the claim."""
    method, draws = parse(f"cells=2,m=1,epsilon={epsilon}"), []
    for value in (0, 255):
        plane = np.full((3, 5), 128, np.uint8)
        plane[pixel] = value
        patch, source = patch_over(Frame([plane], GREY), (0, 0, 5, 3)), entropy(value)
        draws.append(np.array([method.begin(patch, entropy=source)._grids[0][cell] for _ in range(2500)]))
    bound = _epsilon_from_below(*draws)
    assert 0.3 * epsilon < bound <= epsilon


def _epsilon_from_below(a: np.ndarray, b: np.ndarray) -> float:
    """The best threshold on one half, its Clopper-Pearson bound on the other."""
    from scipy.stats import beta

    half = len(a) // 2
    best, chosen = 0.0, 128
    for threshold in range(1, 255, 2):
        p, q = (b[:half] >= threshold).mean(), (a[:half] >= threshold).mean()
        if q > 0.02 and p / q > best:
            best, chosen = p / q, threshold
    hits_b, hits_a = int((b[half:] >= chosen).sum()), int((a[half:] >= chosen).sum())
    low = beta.ppf(0.005, hits_b, half - hits_b + 1)
    high = beta.ppf(0.995, hits_a + 1, half - hits_a)
    return float(np.log(low / high))


def test_the_noise_of_a_cell_has_the_laplace_distribution_of_its_scale():
    """Mid-grey, 9 x 9 cells of 4 x 4 pixels, m=4: the mean size of Laplace noise is its scale, 255 * 4 / (epsilon * 16) levels."""
    plane = np.full((36, 36), 128, np.uint8)
    sizes_seen = []
    for seed in range(40):
        patch = patch_over(Frame([plane.copy()], GREY), (0, 0, 36, 36))
        begun("cells=9,m=4,epsilon=8", patch, seed).apply(patch)
        sizes_seen.append(patch.planes[0][::4, ::4].astype(int) - 128)
    seen = np.concatenate(sizes_seen).ravel()
    scale = 255 * 4 / (8 * 16)
    assert np.abs(seen).mean() == pytest.approx(scale, rel=0.05)
    assert abs(seen.mean()) < 4 * scale * 2**0.5 / len(seen) ** 0.5
    assert (np.abs(seen) > scale * np.log(2)).mean() == pytest.approx(0.5, abs=0.03)  # its median size


def test_another_draw_gives_another_grid_and_the_same_draw_the_same():
    frames = []
    for seed in (1, 1, 2):
        frame = random_frame(np.random.default_rng(9), GREY, (40, 40))
        patch = patch_over(frame, (0, 0, 40, 40))
        begun("cells=5,m=16,epsilon=1", patch, seed).apply(patch)
        frames.append(frame.planes[0])
    assert np.array_equal(frames[0], frames[1]) and not np.array_equal(frames[0], frames[2])


def test_samples_beyond_the_peak_of_a_lying_decoder_do_not_break_the_sensitivity():
    form = PixelForm("grey", 10)
    patch = patch_over(Frame([np.full((8, 8), 65535, np.uint16)], form), (0, 0, 8, 8))
    begun(f"cells=1,m=1,{NO_PRIVACY}", patch).apply(patch)
    assert (patch.planes[0] == form.peak).all()


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ("", "needs cells and m and epsilon"),
        ("cells=4,m=roi", "needs epsilon"),
        ("cells=4,m=roi,eps=1", "no parameter 'eps'"),
        ("cells=4,m=roi,epsilon", "one value for 'epsilon'"),
        ("cells=4,cells=5,m=roi,epsilon=1", "one value for 'cells'"),
        ("cells=0,m=roi,epsilon=1", "cells=0"),
        ("cells=4,m=all,epsilon=1", "m=all"),
        ("cells=4,m=0,epsilon=1", "m=0"),
        ("cells=4,m=roi,epsilon=0", "epsilon=0"),
        ("cells=4,m=roi,epsilon=-1", "epsilon=-1"),
        ("cells=4,m=roi,epsilon=nan", "epsilon=nan"),
        ("cells=4,m=roi,epsilon=inf", "epsilon=inf"),
        ("cells=4,m=roi,epsilon=1e99999", "epsilon=1e99999"),
    ],
)
def test_a_wrong_parameter_is_refused_with_the_valid_ones(parameters, words):
    with pytest.raises(BadSpec) as refused:
        parse(parameters)
    assert words in refused.value.sentence and "epsilon" in refused.value.hint + refused.value.sentence


def test_it_promises_epsilon_and_says_what_is_left_of_the_picture():
    private, useful = parse("cells=16,m=roi,epsilon=1"), parse(f"cells=8,m=16,{NO_PRIVACY}")
    assert private.claims["dp"].bound == 1.0 and not private.cosmetic
    assert private.limits.startswith(LIMITS) and "nothing of the picture is left" in private.limits
    assert "identifies" in useful.limits
    assert noise_levels(private, side=128) == 255 * 3 * 256
