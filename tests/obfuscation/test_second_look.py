from __future__ import annotations

import pytest
from tests.obfuscation.street import SCALE, YUV, noise
from tests.obfuscation.worlds import face

from velatura.detect.region import Region
from velatura.errors import Withheld
from velatura.media.frame import Frame
from velatura.obfuscation import second_look
from velatura.obfuscation.policy import Covering
from velatura.obfuscation.record import Covered, Record
from velatura.obfuscation.second_look import SecondLook, look_again

BOX = (16.0, 8.0, 32.0, 32.0)


class Reports:
    """A search that reports given hits on every frame."""

    def __init__(self, *hits: Region) -> None:
        self.hits, self.scores = hits, {"face": SCALE}

    def __call__(self, frame, *, low):
        assert low
        return self.hits


def look(search, covered: list[Covered], covering: Covering = Covering(0.0), frames: int | None = None) -> SecondLook:  # noqa: B008
    shown = [Frame(noise(0, YUV, (64, 48)), YUV, index=i) for i in range(len(covered) if frames is None else frames)]
    with Record() as record:
        for one in covered:
            record.add(one)
        return look_again(shown, record, search, covering)


def test_hits_are_told_apart_by_place_and_score():
    search = Reports(Region(BOX, "face", 0.9), Region((40.0, 30.0, 60.0, 46.0), "face", 0.6), Region((0.0, 34.0, 10.0, 46.0), "face", 0.35))
    found = look(search, [Covered(0, (face(BOX),))])
    assert (found.ghosts, found.faint, found.doubted, len(found.shows), len(found.hits[0])) == (1, 1, {0}, 1, 2)


def test_somebody_who_was_cleared_is_no_doubt():
    cleared = Region(BOX, "face", 0.9, track=1, clear=True)
    assert not look(Reports(Region(BOX, "face", 0.9)), [Covered(0, (cleared,))]).doubted


def test_in_a_black_frame_nothing_shows():
    assert not look(Reports(Region(BOX, "face", 0.9)), [Covered(0, (), black=True)]).doubted


@pytest.mark.parametrize(("shape", "doubted"), [("box", set()), ("ellipse", {0})])
def test_what_lies_in_a_corner_that_an_ellipse_leaves_shows(shape, doubted):
    corner = Region((16.0, 8.0, 19.0, 13.0), "face", 0.9)
    assert look(Reports(corner), [Covered(0, (face(BOX),))], Covering(0.0, shape=shape)).doubted == doubted


def test_a_label_of_unknown_scale_counts_as_a_doubt_from_the_usual_score_on():
    found = look(Reports(Region(BOX, "badge", 0.5), Region(BOX, "badge", 0.4)), [Covered(0, ())])
    assert (len(found.shows), found.faint) == (1, 1)


@pytest.mark.parametrize(("written", "read"), [(2, 3), (3, 2)])
def test_an_output_with_other_frames_than_were_written_is_not_released(written, read):
    with pytest.raises(Withheld, match="other frames"):
        look(Reports(), [Covered(i, ()) for i in range(written)], frames=read)


def test_too_many_hits_end_it(monkeypatch):
    monkeypatch.setattr(second_look, "MOST_HITS", 10)
    with pytest.raises(Withheld, match="more than 10 regions"):
        look(Reports(*[Region(BOX, "face", 0.9)] * 4), [Covered(i, ()) for i in range(3)])


def test_frames_between_looks_go_black_with_the_doubted_one():
    found = SecondLook(looked={0, 3, 6, 9}, doubted={3, 9})
    assert found.black(12) == {1, 2, 3, 4, 5, 7, 8, 9, 10, 11}
    assert SecondLook(looked=set(range(12)), doubted={3}).black(12) == {3}
