from __future__ import annotations

import sys

import numpy as np
import pytest
from tests.attacks.people import blank, itself, made_people

from velatura.attacks import unet
from velatura.attacks.attack import Arm, Deadline, Outcomes, Photo, Picture
from velatura.attacks.reconstruction import Reconstruct
from velatura.audit.trial import trial
from velatura.errors import Missing
from velatura.findings import Claim, Finding, Verdict

PHOTOS = made_people(40, 2, size=(16, 16))


def negative(photo: Photo, rng: np.random.Generator, /) -> Picture:
    """No filter, and nothing is lost: what a network must learn to undo."""
    return 255 - photo.picture


def drawn(photo: Photo, rng: np.random.Generator, /) -> Picture:
    """Noise that knows nothing of the photo."""
    return rng.integers(0, 256, photo.picture.shape, dtype=np.uint8)


def play(arm: Arm[Photo, Picture], photos: list[Photo] = PHOTOS, seed: int = 1, budget_s: float = 120) -> Outcomes:
    return Reconstruct().play(arm, photos, np.random.default_rng(seed), budget_s=budget_s)


def verdict(protected: Arm[Photo, Picture], photos: list[Photo] = PHOTOS) -> Finding:
    return trial(Reconstruct(), "a test", plain=itself, protected=protected, claim=Claim(), secrets=photos, seed=1, budget_s=120, findings=1).finding


@pytest.fixture
def torch() -> None:
    pytest.importorskip("torch", reason="the extra train is not here")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few epochs, where nothing needs to be learnt well."""
    monkeypatch.setattr(unet, "MOST_EPOCHS", 4)


def test_without_torch_it_is_missing_and_the_finding_says_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr("velatura.attacks.cnn.find_spec", lambda name: None)
    with pytest.raises(Missing) as error:
        play(itself)
    assert error.value.code == "extra.train" and "velatura[train]" in error.value.hint
    found = verdict(blank)
    assert found.verdict is Verdict.NOT_RUN and "velatura[train]" in found.why


@pytest.mark.usefixtures("torch")
def test_a_negative_is_learnt_and_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unet, "MOST_EPOCHS", 25)
    found = verdict(negative, PHOTOS[:32])
    assert found.verdict is Verdict.BROKEN
    assert found.estimate is not None and found.estimate.value > found.estimate.chance + 0.3
    assert float(found.evidence["attacker u-net"].split(";")[0]) > 2 * float(found.evidence["attacker look"].split(";")[0])


@pytest.mark.usefixtures("torch", "short")
@pytest.mark.parametrize("arm", [blank, drawn])
def test_what_does_not_depend_on_the_photo_holds(arm: Arm[Photo, Picture]) -> None:
    found = verdict(arm)
    assert found.verdict is Verdict.HELD
    assert found.estimate is not None and found.estimate.value < found.estimate.chance + 0.02


@pytest.mark.usefixtures("torch")
def test_the_same_seed_gives_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unet, "MOST_EPOCHS", 1)
    first, again, other = (play(negative, PHOTOS[:8], seed) for seed in (1, 1, 2))
    assert (first.success == again.success).all()
    assert not (first.success == other.success).all()


@pytest.mark.usefixtures("torch")
def test_without_time_it_says_so_and_it_answers_no_better_than_a_guess() -> None:
    found = play(negative, budget_s=0)
    assert found.cut and found.notes["training"].startswith("0 epochs")
    assert found.success[2].mean() <= found.chance
    assert all("(u-net)" in one.caption and one.recovered.std() < one.secret.std() for one in found.shown)  # a mean of people is flatter than one


@pytest.mark.usefixtures("torch", "short")
def test_mixed_sizes_and_colours_are_brought_to_one() -> None:
    photos = [*made_people(3, 2, size=(17, 26), colour=True), *[Photo(p.picture, p.person + 3) for p in made_people(3, 2, size=(15, 40))]]
    found = play(itself, photos)
    assert found.success.shape == (3, 6)
    assert {one.seen.shape for one in found.shown} == {(16, 32, 3)}


@pytest.mark.usefixtures("torch", "short")
def test_one_person_is_attacked_with_made_pictures() -> None:
    found = play(itself, made_people(1, 1))
    assert found.success.shape == (3, 1)


@pytest.mark.usefixtures("torch", "short")
def test_threads_and_chance_of_torch_are_as_before() -> None:
    import torch

    threads = torch.get_num_threads()
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    play(itself, PHOTOS[:8])
    assert torch.get_num_threads() == threads
    assert (torch.rand(3) == wanted).all()


@pytest.mark.usefixtures("torch")
def test_before_training_the_answer_is_the_guess() -> None:
    rng = np.random.default_rng(0)
    secrets, guess = rng.integers(0, 256, (4, 24, 16, 3), dtype=np.uint8), rng.uniform(0, 255, (24, 16, 3)).astype(np.float32)
    found = unet.learn_and_recover((secrets, secrets), [secrets], guess, rng, Deadline(0))
    assert (found.epochs, found.cut) == (0, True)
    assert found.recovered[0] == pytest.approx(np.broadcast_to(guess, secrets.shape), abs=1e-3)
