import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.attacks.worlds import album

from velatura.attacks.attack import Photo
from velatura.attacks.pictures import Form
from velatura.attacks.tracks import common_size, frames_of, moving, rounds, still
from velatura.errors import BadInput


def test_a_still_track_holds_its_photo_once():
    photos = album(people=2, pictures=2)
    tracks = still(photos, 50)
    assert [len(track) for track in tracks] == [50] * 4
    assert all(frame is photo for photo, track in zip(photos, tracks, strict=True) for frame in track)


def test_a_moving_track_shows_a_persons_photos_of_one_size_in_order():
    first, second = np.zeros((4, 5), np.uint8), np.ones((4, 5), np.uint8)
    wide = np.zeros((4, 6), np.uint8)
    tracks = moving([Photo(first, 7), Photo(wide, 3), Photo(wide, 7), Photo(second, 7)])
    assert [[frame.picture is given for frame, given in zip(track, (first, second), strict=True)] for track in tracks] == [[True, True]]


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 3))
def test_everybodys_first_track_comes_before_anybodys_second(people, least):
    counts = {person: people.count(person) for person in set(people)}
    kept = sorted(person for person, count in counts.items() if count >= least)
    if len(kept) < 2:
        with pytest.raises(BadInput, match=r"attack\.one-person"):
            rounds(people, least=least)
        return
    order, numbers = rounds(people, least=least)
    assert sorted(order) == [index for index, person in enumerate(people) if person in kept]
    assert [kept[number] for number in numbers] == [people[index] for index in order]
    turns = [people[:index].count(people[index]) for index in order]
    assert turns == sorted(turns)


def test_frames_are_brought_to_one_size_and_keep_their_colours():
    grey, colour = np.full((40, 30), 9, np.uint8), np.full((20, 15, 3), 7, np.uint8)
    form = common_size([[Photo(grey)] * 2, [Photo(colour)] * 2], longest_px=128)
    assert form == Form(30, 22, colour=True)
    frames = frames_of([grey, colour], form)
    assert frames.shape == (2, 30, 22, 3) and (frames[0] == 9).all() and (frames[1] == 7).all()


@pytest.mark.parametrize("tracks", [[], [[]], [[Photo(np.zeros((4, 4), np.uint8))]]])
def test_tracks_of_fewer_than_two_frames_are_refused(tracks):
    with pytest.raises(BadInput, match=r"attack\.one-frame"):
        common_size(tracks, longest_px=128)
