import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.obfuscation.worlds import boxes, face

from velatura.detect.region import Region
from velatura.errors import BadSpec
from velatura.obfuscation.policy import Covering, check_box


def test_a_third_of_the_size_is_added_on_each_side_by_default():
    assert Covering().grown(face((100, 50, 200, 150))) == pytest.approx((70, 20, 230, 180))


@given(boxes(), st.floats(0, 10), st.sampled_from([None, "head", "person"]), st.sampled_from(["face", "plate"]))
def test_what_is_covered_always_holds_the_region_and_its_dilation(box, dilate, expand, label):
    x0, y0, x1, y1 = Covering(dilate, expand).grown(Region(box, label, 0.5))
    dx, dy = dilate * (box[2] - box[0]), dilate * (box[3] - box[1])
    assert x0 <= box[0] - dx and y0 <= box[1] - dy and x1 >= box[2] + dx and y1 >= box[3] + dy


def test_head_holds_the_crown_and_the_neck_and_person_holds_shoulders_and_feet():
    h = 100.0  # a standing adult of 10 h, hairline at 0, chin at h
    head = Covering(expand="head").grown(face((0, 0, 75, h)))
    person = Covering(expand="person").grown(face((0, 0, 75, h)))
    assert head[1] <= -0.3 * h and head[3] >= 1.52 * h
    assert person[3] >= h + 8.7 * h and person[2] - person[0] >= 2.59 * h
    assert (person[0] + person[2]) / 2 == pytest.approx(37.5)


def test_only_faces_expand():
    plate = Region((0, 0, 40, 10), "plate", 0.9)
    assert Covering(expand="person").grown(plate) == Covering().grown(plate)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dilate": -0.1}, "0 to 10"),
        ({"dilate": float("nan")}, "0 to 10"),
        ({"dilate": float("inf")}, "0 to 10"),
        ({"expand": "haed"}, "did you mean 'head'"),
        ({"shape": "circle"}, "box, ellipse"),
        ({"block": 7}, "1, 2, 4, 8"),
    ],
)
def test_a_wrong_option_is_refused_with_the_valid_ones(options, words):
    with pytest.raises(BadSpec) as refused:
        Covering(**options)
    assert words in refused.value.hint


@pytest.mark.parametrize("box", [(0, 0, 0, 5), (0, 0, 5, 0), (5, 0, 1, 5), (0, 0, float("nan"), 5), (0, 0, float("inf"), 5), (-1e12, 0, 5, 5)])
def test_what_is_no_box_is_refused(box):
    with pytest.raises(BadSpec, match="not a box") as refused:
        check_box(box)
    assert refused.value.code == "obfuscate.bad-box"
