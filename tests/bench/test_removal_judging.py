"""An output judged against the truth, and peers and dropped masks in the same run."""

from __future__ import annotations

import math

import numpy as np
import pytest
from benchmarks import removal_files as files
from benchmarks import removal_metrics as metrics
from benchmarks.removal_costs import longer
from benchmarks.removal_judging import Tally, judge, leaking, masks_in
from benchmarks.removal_peers import LABGEN, MEDIAN, NAVIER_STOKES, TELEA, peers, plates
from benchmarks.removal_runs import dropped
from tests.bench.removal_by_hand import BODY, GREY, SHADE, H, W, scene, with_person


def test_a_tally_measures_every_frame_and_a_ghost_shows_in_each_figure():
    source, hole = with_person(), BODY | SHADE
    good, bad = Tally(), Tally()
    ghost = (0.6 * source + 0.4 * GREY).astype(np.uint8)
    for _ in range(3):
        good.add(GREY, source, GREY, BODY, SHADE, hole)
        bad.add(GREY, source, ghost, BODY, SHADE, np.ones_like(hole))
    fine, poor = good.judged(), bad.judged()
    assert (fine.frames, fine.recall, fine.recall_worst, fine.shadow, fine.area, fine.leaked, fine.leaking) == (3, 1, 1, 1, 1, 0, ())
    assert fine.psnr > 77
    assert fine.warping == fine.truth_warping == 0
    assert (poor.recall, poor.leaked, poor.leaking) == (0, 3 * BODY.sum(), (0, 1, 2))
    assert poor.area > 10
    assert poor.psnr < 20
    assert poor.ssim < fine.ssim


def test_one_bad_frame_of_many_is_the_worst_frame():
    source, tally = with_person(), Tally()
    for index in range(10):
        tally.add(GREY, source, source if index == 4 else GREY, BODY, SHADE)
    judged = tally.judged()
    assert judged.recall == pytest.approx(0.9)
    assert judged.recall_worst == 0
    assert judged.leaking == (4,)
    assert math.isnan(Tally().judged().psnr)


def test_a_frame_leaks_from_a_twentieth_on():
    assert leaking([1.0, 0.96, 0.94, math.nan, 0.0]) == (2, 4)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    told = scene()
    return told, files.write(told, tmp_path_factory.mktemp("scene"))


def test_the_clean_clip_is_judged_perfect_and_the_composite_is_not(written):
    _, clips = written
    best, worst = judge(clips, clips.clean, masks=clips.holes), judge(clips, clips.composite)
    assert (best.recall, best.leaked, best.area) == (1, 0, 1)
    assert worst.recall == 0
    assert len(worst.leaking) >= 8
    assert best.psnr > worst.psnr + 30


def test_peers_fill_every_frame_and_a_plate_beats_paint_on_texture(written, tmp_path):
    told, clips = written
    made = plates(clips.composite)
    found = peers(clips, told, tmp_path, made)
    assert set(found) == {TELEA, NAVIER_STOKES, MEDIAN, LABGEN}
    assert found[MEDIAN].psnr > found[TELEA].psnr + 5
    assert set(peers(clips, told, tmp_path, {})) == {TELEA, NAVIER_STOKES}


def test_dropped_masks_are_empty_where_they_say_and_unchanged_elsewhere(written, tmp_path):
    _, clips = written
    gone = dropped(clips, tmp_path / "masks", length=3, rng=np.random.default_rng(0))
    assert len(gone) == 3
    for index, (left, right) in enumerate(zip(masks_in(clips.holes), masks_in(tmp_path / "masks"), strict=True)):
        assert left.any() or index not in gone
        assert not right.any() if index in gone else (left == right).all()
    with pytest.raises(ValueError, match="nobody"):
        dropped(clips, tmp_path / "more", length=12, rng=np.random.default_rng(0))


def test_what_is_covered_is_gone_and_told_apart():
    source, hole = with_person(), BODY | SHADE
    covered = source.copy()
    covered[16:52, 24:64] = 0
    plain, told = Tally(), Tally()
    for tally, covers in ((plain, False), (told, True)):
        tally.add(GREY, source, covered, BODY, SHADE, hole, covers=covers)
    assert plain.judged().recall < 0.5  # the dark body is nearer to black than to the grey
    one = told.judged()
    assert (one.recall, one.shadow, one.leaking, one.covered) == (1, 1, (), (0,))
    assert one.covered_area == pytest.approx(40 * 44 / (W * H))
    assert one.psnr < 10


def test_black_clothes_that_stay_are_no_cover():
    source = GREY.copy()
    source[BODY] = 5
    assert not metrics.covered(source, source).any()
    tally = Tally()
    tally.add(GREY, source, source, BODY, SHADE, covers=True)
    assert (tally.judged().recall, tally.judged().covered) == (0, ())
    thin = GREY.copy()
    thin[20:28] = 0
    assert not metrics.covered(GREY, thin).any()


def test_a_clip_over_and_over_is_as_long_as_it_says(written, tmp_path):
    told, clips = written
    long = longer(clips.composite, tmp_path / "long.mp4", times=3)
    once, thrice = list(files.pictures(clips.composite)), list(files.pictures(long))
    assert len(thrice) == 3 * told.count
    assert all((a == b).all() for a, b in zip(once * 3, thrice, strict=True))
