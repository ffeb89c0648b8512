"""What the benchmark of faces counts as found, precise and covered."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from benchmarks.facesets import Judged, Truth, covered, held_out, judge, load, recall_precision, threshold_for
from hypothesis import given
from hypothesis import strategies as st

BIG, SMALL = (10.0, 10.0, 50.0, 60.0), (100.0, 100.0, 110.0, 112.0)


def truth(*boxes, counts=None):
    boxes = np.array(boxes, np.float64).reshape(-1, 4)
    return Truth(Path("x"), boxes, np.ones(len(boxes), np.bool_) if counts is None else np.array(counts))


def found(*rows):
    return np.array(rows, np.float64).reshape(-1, 5)


def judged(*pairs, faces):
    return Judged(np.array([score for score, _ in pairs], np.float64), np.array([right for _, right in pairs], np.bool_), faces)


def test_a_second_detection_of_the_same_face_is_false():
    told = judge(found((*BIG, 0.6), (11, 11, 51, 61, 0.9)), truth(BIG))
    assert told.scores.tolist() == [0.9, 0.6]
    assert told.right.tolist() == [True, False]


def test_two_faces_that_overlap_take_a_detection_each():
    other = (20.0, 10.0, 60.0, 60.0)
    told = judge(found((*BIG, 0.9), (*other, 0.8)), truth(BIG, other))
    assert told.right.all() and told.faces == 2


def test_who_finds_a_face_that_does_not_count_is_neither_right_nor_false():
    told = judge(found((*BIG, 0.9), (*SMALL, 0.8), (*SMALL, 0.7)), truth(BIG, SMALL, counts=[True, False]))
    assert told.right.tolist() == [True] and told.faces == 1


def test_a_small_box_on_nothing_is_false():
    assert judge(found((200, 200, 208, 208, 0.5)), truth(BIG)).right.tolist() == [False]
    assert judge(found((200, 200, 208, 208, 0.5)), truth()).right.tolist() == [False]


@pytest.mark.parametrize(("shift", "right"), [(17.0, True), (18.0, False)])
def test_an_overlap_of_four_tenths_is_needed(shift, right):
    """40 wide: IoU (40 - s) / (40 + s) is .404 at 17 and .379 at 18."""
    assert judge(found((10 + shift, 10, 50 + shift, 60, 0.5)), truth(BIG)).right.tolist() == [right]


def test_recall_and_precision_are_over_all_pictures():
    pictures = [judged((0.9, True), (0.5, False), faces=2), judged((0.8, True), (0.3, True), faces=1)]
    assert recall_precision(pictures, 0.5) == (2 / 3, 2 / 3)
    assert recall_precision(pictures, 0.95) == (0.0, 1.0)


def test_the_threshold_is_the_lowest_that_is_precise_enough_though_one_above_it_is_not():
    pictures = [judged((0.9, True), (0.8, False), (0.7, True), (0.6, True), (0.5, False), faces=3)]
    assert threshold_for(pictures, 0.75) == 0.6  # at .8 and .7 it is 1/2 and 2/3
    assert threshold_for(pictures, 1.0) == 0.9
    assert threshold_for([judged((0.9, False), faces=1)], 0.5) == float("inf")
    assert threshold_for([judged(faces=1)], 0.5) == float("inf")


def test_equal_scores_stand_or_fall_together():
    assert threshold_for([judged((0.9, True), (0.5, True), (0.5, False), (0.5, False), faces=2)], 0.9) == 0.9


def test_a_half_is_measured_at_the_threshold_of_the_other():
    even, odd = judged((0.9, True), (0.4, False), faces=1), judged((0.6, True), (0.5, False), faces=1)
    held = held_out([even, odd, even, odd], 1.0)
    assert held.thresholds == (0.9, 0.6)
    assert held.recall == 0.5  # the odd ones are lost at .9
    assert held.precision == 1.0


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]), st.booleans()), max_size=12), st.sampled_from([0.5, 0.75, 0.9]))
def test_what_is_chosen_is_precise_and_nothing_lower_is(pairs, precision):
    pictures = [judged(*pairs, faces=20)]
    threshold = threshold_for(pictures, precision)
    assert recall_precision(pictures, threshold)[1] >= precision
    for lower in (score for score, _ in pairs if score < threshold):
        assert recall_precision(pictures, lower)[1] < precision


@pytest.mark.parametrize(("columns", "count"), [(36, 1), (35, 0)])
def test_covered_is_nine_tenths_of_the_box(columns, count):
    mask = np.zeros((100, 100), np.bool_)
    mask[10:60, 10 : 10 + columns] = True
    assert covered(mask, truth(BIG)) == count


def test_of_a_face_over_the_border_only_the_part_inside_must_be_covered():
    mask = np.zeros((40, 40), np.bool_)
    mask[:, :10] = True
    assert covered(mask, truth((-10.0, 0.0, 10.0, 40.0))) == 1
    assert covered(mask, truth((-30.0, 0.0, 0.0, 40.0))) == 0  # nothing of it is in the picture
    assert covered(mask, truth((0.0, 0.0, 10.0, 40.0), counts=[False])) == 0


def test_faces_below_twenty_pixels_and_invalid_ones_do_not_count(tmp_path):
    faces = [{"box": [0, 0, 20, 30]}, {"box": [0, 0, 19.9, 30]}, {"box": [5, 6, 40, 40], "invalid": 1}]
    (tmp_path / "boxes.json").write_text(json.dumps({"b.jpg": {"faces": faces}, "a.jpg": {"faces": []}}))
    empty, full = load(tmp_path)
    assert (empty.file.name, full.file.name) == ("a.jpg", "b.jpg")
    assert full.counts.tolist() == [True, False, False]
    assert full.boxes[2].tolist() == [5, 6, 45, 46]
    assert empty.boxes.shape == (0, 4)
