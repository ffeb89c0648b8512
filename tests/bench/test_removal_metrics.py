"""What the figures of removal see, on hand-made frames: each with one that must fail."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from benchmarks import removal_metrics as metrics
from tests.bench.removal_by_hand import BODY, GREY, SHADE, H, W, textured, with_person


def test_recall_of_what_is_gone_half_gone_and_still_there():
    source = with_person()
    assert metrics.object_recall(GREY, source, GREY, BODY) == metrics.Recall(240, 0)
    half = source.copy()
    half[:30] = GREY[:30]
    assert metrics.object_recall(GREY, source, half, BODY).share == pytest.approx(0.5)
    assert metrics.object_recall(GREY, source, source, BODY).share == 0


def test_a_fill_that_is_wrong_but_no_longer_the_person_counts_as_gone_and_a_blend_near_the_person_does_not():
    source = with_person()
    wrong, blend = GREY.copy(), source.copy()
    wrong[BODY] = 90
    blend[BODY] = (0.3 * GREY[BODY] + 0.7 * source[BODY]).astype(np.uint8)
    assert metrics.object_recall(GREY, source, wrong, BODY).leaked == 0
    assert metrics.object_recall(GREY, source, blend, BODY).leaked == BODY.sum()


def test_what_nobody_can_see_is_not_counted():
    nearly = GREY.copy()
    nearly[BODY] += 24
    assert metrics.object_recall(GREY, nearly, nearly, BODY).visible == 0
    assert math.isnan(metrics.object_recall(GREY, nearly, nearly, BODY).share)
    nearly[BODY] += 1
    assert metrics.object_recall(GREY, nearly, nearly, BODY) == metrics.Recall(240, 240)


@pytest.mark.parametrize(("darkening", "visible"), [(9, 0), (10, 1)])
def test_a_shadow_is_visible_from_ten_levels_on(darkening, visible):
    source = GREY.copy()
    source[SHADE] -= darkening
    assert metrics.shadow_recall(GREY, source, GREY, SHADE).visible == visible * SHADE.sum()


def test_a_shadow_that_stays_is_missed_and_brightening_is_no_shadow():
    source = with_person()
    assert metrics.shadow_recall(GREY, source, GREY, SHADE).share == 1
    assert metrics.shadow_recall(GREY, source, source, SHADE).share == 0
    bright = GREY.copy()
    bright[SHADE] += 40
    assert metrics.shadow_recall(GREY, bright, bright, SHADE).visible == 0


def test_area_counts_what_was_changed_by_more_than_ten_levels():
    source, output = with_person(), GREY.copy()
    output[:5] += 10
    hole = BODY | SHADE
    assert metrics.area_ratio(metrics.changed(source, output), hole) == 1
    output[:5] += 1
    assert metrics.area_ratio(metrics.changed(source, output), hole) == pytest.approx(1 + 5 * W / hole.sum())
    assert metrics.area_ratio(BODY, np.zeros_like(BODY)) == math.inf
    assert math.isnan(metrics.area_ratio(np.zeros_like(BODY), np.zeros_like(BODY)))


def test_psnr_sees_the_hole_alone():
    output = GREY.copy()
    output[~BODY] = 0
    assert metrics.hole_psnr(GREY, output, BODY) > 77
    output[BODY] = 121
    assert metrics.hole_psnr(GREY, output, BODY) == pytest.approx(20 * math.log10(255))
    output[BODY] = 140
    assert metrics.hole_psnr(GREY, output, BODY) == pytest.approx(20 * math.log10(255 / 20))
    small = np.zeros_like(BODY)
    small[0, :50] = True
    assert math.isnan(metrics.hole_psnr(GREY, output, small))
    assert math.isnan(metrics.hole_ssim(GREY, output, small))


def test_ssim_falls_where_texture_is_lost():
    truth = textured()
    flat = truth.copy()
    flat[BODY] = truth[BODY].mean(axis=0).astype(np.uint8)
    assert metrics.hole_ssim(truth, truth, BODY) == pytest.approx(1)
    assert metrics.hole_ssim(truth, flat, BODY) < 0.6


def test_the_ssim_is_that_of_scikit_image():
    similar = pytest.importorskip("skimage.metrics").structural_similarity
    a, b = textured(0), textured(1)
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float64) for picture in (a, b)]
    _, likeness = similar(*grey, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True)
    assert metrics.hole_ssim(a, b, BODY) == pytest.approx(likeness[BODY].mean(), abs=1e-3)


def test_warping_follows_a_scene_that_moves_and_finds_a_fill_that_does_not():
    truth = textured()
    after = np.roll(truth, 2, axis=1)
    flow = np.zeros((H, W, 2), np.float32)
    flow[..., 0] = 2
    assert metrics.warping_error(truth, after, flow, BODY) == 0
    stuck = after.copy()
    stuck[BODY] = truth[BODY]
    assert metrics.warping_error(truth, stuck, flow, BODY) > 5
    assert np.abs(metrics.truth_flow(truth, after)[16:48, 16:80] - (2, 0)).mean() < 0.2


def test_warping_has_nothing_to_say_where_the_flow_leaves_the_picture():
    flow = np.full((H, W, 2), 1000, np.float32)
    assert math.isnan(metrics.warping_error(GREY, GREY, flow, BODY))


def test_baselines_touch_the_hole_and_its_rim_alone():
    source, hole = with_person(), BODY | SHADE
    rim = cv2.dilate(hole.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    for output in (
        metrics.inpainted(source, hole, 3),
        metrics.inpainted(source, hole, 5),
        metrics.inpainted(source, hole, 3, navier_stokes=True),
        metrics.pasted(source, GREY, hole),
    ):
        assert (output[~rim] == source[~rim]).all()
        assert metrics.object_recall(GREY, source, output, BODY).share == 1


def test_a_median_shows_whoever_stands_for_more_than_half():
    assert (metrics.plate_of([GREY, GREY, with_person()]) == GREY).all()
    assert (metrics.plate_of([GREY, with_person(), with_person()]) == with_person()).all()
