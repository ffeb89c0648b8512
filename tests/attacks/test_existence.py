"""Whether somebody was there can be told from a release: scores of two attackers, and what an audit says of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.random import Generator
from tests.attacks.scenes import discs, scenes
from tests.attacks.worlds import constant, identity

from velatura.attacks.attack import Outcomes, Photo, Picture
from velatura.attacks.existence import Existence
from velatura.attacks.intervals import estimate
from velatura.attacks.taken_out import emptied
from velatura.audit.obfuscation.arms import protected_arm
from velatura.audit.trial import trial
from velatura.detect.region import Region
from velatura.errors import BadInput
from velatura.findings import Claim, Finding, Verdict
from velatura.obfuscation.policy import Covering

Arm = Callable[[Photo, Generator], Picture]
FILL = protected_arm("fill", Covering(0.1, block=1))


def removed(photo: Photo, rng: Generator) -> Picture:
    """Takes people out as the attacker's own pictures have them taken out."""
    return photo.picture if photo.box == (0.0, 0.0, 0.0, 0.0) else emptied(photo)


def blind(picture: Picture) -> Sequence[Region]:
    """A detector that finds nothing."""
    return []


def tried(protected: Arm, *, claim: Claim | None = None, plain: Arm = identity, photos: list[Photo] | None = None) -> Finding:
    secrets = scenes(600, size=(30, 36)) if photos is None else photos
    how = {"plain": plain, "secrets": secrets, "seed": 2, "budget_s": 60.0, "findings": 1}
    return trial(Existence(discs, most=len(secrets)), "a protection", protected=protected, claim=claim, **how).finding  # type: ignore[arg-type]


def test_a_clear_picture_tells_and_so_does_a_mask_without_a_face() -> None:
    clear, masked = tried(identity, claim=Claim(), photos=scenes(60)), tried(FILL, photos=scenes(60))
    assert clear.verdict is Verdict.BROKEN
    assert masked.verdict is Verdict.STATED and masked.estimate is not None and masked.estimate.value > 0.95 and masked.estimate.chance == 0.5


@pytest.mark.parametrize("arm", [removed, constant], ids=["taken out", "constant"])
def test_what_takes_people_out_is_not_broken(arm: Arm) -> None:
    found = tried(arm, claim=Claim())
    assert found.estimate is not None and found.estimate.value == 0.5
    assert found.verdict is Verdict.HELD, found.why


def test_releases_that_have_nothing_to_do_with_it_are_not_broken() -> None:
    photos = scenes(80)

    def drawn(photo: Photo, rng: Generator) -> Picture:
        other = photos[int(rng.integers(len(photos)))]
        return other.picture if rng.random() < 0.5 else emptied(other)

    found = tried(drawn, claim=Claim(), photos=photos)
    assert found.verdict in (Verdict.HELD, Verdict.INCONCLUSIVE), found.why


def test_with_nobody_anywhere_not_even_the_unprotected_arm_falls() -> None:
    photos = [replace(photo, picture=emptied(photo)) for photo in scenes(60)]
    assert tried(identity, claim=Claim(), photos=photos).verdict is Verdict.INCONCLUSIVE


def play(photos: Sequence[Photo], *, find: Callable[[Picture], Sequence[Region]] = discs, budget_s: float = 60.0, arm: Arm = FILL) -> Outcomes:
    return Existence(find).play(arm, photos, np.random.default_rng(4), budget_s=budget_s)


def test_the_classifier_alone_learns_what_a_mask_looks_like() -> None:
    out = play(scenes(60), find=blind)
    detector, classifier = (
        estimate(replace(out, success=row[None], attackers=(name,))).value for row, name in zip(out.success, out.attackers, strict=True)
    )
    assert detector == 0.5 and classifier > 0.95


def test_the_people_asked_about_are_others_than_those_learned_on() -> None:
    out = play(scenes(10, pictures=4))
    assert out.member is not None and out.success.shape == (2, 40) and out.member.sum() == 20
    assert out.notes["learned on"].startswith("20 pictures")


def test_the_same_seed_gives_the_same_and_an_ended_budget_is_told() -> None:
    assert np.array_equal(play(scenes(30)).success, play(scenes(30)).success)
    cut = play(scenes(30), budget_s=0.0)
    assert cut.cut and cut.member is not None and cut.member.sum() == 2


@pytest.mark.parametrize("photos", [[], scenes(3), scenes(1, pictures=9)], ids=["nobody", "three people", "one person"])
def test_too_few_people_are_refused(photos: list[Photo]) -> None:
    with pytest.raises(BadInput) as caught:
        play(photos)
    assert caught.value.code == "attack.too-few" and caught.value.hint
