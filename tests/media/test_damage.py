from hypothesis import given
from hypothesis import strategies as st

from velatura.media.damage import Damage, Decoded, Trouble


def run(events, reorder=2):
    damage = Damage()
    frames = [frame for event in events for frame in damage.put(event, reorder=reorder)]
    return frames + list(damage.drain())


def frame(pts, order, *, key=False, corrupt=False):
    return Decoded("picture", pts, order, key=key, corrupt=corrupt)


def flags(frames):
    return {f.pts for f in frames if f.corrupt}


def test_damage_lasts_until_a_key_frame_is_shown():
    events = [frame(0, 0, key=True), frame(1, 1, corrupt=True), frame(2, 2), frame(3, 3, key=True), frame(4, 4)]
    assert flags(run(events)) == {1, 2}


def test_a_frame_shown_before_the_damage_but_decoded_after_it_is_caught():
    # decoding order: I0 P4 B2 B1 B3; P4 is damaged
    events = [frame(0, 0, key=True), frame(1, 3), frame(2, 2), frame(3, 4), frame(4, 1, corrupt=True)]
    assert flags(run(events, reorder=4)) == {1, 2, 3, 4}


def test_frames_decoded_before_the_damage_stay_clean():
    events = [frame(0, 0, key=True), frame(1, 2), frame(2, 1), frame(3, 3, corrupt=True)]
    assert flags(run(events, reorder=4)) == {3}


def test_a_damaged_key_frame_clears_nothing():
    events = [frame(0, 0, key=True), frame(1, 1, key=True, corrupt=True), frame(2, 2)]
    assert flags(run(events)) == {1, 2}


def test_a_complaint_damages_its_own_packets_frame_even_a_key_frame():
    events = [frame(0, 0, key=True), Trouble(1), frame(1, 1, key=True), frame(2, 2), frame(3, 3, key=True)]
    assert flags(run(events)) == {1, 2}


def test_a_frame_of_unknown_order_counts_as_damaged_after_trouble():
    assert flags(run([frame(0, 0, key=True), Trouble(1), frame(1, None)])) == {1}


def test_a_lost_frame_takes_its_place_in_time():
    lost = Decoded(None, 2, 2, corrupt=True)
    events = [frame(0, 0, key=True), frame(1, 1), lost, frame(3, 3), frame(4, 4)]
    frames = run(events)
    assert [f.pts for f in frames] == [0, 1, 2, 3, 4]
    assert flags(frames) == {2, 3, 4}


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=40), st.integers(0, 4))
def test_no_frame_is_lost_or_moved_and_no_flag_is_taken_back(kinds, reorder):
    events = [Decoded(None if lost else "p", i, i, key=key, corrupt=bad or lost) for i, (lost, key, bad) in enumerate(kinds)]
    before = {e.pts for e in events if e.corrupt}
    frames = run(events, reorder)
    assert [f.pts for f in frames] == list(range(len(kinds)))
    assert before <= flags(frames)


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(0, 39))
def test_after_trouble_every_frame_up_to_the_next_key_frame_is_flagged(keys, at):
    events = [frame(i, i, key=key) for i, key in enumerate(keys)]
    at %= len(keys)
    events.insert(at, Trouble(at))
    next_key = next((i for i, key in enumerate(keys) if key and i > at), len(keys))
    assert flags(run(events)) == set(range(at, next_key))
