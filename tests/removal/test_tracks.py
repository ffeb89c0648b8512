"""Tracks over whole lives: fast walkers, gaps, borders, moving cameras, uneven frames, posters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from velatura.detect.region import Region, Scores
from velatura.removal.tracks import Boxes, Track, follow

SCORES = {"person": Scores(low=0.35, high=0.5, sure=0.75)}
SIZE = (640, 360)
RATE = 25.0


def person(x: float, y: float = 200.0, *, width: float = 30.0, height: float = 90.0, score: float = 0.8) -> Region:
    """Centre x, y."""
    return Region((x - width / 2, y - height / 2, x + width / 2, y + height / 2), "person", score)


def cut(region: Region) -> Region | None:
    """What a detector can see of it: the part within the picture."""
    x0, y0, x1, y1 = region.box
    box = (max(x0, 0.0), max(y0, 0.0), min(x1, float(SIZE[0])), min(y1, float(SIZE[1])))
    return Region(box, region.label, region.score) if box[2] - box[0] > 12 and box[3] - box[1] > 12 else None


def clock(frames: int) -> list[float]:
    return [index / RATE for index in range(frames)]


def covered(track: Track, frame: int, box: tuple[float, float, float, float]) -> float:
    """Share of the part of a box within the picture that a track's box covers."""
    part = (max(box[0], 0.0), max(box[1], 0.0), min(box[2], SIZE[0]), min(box[3], SIZE[1]))
    mine = track.boxes.get(frame, (0.0, 0.0, 0.0, 0.0))
    common = max(0.0, min(part[2], mine[2]) - max(part[0], mine[0])) * max(0.0, min(part[3], mine[3]) - max(part[1], mine[1]))
    return common / ((part[2] - part[0]) * (part[3] - part[1]))


def test_a_fast_small_walker_is_one_track_where_overlap_alone_would_lose_him() -> None:
    found = [[person(30 + 24 * index, width=20, height=60)] for index in range(24)]  # 1.2 of his widths a frame: no two boxes overlap
    tracks = follow(found, clock(24), SIZE, scores=SCORES)
    assert len(tracks) == 1
    assert tracks[0].first == 0
    assert tracks[0].last == 23
    assert all(covered(tracks[0], index, found[index][0].box) > 0.99 for index in range(24))


def test_gaps_are_bridged_along_the_line_up_to_twelve_frames() -> None:
    found = [[person(100 + 3 * index)] if not 20 <= index < 31 else [] for index in range(60)]
    tracks = follow(found, clock(60), SIZE, scores=SCORES)
    assert len(tracks) == 1
    assert all(covered(tracks[0], index, person(100 + 3 * index).box) > 0.9 for index in range(60))


def test_who_begins_beside_where_another_was_lost_is_somebody_else() -> None:
    found = [[person(100)] if index < 20 else [] if index < 26 else [person(300)] for index in range(50)]
    assert len(follow(found, clock(50), SIZE, scores=SCORES)) == 2


def test_frames_that_nobody_looked_at_have_boxes_too() -> None:
    found = [[person(100 + 2 * index)] if index % 5 == 0 else None for index in range(51)]
    (track,) = follow(found, clock(51), SIZE, scores=SCORES)
    assert list(track.boxes) == list(range(51))
    assert all(covered(track, index, person(100 + 2 * index).box) > 0.95 for index in range(51))


def test_a_low_score_continues_a_track_and_begins_none() -> None:
    found = [[person(100 + 2 * index, score=0.8 if index == 10 else 0.4), person(500, score=0.4)] for index in range(25)]
    tracks = follow(found, clock(25), SIZE, scores=SCORES)
    assert len(tracks) == 1
    assert tracks[0].score == 0.8
    assert covered(tracks[0], 24, person(148).box) > 0.95
    assert covered(tracks[0], 3, person(106).box) > 0.5  # carried back


def test_who_comes_in_and_goes_out_is_covered_until_he_is_outside() -> None:
    """The worst frames of the notes: a third of a body at a border scores nothing."""
    frames = 120

    def x(index: int) -> float:
        return -60 + 6.5 * index

    found: list[list[Region]] = []
    for index in range(frames):
        seen = cut(person(x(index)))
        found.append([seen] if seen is not None and seen.box[2] - seen.box[0] > 24 else [])
    (track,) = follow(found, clock(frames), SIZE, scores=SCORES)
    for index in range(frames):
        box = person(x(index)).box
        if box[2] > 3 and box[0] < SIZE[0] - 3:
            assert covered(track, index, box) > 0.85, index
    assert track.first > 2  # not for ever
    assert track.last < frames - 3


def test_in_the_middle_of_the_picture_an_end_runs_on_for_a_moment() -> None:
    found = [[person(300)] if 20 <= index < 40 else [] for index in range(80)]
    (track,) = follow(found, clock(80), SIZE, scores=SCORES)
    assert 20 - 8 <= track.first <= 20 - 7
    assert 39 + 7 <= track.last <= 39 + 8
    assert track.found == (20, 39)
    assert [frame for frame in track.boxes if track.is_found(frame)] == list(range(20, 40))
    assert not track.is_found(79)


def test_a_car_that_leaves_downwards_is_covered_until_it_is_outside() -> None:
    def box(index: int) -> tuple[float, float, float, float]:
        return 280.0, 60.0 + 8 * index, 400.0, 140.0 + 8 * index

    found = []
    for index in range(60):
        x0, y0, x1, y1 = box(index)
        found.append([Region((x0, y0, x1, min(y1, 360.0)), "vehicle", 0.9)] if y0 < 320 else [])
    (track,) = follow(found, clock(60), SIZE, scores={"vehicle": SCORES["person"]})
    for index in range(37):
        assert covered(track, index, box(index)) > 0.9, index
    assert track.last < 50


def test_who_waits_at_a_border_and_is_seen_no_more_runs_on_for_a_moment_only() -> None:
    found = [[Region((0.0, 100.0, 40.0, 250.0), "person", 0.9)] if index < 30 else [] for index in range(90)]
    (track,) = follow(found, clock(90), SIZE, scores=SCORES)
    assert track.last <= 29 + 8


def test_a_gap_of_a_second_is_not_bridged() -> None:
    found = [[person(100)] if index < 20 or index >= 45 else [] for index in range(70)]
    first, second = follow(found, clock(70), SIZE, scores=SCORES)
    assert first.last < 30
    assert second.first > 35
    assert not first.still


def test_time_counts_and_not_the_number_of_a_frame() -> None:
    times = np.cumsum(np.where(np.arange(40) % 3 == 0, 0.12, 0.02))
    found = [[person(50 + 100 * float(time))] if not 14 <= index < 22 else [] for index, time in enumerate(times)]
    (track,) = follow(found, times.tolist(), SIZE, scores=SCORES)
    assert all(covered(track, index, person(50 + 100 * float(time)).box) > 0.9 for index, time in enumerate(times))


def test_a_camera_that_pans_is_taken_out() -> None:
    shifts = [(0.0, 0.0)] + [(-14.0, 2.0)] * 29  # the scene moves left and down
    found = [[person(560 - 14 * index, 100 + 2 * index, width=16, height=40)] if not 10 <= index < 18 else [] for index in range(30)]
    (track,) = follow(found, clock(30), SIZE, scores=SCORES, shifts=shifts)
    assert all(covered(track, index, person(560 - 14 * index, 100 + 2 * index, width=16, height=40).box) > 0.9 for index in range(30))
    assert not track.still


def test_a_poster_is_still_and_a_walker_is_not() -> None:
    rng = np.random.default_rng(3)
    found = [[person(500 + rng.normal(0, 2), 150 + rng.normal(0, 2)), person(60 + 4 * index)] for index in range(75)]
    poster, walker = sorted(follow(found, clock(75), SIZE, scores=SCORES), key=lambda track: -track.boxes[0][0])
    assert poster.still
    assert not walker.still


def test_one_look_that_loses_the_legs_loses_nothing() -> None:
    found = [[person(200 + index)] for index in range(20)]
    found[9] = [Region((194.0, 155.0, 224.0, 218.0), "person", 0.8)]
    (track,) = follow(found, clock(20), SIZE, scores=SCORES)
    assert covered(track, 9, person(209).box) > 0.99


def test_labels_do_not_continue_each_other_and_frames_count_from_the_clip() -> None:
    found = [[person(100), Region((90.0, 160.0, 110.0, 180.0), "face", 0.9)] for _ in range(5)]
    tracks = follow(found, clock(5), SIZE, scores=SCORES, first=40)
    assert sorted(track.label for track in tracks) == ["face", "person"]
    assert all(list(track.boxes) == [40, 41, 42, 43, 44] for track in tracks)
    assert [track.id for track in tracks] == [0, 1]
    assert all(track.first_s == 0 and track.last_s == 4 / RATE for track in tracks)


def test_what_is_high_once_or_twice_and_never_sure_is_nobody() -> None:
    for hits, tracks in ((1, 0), (2, 0), (3, 1)):
        found = [[person(100, score=0.6)] if 10 <= index < 10 + hits else [person(100, score=0.4)] for index in range(30)]
        assert len(follow(found, clock(30), SIZE, scores=SCORES)) == tracks
    assert len(follow([[person(100, score=0.6)] for _ in range(2)], [0.0, 0.5], SIZE, scores=SCORES)) == 1  # two looks a second


def test_a_person_as_wide_as_high_who_fills_the_picture_must_be_sure() -> None:
    for score, tracks in ((0.7, 0), (0.8, 1)):
        found = [[person(300, 180, width=280, height=250, score=score)] for _ in range(30)]
        assert len(follow(found, clock(30), SIZE, scores=SCORES)) == tracks
    small = [[person(300, 180, width=60, height=50, score=0.6)] for _ in range(30)]
    assert len(follow(small, clock(30), SIZE, scores=SCORES)) == 1


@pytest.mark.parametrize(("width", "score", "inner", "tracks"), [(170, 0.6, 0.7, 1), (100, 0.6, 0.7, 2), (170, 0.8, 0.82, 2), (170, 0.7, 0.6, 2)])
def test_a_large_wide_box_around_somebody_surer_is_nobody_else(width: int, score: float, inner: float, tracks: int) -> None:
    """Else slim, sure by itself, or the surer of both: then he is there."""
    looks = [[person(300, 190, width=width, height=250, score=score), person(300, 190, width=40, height=100, score=inner)] for _ in range(30)]
    assert len(follow(looks, clock(30), SIZE, scores=SCORES)) == tracks


@pytest.mark.parametrize("found", [[], [None, None], [[], []], [[Region((5.0, 5.0, 5.0, 9.0), "person", 0.9)]]])
def test_nothing_found_is_no_track(found: list[list[Region] | None]) -> None:
    assert follow(found, clock(len(found)), SIZE, scores=SCORES) == []


def test_one_picture_has_tracks_of_one_frame() -> None:
    (track,) = follow([[person(100)]], [0.0], SIZE, scores=SCORES)
    assert list(track.boxes) == [0]
    assert not track.still


def test_looks_times_and_shifts_must_be_of_one_shot() -> None:
    with pytest.raises(ValueError, match="not of one shot"):
        follow([[]], [0.0, 1.0], SIZE)


def test_boxes_are_a_mapping_without_gaps() -> None:
    boxes = Boxes(3, np.array([[0, 1, 2, 3], [4, 5, 6, 7]], np.float32))
    assert dict(boxes) == {3: (0.0, 1.0, 2.0, 3.0), 4: (4.0, 5.0, 6.0, 7.0)}
    assert 2 not in boxes
    assert boxes.get(5) is None


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_each_hit_of_a_track_is_within_it_whatever_is_found(seed: int) -> None:
    """Law: a sure hit is never left out, boxes are finite, and lives have no gaps."""
    rng = np.random.default_rng(seed)
    frames = int(rng.integers(1, 40))
    found: list[list[Region] | None] = []
    for _ in range(frames):
        some = [
            person(*rng.uniform((0, 0), SIZE), width=rng.uniform(4, 200), height=rng.uniform(4, 200), score=float(rng.uniform(0.35, 1)))
            for _ in range(rng.integers(0, 4))
        ]
        found.append(None if rng.random() < 0.2 else some)
    shifts = [(0.0, 0.0)] + [tuple(rng.normal(0, 4, 2)) for _ in range(frames - 1)]
    times = np.cumsum(rng.choice([0.0, 0.02, 0.04, 0.3], frames)).tolist()
    tracks = follow(found, times, SIZE, scores=SCORES, shifts=shifts)
    for track in tracks:
        assert list(track.boxes) == list(range(track.first, track.last + 1))
        assert 0 <= track.first <= track.last < frames
        assert np.isfinite(list(track.boxes.values())).all()
    for frame, regions in enumerate(found):
        for region in regions or ():
            if region.score >= SCORES["person"].sure:
                x, y = (region.box[0] + region.box[2]) / 2, (region.box[1] + region.box[3]) / 2
                boxes = [track.boxes[frame] for track in tracks if frame in track.boxes]
                assert any(box[0] - 1 <= x <= box[2] + 1 and box[1] - 1 <= y <= box[3] + 1 for box in boxes)
