import numpy as np
import pytest
from benchmarks.weakened import Redrawn
from PIL import Image
from tests.attacks.worlds import album, shuffled

from velatura.attacks import averaging
from velatura.attacks.attack import Photo
from velatura.attacks.averaging import Average
from velatura.attacks.tracks import still
from velatura.audit.obfuscation.arms import ALL_OF_IT, TrackArm
from velatura.audit.trial import trial
from velatura.errors import BadInput, BadSpec
from velatura.findings import Claim, Verdict
from velatura.obfuscation.parameters import chosen

NOISY = "dp-pixelate:cells=4,m=4,epsilon=.5"
plain = TrackArm(None)


def protected(method: str) -> TrackArm:
    return TrackArm(chosen(method), ALL_OF_IT)


def judged(arm, tracks, *, attack=None, budget_s=60.0):
    return trial(attack or Average(), "x", plain=plain, protected=arm, claim=Claim(), secrets=tracks, seed=1, budget_s=budget_s, findings=1).finding


def play(arm, tracks, seed=1, **options):
    return Average(**options).play(arm, tracks, np.random.default_rng(seed), budget_s=60)


@pytest.fixture(scope="module")
def tracks():
    return still(album(people=12, pictures=6), 40)


@pytest.fixture(scope="module")
def crowd():
    """Of so many people a gain of nothing has an interval."""
    return still(album(people=36, pictures=4), 8)


def test_noise_drawn_anew_for_every_frame_is_averaged_away(tracks):
    found = judged(Redrawn(NOISY), tracks)
    assert found.verdict is Verdict.BROKEN and found.estimate.value > found.estimate.chance + 0.3


def test_one_noisy_grid_a_track_gives_no_more_in_all_frames_than_in_one(crowd):
    outcomes = play(protected(NOISY), crowd)
    assert np.ptp(outcomes.success, axis=1).max() < 1e-12 and outcomes.success.max() == pytest.approx(outcomes.chance)
    assert judged(protected(NOISY), crowd).verdict is Verdict.HELD


def test_a_filled_track_holds_and_one_without_protection_is_recognised(crowd):
    found = judged(protected("fill"), crowd)
    assert found.verdict is Verdict.HELD and found.baseline.low > 0.9 and found.estimate.chance == pytest.approx(1 / 36)


def test_a_cosmetic_method_cannot_hold_since_one_release_gives_all(tracks):
    assert judged(protected("pixelate:4px"), tracks).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("method", [NOISY, "fill"])
def test_where_not_even_clear_tracks_tell_people_apart_nothing_is_said(method):
    grey = [Photo(np.full((28, 23), 90, np.uint8), person) for person in range(8) for _ in range(4)]
    for photos in (grey, shuffled(album(people=8, pictures=6))):
        assert judged(protected(method), still(photos, 3)).verdict is Verdict.INCONCLUSIVE


def test_the_value_is_the_rank_1_rate_of_the_mean_and_the_reference_that_of_one_frame(tracks):
    outcomes = play(Redrawn(NOISY), tracks)
    told = {name: float(words.split()[1]) / 100 for name, words in outcomes.notes.items()}
    assert outcomes.success.mean(1).max() == pytest.approx(told["40 releases"], abs=1e-3)
    assert outcomes.chance == pytest.approx(told["one release"], abs=1e-3)
    assert outcomes.attackers == ("nearest", "ridge", "lda") and outcomes.probes >= 5 and len(outcomes.shown) == 3


def test_more_frames_give_more_only_if_they_are_looked_at(tracks):
    few, all_of_them = (play(Redrawn(NOISY), tracks, releases=n).success.mean(1).max() for n in (2, 40))
    assert few + 0.2 < all_of_them


def test_no_frame_beyond_the_asked_number_is_released(tracks):
    lengths = set()

    def arm(track, rng):
        lengths.add(len(track))
        return plain(track, rng)

    play(arm, tracks, releases=7)
    assert lengths == {7}


def test_it_repeats_from_its_seed(tracks):
    first, again, other = (play(Redrawn(NOISY), tracks, seed, releases=4).success for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


def test_tracks_of_mixed_sizes_and_colours_are_compared():
    photos = album(people=8, pictures=4, size=(40, 32))
    mixed = [Photo(np.repeat(p.picture[..., None], 3, 2) if at % 3 else p.picture[: 40 - at % 4], p.person) for at, p in enumerate(photos)]
    assert play(plain, still(mixed, 2)).success.mean(1).max() > 0.9


def test_people_with_one_track_are_not_asked_for(tracks):
    assert play(plain, [*tracks, still([Photo(np.zeros((28, 23), np.uint8), 99)], 2)[0]]).success.shape == (3, 12)


@pytest.mark.parametrize(
    ("people", "code"),
    [([0, 0, 0, 0], "attack.one-person"), ([0, 1, 2, 3], "attack.one-person"), ([], "attack.one-frame")],
)
def test_tracks_that_cannot_be_compared_are_refused(people, code):
    with pytest.raises(BadInput, match=code):
        play(plain, still([Photo(np.zeros((8, 8), np.uint8), person) for person in people], 3))


def test_an_arm_that_releases_nothing_or_no_pictures_is_refused(tracks):
    with pytest.raises(BadInput, match=r"attack\.release"):
        play(lambda track, rng: [], tracks)
    with pytest.raises(BadInput, match=r"attack\.picture"):
        play(lambda track, rng: [np.zeros((8, 8))] * len(track), tracks)


class Stopped:
    """A deadline that passes after so many questions."""

    left = 0

    def __init__(self, budget_s):
        pass

    def passed(self):
        Stopped.left -= 1
        return Stopped.left < 0


def test_a_spent_budget_leaves_the_tracks_that_are_done_and_says_so(tracks, monkeypatch):
    monkeypatch.setattr(averaging, "Deadline", Stopped)
    Stopped.left = 30  # of 72: everybody's first two and half of the third ones
    outcomes = play(plain, tracks)
    assert outcomes.cut and outcomes.success.shape == (3, 12) and outcomes.success.max() > 0.9
    Stopped.left = 13  # one person alone has two
    with pytest.raises(BadSpec, match=r"attack\.budget"):
        play(plain, tracks)


def test_on_real_faces_redrawn_noise_breaks_and_one_grid_holds(shared):
    folder = shared / "data" / "orl"
    photos = [Photo(np.asarray(Image.open(folder / f"s{s}" / f"{i}.pgm")), s) for s in range(1, 37) for i in range(1, 5)]
    method = "dp-pixelate:cells=6,m=16,epsilon=.3"
    assert judged(Redrawn(method), still(photos, 20)).verdict is Verdict.BROKEN
    assert judged(protected(method), still(photos, 20)).verdict is Verdict.HELD
