"""Rows of the page: reached by good figures, missed by bad ones."""

from __future__ import annotations

import math

from benchmarks import removal, removal_inside, removal_memory, removal_page, removal_rows
from benchmarks.background_metrics import Nearness
from benchmarks.measure import Spread
from benchmarks.page import Row
from benchmarks.removal_judging import Judged
from benchmarks.removal_peers import LABGEN, MEDIAN, TELEA, Peer
from benchmarks.removal_runs import Ran, Tried
from benchmarks.removal_scenes import Scene
from tests.bench.removal_by_hand import H, W


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
