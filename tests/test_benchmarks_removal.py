"""What the benchmark of removal pastes, writes and measures: hand-made cases, each with one that must fail."""

from __future__ import annotations

import math
from itertools import islice, pairwise

import cv2
import numpy as np
import pytest
from benchmarks import removal, removal_inside, removal_memory, removal_page, removal_rows
from benchmarks import removal_files as files
from benchmarks import removal_metrics as metrics
from benchmarks import removal_pasting as pasting
from benchmarks.background_metrics import Nearness
from benchmarks.measure import Spread
from benchmarks.page import Row
from benchmarks.removal_costs import cropped, longer
from benchmarks.removal_judging import Judged, Tally, judge, leaking, masks_in
from benchmarks.removal_peers import LABGEN, MEDIAN, NAVIER_STOKES, TELEA, Peer, peers, plates
from benchmarks.removal_runs import Ran, Tried, dropped
from benchmarks.removal_scenes import Scene, Still, moving, residual_noise, static, swaying
from hypothesis import given
from hypothesis import strategies as st

W, H = 96, 64
GREY = np.full((H, W, 3), 120, np.uint8)
BODY = np.zeros((H, W), bool)
BODY[20:40, 30:42] = True
SHADE = np.zeros((H, W), bool)
SHADE[40:46, 34:60] = True


def person():
    """A dark red rectangle on nothing, feet at the bottom."""
    rgba = np.zeros((40, 16, 4), np.uint8)
    rgba[2:, 4:12] = (140, 20, 20, 255)
    return rgba


def with_person():
    source = GREY.copy()
    source[BODY] = (20, 20, 60)
    source[SHADE] = 100
    return source


def textured(seed=0):
    coarse = np.random.default_rng(seed).integers(60, 190, (H // 4, W // 4, 3)).astype(np.uint8)
    return cv2.resize(coarse, (W, H), interpolation=cv2.INTER_CUBIC)


def cast(kind, count=40, seed=1, moves=False):
    rng = np.random.default_rng(seed)
    return pasting.actors(kind, [[person(), person()]], (W, H), count, rng, ground=0.85, height=0.5, stand=0.5, moves=moves)


def scene(kind="walk", count=12):
    def frames():
        people = cast(kind, count)
        for index in range(count):
            yield pasting.paste(textured(), people, index)

    return Scene("test", kind, 25, (W, H), count, frames)


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


@pytest.mark.parametrize("kind", pasting.KINDS)
def test_truth_and_composite_differ_under_the_masks_alone(kind):
    people = cast(kind)
    seen = 0
    for index in range(40):
        made = pasting.paste(GREY, people, index)
        apart = np.abs(made.composite.astype(int) - made.clean).max(axis=2)
        assert not (made.object & made.shadow).any()
        # Under alpha .06, and 6 levels of shadow, is where nobody looks.
        assert apart[~(made.object | made.shadow)].max() <= 16
        seen += bool(made.object.any())
    assert seen > 10


def test_a_shadow_darkens_by_what_was_agreed_and_lies_at_the_feet():
    made = pasting.paste(GREY, cast("never"), 0)
    assert made.composite[made.shadow].min() >= 120 * pasting.SHADOW_GAIN - 1
    assert made.composite[made.shadow].min() < 95
    feet = np.nonzero(made.object)[0].max()
    assert abs(int(np.nonzero(made.shadow)[0].min()) - feet) <= 10


def test_kinds_move_as_they_are_called():
    never, frozen, halting = (cast(kind)[0].x for kind in ("never", "frozen", "stopgo"))
    assert np.ptp(never) == 0
    assert np.ptp(frozen[:20]) == 0
    assert frozen[-1] > frozen[20]
    assert (np.diff(halting) == 0).sum() >= 8
    assert len(cast("crowd")) == pasting.CROWD
    with pytest.raises(ValueError, match="none of"):
        cast("dance")


def test_who_stands_stays_with_the_scene_and_who_walks_with_the_screen():
    shift = np.array([[1, 0, 12], [0, 1, 0], [0, 0, 1]], float)
    for kind, by in (("never", 12), ("walk", 0)):
        people = cast(kind, moves=True)
        here, there = (pasting.paste(GREY, people, 20, moved=moved).object for moved in (np.eye(3), shift))
        assert abs(np.nonzero(there)[1].mean() - np.nonzero(here)[1].mean() - by) < 0.5


def test_the_exposure_of_people_is_that_of_the_scene():
    people = cast("never")
    made = pasting.paste(GREY, people, 0, gain=0.5)
    core = cv2.erode(made.object.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert abs(int(np.median(made.composite[core][:, 0])) - 70) <= 1


def test_a_strip_is_cut_into_its_postures_and_loses_the_paving_under_them(tmp_path):
    part = np.zeros((100, 60, 4), np.uint8)
    part[5:90, 20:40] = (120, 20, 10, 255)
    part[80:, 5:55] = (170, 172, 175, 255)
    part[80:90, 20:40] = (120, 20, 10, 255)
    path = tmp_path / "walker_n3.png"
    cv2.imwrite(str(path), np.hstack([part] * 3))
    postures = pasting.strip(path)
    assert [posture.shape for posture in postures] == [(90, 60, 4)] * 3
    assert tuple(postures[0][50, 30, :3]) == (10, 20, 120)
    assert not postures[0][85, 10, 3]
    plain = tmp_path / "grey_n1.png"
    cv2.imwrite(str(plain), np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="strip"):
        pasting.strip(plain)


def still():
    rng = np.random.default_rng(5)
    noise = tuple(rng.integers(-3, 4, (H, W, 3)).astype(np.int8) for _ in range(4))
    return Still(textured(3).astype(np.float32), noise)


def test_a_clean_clip_is_endless_seeded_and_near_its_plate():
    def played(seed):
        return [ground.picture for ground in islice(swaying(still(), np.random.default_rng(seed)), 10)]

    assert all((a == b).all() for a, b in zip(played(0), played(0), strict=True))
    assert any((a != b).any() for a, b in zip(played(0), played(1), strict=True))
    assert max(np.abs(picture - still().plate).max() for picture in played(0)) <= 4


def test_sway_moves_the_scene_by_what_it_says_and_drift_changes_its_light():
    grounds = list(islice(swaying(still(), np.random.default_rng(0), sway_px=2, drift=0.06), 130))
    shifts = np.array([ground.moved[:2, 2] for ground in grounds])
    assert 1.5 < np.abs(shifts).max() < 4
    lights = [ground.picture.mean() / still().plate.mean() for ground in grounds]
    assert max(lights) > 1.03
    assert min(lights) < 0.97


def test_people_of_the_source_clip_are_no_noise():
    plate = np.full((H, W, 3), 100, np.float32)
    frame = np.full((H, W, 3), 103, np.uint8)
    frame[20:30, 20:30] = 200
    noise = residual_noise(frame, plate)
    assert (noise[16:34, 16:34] == 0).all()
    assert (noise[50:] == 3).all()


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_colours_survive_the_way_into_a_clip(colour):
    picture = np.full((4, 6, 3), colour, np.uint8)
    assert np.abs(files.to_rgb(files.to_frame(picture)).astype(int) - picture).max() <= 2


def test_an_odd_side_is_refused():
    with pytest.raises(ValueError, match="even"):
        files.to_frame(np.zeros((5, 6, 3), np.uint8))


def test_a_scene_is_written_and_read_back(tmp_path):
    told = scene()
    written = files.write(told, tmp_path)
    made = list(told.frames())
    for clip, wanted in ((written.composite, [m.composite for m in made]), (written.clean, [m.clean for m in made])):
        read = list(files.pictures(clip))
        assert len(read) == told.count
        assert max(np.abs(cv2.cvtColor(a, 7).astype(int) - cv2.cvtColor(b, 7)).mean() for a, b in zip(read, wanted, strict=True)) < 2.5
    for frame, (body, shade) in zip(made, files.holes(written), strict=True):
        assert (body == frame.object).all()
        assert (shade == frame.shadow).all()
    first = cv2.imread(str(written.holes / "000005.png"), cv2.IMREAD_GRAYSCALE)
    assert ((first == 255) == (made[5].object | made[5].shadow)).all()


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


def judged(**figures):
    best = {"frames": 10, "recall": 1.0, "recall_worst": 1.0, "shadow": 1.0, "shadow_worst": 1.0, "area": 1.2, "leaked": 0, "leaking": ()}
    best |= {
        "covered": (),
        "covered_area": 0.0,
        "psnr": 40.0,
        "psnr_worst": 35.0,
        "ssim": 0.99,
        "outside": 42.0,
        "warping": 1.0,
        "truth_warping": 1.0,
    }
    return Judged(**(best | figures))


def nearness(age):
    return removal_inside.Near(Nearness(age, 0.0, 0.0, 40.0, 1.0, 40.0), age)


def run(name="plaza walk", status=0, told=None, ages=None, leak=None, **figures):
    place = Scene(name, "walk", 25, (W, H), 10, lambda: iter(()))
    ours = None if status else judged(**figures)
    near = {kind: nearness(age) for kind, age in (ages or {}).items()}
    return Tried(place, Ran(status, told or {}, (), 0.2, None, None), ours, {TELEA: Peer(25.0, 0.01)}, near, leak)


def reached(group, *runs):
    return {row.what: row.reached for row in removal_rows.rows({group: list(runs)}, removal_rows.Beside())}


def test_rows_are_reached_by_good_figures_and_missed_by_bad_ones():
    assert all(reached("static", run(), run("roadtop walk")).values())
    assert not all(reached("static", run()).values())  # nothing flat was run
    assert not all(reached("static", run(recall_worst=0.5)).values())
    assert not all(reached("static", run(area=2.0)).values())
    assert not all(reached("static", run(psnr=30.0)).values())
    assert not all(reached("static", run(), run(status=3)).values())
    assert all(reached("moving", run()).values())
    assert not all(reached("moving", run(shadow=0.5)).values())
    assert all(reached("moving, masks given", run()).values())
    assert not all(reached("moving, masks given", run(warping=1.2)).values())


def test_who_stands_must_not_pass_quietly():
    assert all(reached("frozen", run(), run(status=3)).values())
    assert not all(reached("frozen", run(leaking=(2, 3))).values())
    named = {"shows": [{"frame": 2}, {"frame": 3}]}
    assert all(reached("frozen", run(told=named, leaking=(2, 3))).values())
    assert all(reached("frozen", run(leaking=(2, 3), covered=(1, 2, 3))).values())
    assert not all(reached("frozen", run(leaking=(2, 3), covered=(1, 2))).values())
    assert all(reached("frozen", run(leak=(0.02, 0.9)), run(leak=(0.0, 0.0))).values())
    assert not all(reached("frozen", run(leak=(0.02, 0.9)), run(leak=(0.05, 0.0))).values())
    assert all(reached("never", run(status=3)).values())
    assert not all(reached("never", run()).values())


def test_a_background_is_held_against_the_better_peer_on_each_composite():
    good, bad = {"ours": 1.01, MEDIAN: 1.0, LABGEN: 3.0}, {"ours": 1.5, MEDIAN: 2.0, LABGEN: 1.4}
    for ages, fine in (([good], True), ([good, bad], False), ([{MEDIAN: 1.0, LABGEN: 1.0}], False)):
        told = removal_rows.rows({"frozen": [run(ages=one) for one in ages]}, removal_rows.Beside())
        assert [row.reached for row in told if row.what.startswith("background")] == [fine]


def test_a_camera_that_sways_is_held_against_the_same_scene_that_stands():
    still = [run("plaza walk", psnr=40.0), run("roadtop walk", psnr=60.0)]
    for psnr, fine in ((37.0, True), (35.0, False)):
        results = {"static": still, "swaying camera": [run("plaza walk sway 2px", psnr=psnr)]}
        told = removal_rows.rows(results, removal_rows.Beside())
        assert [row.reached for row in told if row.what.startswith("sway")] == [fine]


def test_what_is_measured_beside_the_scenes_has_its_rows():
    beside = removal_rows.Beside(
        raw={"plaza walk": (50.0, 37.0)},
        drops=[removal_rows.Drop(2, 2, 0, 100), removal_rows.Drop(3, 2, 1, 100)],
        back=[("plaza walk", removal_inside.PutBack(10, 10, 200, 1))],
        cost={"static, 640x360": Spread.of([0.05])},
        memory=[Row("memory", "small", "small", True)],
    )
    assert [row.reached for row in removal_rows.rows({}, beside)] == [True, False, True, False, True]
    assert len(removal_page.beside_tables(beside)) == 4
    assert removal_rows.rows({}, removal_rows.Beside()) == removal_page.beside_tables(removal_rows.Beside()) == []


def test_a_scene_has_a_cell_for_each_column_and_nothing_in_json_is_not_a_number():
    assert len(removal_page.line(run())) == len(removal_page.line(run(status=3))) == len(removal_page.HEAD)
    assert removal_page.plain({"a": [math.nan, judged(psnr=math.nan)]})["a"][0] is None
    assert removal_page.plain(run(status=3))["ours"] is None
    ages = {"ours": 1.0, MEDIAN: 2.0}
    told = "".join(removal_page.sections({"static": [run(ages=ages)], "moving": [run(ages=ages)]}, removal_rows.Beside()))
    assert told.count("| plaza walk | 25.0 (0.010) |") == 1


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


def test_a_clip_over_and_over_is_as_long_as_it_says(written, tmp_path):
    told, clips = written
    long = longer(clips.composite, tmp_path / "long.mp4", times=3)
    once, thrice = list(files.pictures(clips.composite)), list(files.pictures(long))
    assert len(thrice) == 3 * told.count
    assert all((a == b).all() for a, b in zip(once * 3, thrice, strict=True))


def test_a_run_short_of_time_names_what_it_leaves_out_and_has_one_of_each_kind_first():
    planned = removal.steps(removal.Plan((1, 2), 4))
    names = [name for name, _ in planned]
    assert len(names) == len(planned) > 40
    assert names.index("moving walk walk") < names.index("cost: moving, 1280x720") < names.index("indoor crowd")
    done = []
    told = [("a", lambda bench: done.append(bench)), ("b", lambda bench: done.append(bench))]
    assert removal.measure(told, None, None) == []
    assert removal.measure(told, None, -1.0) == ["a", "b"]
    assert len(done) == 2


def test_memory_of_a_clip_that_is_not_the_whole_one_reaches_nothing():
    assert removal_memory.told({20: 300.0, 600: 400.0}).reached
    assert not removal_memory.told({20: 300.0, 600: 1200.0}).reached
    short = removal_memory.told({20: 300.0})
    assert not short.reached
    assert "not run" in short.measured


def test_a_scene_is_cropped_from_above():
    told = cropped(scene(), 40)
    assert told.size == (W, 40)
    for whole, part in zip(scene().frames(), told.frames(), strict=True):
        assert (whole.composite[H - 40 :] == part.composite).all()
        assert part.object.shape == (40, W)
    with pytest.raises(ValueError, match="high"):
        cropped(scene(), H + 2)


def test_real_scenes_are_the_same_each_time_they_are_played(shared):
    for told in (
        static("roadtop", "crowd", count=4, width=160, seed=3),
        moving("pan", "frozen", count=4, width=160),
        moving("walk", "stopgo", count=4, width=160),
    ):
        first, second = list(told.frames()), list(told.frames())
        assert [frame.composite.shape for frame in first] == [(told.size[1], told.size[0], 3)] * 4
        for a, b in zip(first, second, strict=True):
            assert (a.composite == b.composite).all()
            assert (a.object == b.object).all()
    with pytest.raises(ValueError, match="none of"):
        moving("flight", "walk")


def test_who_stands_before_a_camera_that_moves_stays_on_his_spot(shared):
    frames = list(moving("pan", "frozen", count=30, width=320, stand=1.0).frames())
    first, last = frames[0], frames[-1]
    shift = np.nonzero(last.object)[1].mean() - np.nonzero(first.object)[1].mean()
    a, b = (cv2.cvtColor(frame.clean, cv2.COLOR_RGB2GRAY).astype(np.float32) for frame in (first, last))
    (dx, _), _ = cv2.phaseCorrelate(a.copy(), b.copy())
    assert abs(shift) > 5
    assert abs(shift - dx) < 6
