"""Re-identification: what must break does, what must not does not, and what cannot be attacked is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.attacks.people import blank, itself, made_people

from velatura.attacks import cnn
from velatura.attacks.attack import Outcomes, Photo, Picture
from velatura.attacks.reidentification import Reidentify, available
from velatura.audit.obfuscation import plain_arm, protected_arm
from velatura.audit.trial import trial
from velatura.errors import BadInput, BadSpec, Missing
from velatura.findings import Claim, Finding, Verdict

PEOPLE = made_people()


def tried(protected: Any, secrets: list[Photo] = PEOPLE, *, attack: Reidentify | None = None) -> Finding:
    return trial(
        attack or Reidentify(), "test", plain=plain_arm(), protected=protected, claim=Claim(), secrets=secrets, seed=0, budget_s=60, findings=1
    ).finding


def played(arm: Any = itself, secrets: list[Photo] = PEOPLE, *, seed: int = 0) -> Outcomes:
    return Reidentify().play(arm, secrets, np.random.default_rng(seed), budget_s=60)


@pytest.mark.parametrize("arm", [itself, protected_arm("pixelate:4"), protected_arm("blur:3")])
def test_clear_and_weakly_filtered_pictures_are_broken(arm: Any) -> None:
    finding = tried(arm)
    assert finding.verdict is Verdict.BROKEN, finding.why


def somebody(photo: Photo, rng: np.random.Generator, /) -> Picture:
    """An arm that publishes a picture of anybody."""
    return PEOPLE[rng.integers(len(PEOPLE))].picture


@pytest.mark.parametrize("arm", [blank, somebody, protected_arm("fill"), protected_arm("seal"), protected_arm("dp-pixelate:cells=6,m=roi,epsilon=1")])
def test_what_says_nothing_of_a_person_is_held(arm: Any) -> None:
    finding = tried(arm)
    assert finding.verdict is Verdict.HELD, finding.why


def test_shuffled_names_break_nothing_and_hold_nothing() -> None:
    names = np.random.default_rng(1).permutation([photo.person for photo in PEOPLE])
    finding = tried(itself, [Photo(photo.picture, person=int(name)) for photo, name in zip(PEOPLE, names, strict=True)])
    assert finding.verdict is Verdict.INCONCLUSIVE, finding.why


def test_twins_in_the_gallery_that_bear_other_names_are_an_error_and_no_protection() -> None:
    """k-same by number: the n-th pictures of everybody become one picture, so that the twins of a probe always bear other names."""
    means = [np.mean([photo.picture for photo in PEOPLE[at::10]], axis=0).astype(np.uint8) for at in range(10)]
    twins = {id(photo): means[at % 10] for at, photo in enumerate(PEOPLE)}
    finding = tried(lambda photo, rng: twins[id(photo)], attack=Reidentify(("nearest", "lda")))
    assert finding.verdict is Verdict.ERROR, finding.why
    assert "twins in the gallery" in finding.why


def test_the_real_faces_fall_to_a_mosaic_and_not_behind_a_fill(shared: Path) -> None:
    from PIL import Image

    faces = [
        Photo(np.asarray(Image.open(shared / "data" / "orl" / f"s{person}" / f"{at}.pgm")), person=person)
        for person in range(1, 41)
        for at in range(1, 11)
    ]
    mosaic, fill = tried(protected_arm("pixelate:16px"), faces), tried(protected_arm("fill"), faces)
    assert (mosaic.verdict, fill.verdict) == (Verdict.BROKEN, Verdict.HELD)
    assert mosaic.estimate is not None and mosaic.estimate.value > 0.93
    assert mosaic.evidence["rank-5 rate"].endswith("guessing 12.5 %")


def test_the_blind_guess_is_first_and_at_chance() -> None:
    outcomes = played()
    assert outcomes.attackers == ("guess", "nearest", "ridge", "lda")
    assert (outcomes.chance, outcomes.per, outcomes.unit) == (1 / 40, "people", "rank-1 rate")
    assert abs(outcomes.success[0].mean() - 1 / 40) < 0.02
    assert outcomes.success[1:].mean() > 0.8


def test_chance_is_one_of_the_people_however_uneven_their_pictures() -> None:
    uneven = [photo for photo in made_people(4, 60) if photo.person == 0] + [photo for photo in made_people(4, 4) if photo.person > 0]
    rates = [played(blank, uneven, seed=seed).success[0].mean() for seed in range(40)]
    assert abs(np.mean(rates) - 1 / 4) < 0.04


def test_guesses_are_shares_and_their_diagonal_is_the_success() -> None:
    outcomes = played()
    assert outcomes.guesses is not None
    np.testing.assert_allclose(outcomes.guesses.sum(2), 1)
    np.testing.assert_allclose(np.diagonal(outcomes.guesses, axis1=1, axis2=2), outcomes.success)


def test_probes_are_distinct_pictures_over_all_splits() -> None:
    assert 5 < played().probes <= 10
    assert played(secrets=made_people(3, 2)).probes in (1, 2)


def test_a_seed_repeats_a_play_and_another_does_not() -> None:
    noisy = protected_arm("dp-pixelate:cells=4,m=roi,epsilon=100")
    assert (played(noisy).success == played(noisy).success).all()
    assert (played(noisy).success != played(noisy, seed=1).success).any()


@pytest.mark.parametrize("draws", [1, 7])
def test_both_arms_are_split_alike_however_much_chance_one_draws(draws: int) -> None:
    def drawing(photo: Photo, rng: np.random.Generator, /) -> Picture:
        rng.random(draws)
        return photo.picture

    assert played(drawing).success[1:].tolist() == played(itself).success[1:].tolist()


def test_an_arm_without_chance_is_called_once_a_photo_and_one_with_chance_in_every_split() -> None:
    calls = {"still": 0, "drawing": 0}

    def still(photo: Photo, rng: np.random.Generator, /) -> Picture:
        calls["still"] += 1
        return photo.picture

    def drawing(photo: Photo, rng: np.random.Generator, /) -> Picture:
        calls["drawing"] += 1
        return photo.picture + rng.integers(0, 2, photo.picture.shape, np.uint8)

    played(still)
    played(drawing)
    assert calls == {"still": 400, "drawing": 2000}


def test_mixed_sizes_are_attacked_all_the_same() -> None:
    mixed = [
        Photo(np.kron(photo.picture, np.ones((2, 2), np.uint8)) if at % 3 else photo.picture, person=photo.person) for at, photo in enumerate(PEOPLE)
    ]
    assert played(secrets=mixed).success[1].mean() > 0.5


def test_examples_show_the_release_the_clear_person_taken_for_and_the_truth() -> None:
    outcomes = played(protected_arm("fill"))
    assert len(outcomes.shown) == 6
    clear = {photo.picture.tobytes(): photo.person for photo in PEOPLE}
    for shown in outcomes.shown:
        assert not shown.seen.any() and shown.secret is not None
        named, true = clear[shown.recovered.tobytes()], clear[shown.secret.tobytes()]
        assert shown.caption == (f"taken for person {named}, rightly" if named == true else f"taken for person {named}; is person {true}")
    assert len({clear[shown.secret.tobytes()] for shown in outcomes.shown if shown.secret is not None}) == 6


@pytest.mark.parametrize(("secrets", "code"), [(made_people(1, 5), "attack.one-person"), (made_people(5, 1), "attack.one-picture")])
def test_what_cannot_be_attacked_is_said(secrets: list[Photo], code: str) -> None:
    with pytest.raises(BadInput) as refused:
        played(secrets=secrets)
    assert refused.value.code == code
    assert tried(itself, secrets).verdict is Verdict.ERROR


def test_people_with_one_picture_are_told_in_the_notes() -> None:
    alone = Photo(PEOPLE[0].picture, person=99)
    outcomes = played(secrets=[*PEOPLE, alone])
    assert outcomes.success.shape[1] == 40
    assert outcomes.notes["left out"] == "1 people with one picture"


def test_without_torch_the_network_is_named_as_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cnn, "has_torch", lambda: False)
    assert available(["nearest", "cnn"]) == (("nearest",), {"cnn": "it needs torch; pip install 'velatura[train]'"})
    finding = tried(itself, attack=Reidentify(("nearest", "cnn")))
    assert "torch" in finding.evidence["not run: cnn"]
    alone = tried(protected_arm("fill"), attack=Reidentify(("cnn",)))
    assert alone.verdict is Verdict.NOT_RUN and "velatura[train]" in alone.why
    with pytest.raises(Missing):
        Reidentify(("cnn",)).play(itself, PEOPLE, np.random.default_rng(0), budget_s=1)


def test_a_wrong_name_and_too_few_splits_are_refused_before_anything_runs() -> None:
    with pytest.raises(BadSpec) as refused:
        Reidentify(("neerest",))
    assert "did you mean 'nearest'" in refused.value.hint
    with pytest.raises(BadSpec) as few:
        Reidentify(splits=4)
    assert (refused.value.code, few.value.code) == ("attack.attacker", "attack.splits")
