from fractions import Fraction

import numpy as np
import pytest
from benchmarks.weakened import Frozen, Redrawn
from scipy.ndimage import gaussian_filter
from tests.attacks.worlds import album

from velatura.attacks import frame_difference
from velatura.attacks.attack import Photo
from velatura.attacks.frame_difference import FrameDifferences
from velatura.attacks.tracks import still
from velatura.audit.obfuscation.arms import ALL_OF_IT, TrackArm
from velatura.audit.trial import trial
from velatura.errors import BadInput, BadSpec
from velatura.findings import Claim, Verdict
from velatura.obfuscation.parameters import chosen

plain = TrackArm(None)


def protected(method: str) -> TrackArm:
    return TrackArm(chosen(method), ALL_OF_IT)


def walking(people=12, frames=6, size=(40, 32)):
    """A track a person: his pattern, moved by some pixels from frame to frame."""
    rng = np.random.default_rng(5)
    steps = rng.integers(-6, 7, (people, frames, 2))
    return [
        [Photo(np.roll(photo.picture, step, (0, 1)), photo.person) for step in steps[photo.person].tolist()]
        for photo in album(people=people, pictures=1, size=size)
    ]


@pytest.fixture(scope="module")
def tracks():
    return walking()


@pytest.fixture(scope="module")
def crowd():
    """So many people that the limit of `held` can be reached."""
    return walking(36, 4)


def judged(arm, tracks, **options):
    attack = FrameDifferences(repeats=options.pop("repeats", 10), **options)
    return trial(attack, "x", plain=plain, protected=arm, claim=Claim(), secrets=tracks, seed=1, budget_s=60, findings=1).finding


def play(arm, tracks, seed=1, **options):
    return FrameDifferences(**options).play(arm, tracks, np.random.default_rng(seed), budget_s=60)


@pytest.mark.parametrize("epsilon", ["1/10", "1"])
def test_the_same_noise_over_moving_means_is_cancelled(tracks, epsilon):
    found = judged(Frozen(4, 4, Fraction(epsilon)), tracks)
    assert found.verdict is Verdict.BROKEN and found.estimate.value > 0.9


def test_one_grid_repainted_leaves_no_difference_and_holds(crowd):
    found = judged(protected("dp-pixelate:cells=4,m=4,epsilon=1"), crowd, repeats=4)
    assert found.verdict is Verdict.HELD and found.baseline.value == 1
    assert found.evidence["blind guesses"].startswith("144 of 144")


def test_noise_that_saturates_most_cells_still_lets_some_differences_through(tracks):
    found = judged(Frozen(4, None, Fraction(20)), tracks)
    assert found.verdict in (Verdict.WEAKENED, Verdict.BROKEN)


def test_noise_drawn_once_for_every_pixel_and_blurred_is_cancelled_by_the_parrot(tracks):
    def arm(track, rng):
        noise = rng.normal(0, 60, track[0].picture.shape)
        frames = (gaussian_filter(photo.picture / 4 + 96 + noise, 2) for photo in track)
        return [np.clip(np.rint(frame), 0, 255).astype(np.uint8) for frame in frames]

    outcomes = play(arm, tracks)
    assert outcomes.success[outcomes.attackers.index("parrot")].mean() > 0.9


def test_fresh_noise_in_every_frame_is_not_cancelled(tracks):
    found = judged(Redrawn("dp-pixelate:cells=4,m=roi,epsilon=1"), tracks)
    assert found.estimate.low <= found.estimate.chance and found.baseline.value == 1


def test_a_fill_leaves_nothing_and_pixelation_everything(tracks, crowd):
    assert judged(protected("fill"), crowd, repeats=4).verdict is Verdict.HELD
    assert judged(protected("pixelate:8px"), tracks).verdict is Verdict.BROKEN


def test_tracks_that_do_not_move_say_nothing():
    found = judged(protected("fill"), still(album(people=6, pictures=1), 5))
    assert found.verdict is Verdict.INCONCLUSIVE


def test_guesses_and_successes_agree(tracks):
    outcomes = play(Redrawn("dp-pixelate:cells=4,m=4,epsilon=2"), tracks, repeats=4)
    assert np.allclose(outcomes.guesses.sum(2), 1) and (np.diagonal(outcomes.guesses, axis1=1, axis2=2) == outcomes.success).all()
    assert outcomes.probes == 4 and outcomes.chance == 1 / 12


def test_it_repeats_from_its_seed(tracks):
    arm = Redrawn("dp-pixelate:cells=4,m=4,epsilon=.5")
    first, again, other = (play(arm, tracks, seed, repeats=2).guesses for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


def test_clips_of_several_sizes_in_colour_are_compared():
    small, large = walking(4), walking(8, size=(60, 48))[4:]
    tracks = [[Photo(np.stack([p.picture, 255 - p.picture, p.picture], 2), p.person) for p in track] for track in small + large]
    assert play(plain, tracks, repeats=1).success.mean() == 1


def test_a_person_with_several_clips_is_named_by_any_of_them(tracks):
    twice = [*tracks, *([Photo(photo.picture[:, ::-1], photo.person) for photo in track] for track in tracks)]
    outcomes = play(plain, twice, repeats=2)
    assert outcomes.success.shape == (2, 12) and outcomes.success.min() == 1 and outcomes.probes == 4


def test_an_arm_that_drops_frames_is_refused(tracks):
    with pytest.raises(BadInput, match=r"attack\.release"):
        play(lambda track, rng: plain(track[1:], rng), tracks)


@pytest.mark.parametrize(("frames", "people", "code"), [(1, 3, "attack.one-frame"), (3, 1, "attack.one-person")])
def test_tracks_that_cannot_be_compared_are_refused(frames, people, code):
    with pytest.raises(BadInput, match=code):
        play(plain, walking(people, frames))


class Stopped:
    """A deadline that passes after so many questions."""

    left = 0

    def __init__(self, budget_s):
        pass

    def passed(self):
        Stopped.left -= 1
        return Stopped.left < 0


def test_a_spent_budget_leaves_the_releases_that_are_done_and_says_so(tracks, monkeypatch):
    monkeypatch.setattr(frame_difference, "Deadline", Stopped)
    Stopped.left = 20
    outcomes = play(plain, tracks)
    assert outcomes.cut and outcomes.probes == 1 and outcomes.success.min() == 1
    Stopped.left = 11
    with pytest.raises(BadSpec, match=r"attack\.budget"):
        play(plain, tracks)
