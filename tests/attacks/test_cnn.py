from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra train is not here")

from tests.attacks.people import itself, made_people

from velatura.attacks import cnn
from velatura.attacks.attack import Deadline
from velatura.attacks.pictures import Form, common_form
from velatura.attacks.reidentification import Reidentify
from velatura.errors import Missing

PHOTOS = made_people(4, 8, size=(16, 16))
PICTURES, PEOPLE = [photo.picture for photo in PHOTOS], np.array([photo.person for photo in PHOTOS])
OWN = np.flatnonzero(np.arange(32) % 2 == 0)


def learn(budget_s: float = 60, pictures: list[np.ndarray] = PICTURES, form: Form | None = None) -> cnn.Learnt:
    own, probes = [pictures[at] for at in OWN], [pictures[at + 1] for at in OWN]
    return cnn.learn(own, PEOPLE[OWN], probes, np.random.default_rng(3), Deadline(budget_s), form=form or common_form(pictures))


def test_it_tells_people_apart_and_repeats_itself() -> None:
    first, second = learn(), learn()
    assert first.scores is not None and second.scores is not None
    assert (first.scores.argmax(1) == PEOPLE[OWN]).mean() > 0.7
    assert (first.scores == second.scores).all()
    assert not first.cut and first.epochs == second.epochs > 1


def test_it_learns_nothing_from_one_grey_level_and_gives_up_early() -> None:
    flat = learn(pictures=[np.full((16, 16), 90, np.uint8)] * 32)
    assert flat.scores is not None
    assert len(set(flat.scores.argmax(1))) == 1  # all probes are equal
    assert flat.epochs < cnn.MOST_EPOCHS


def test_without_time_there_is_no_answer() -> None:
    none = learn(budget_s=0)
    assert (none.scores, none.epochs, none.cut) == (None, 0, True)


def test_colours_and_slim_pictures_are_taken() -> None:
    found = learn(pictures=[np.stack([picture[:3]] * 3, -1) for picture in PICTURES], form=Form(3, 16, colour=True))
    assert found.scores is not None and found.scores.shape == (16, 4)


def test_threads_and_chance_of_torch_are_as_before() -> None:
    import torch

    threads = torch.get_num_threads()
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    learn()
    assert torch.get_num_threads() == threads
    assert (torch.rand(3) == wanted).all()


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cnn, "has_torch", lambda: False)
    with pytest.raises(Missing) as refused:
        learn()
    assert (refused.value.code, refused.value.hint) == ("extra.train", "pip install 'velatura[train]'")


def test_a_budget_that_ends_is_told_and_the_splits_done_count() -> None:
    outcomes = Reidentify(("nearest", "cnn")).play(itself, PHOTOS, np.random.default_rng(0), budget_s=60)
    assert outcomes.attackers == ("guess", "nearest", "cnn") and not outcomes.cut
    assert outcomes.success[2].mean() > 0.7
    assert outcomes.notes["cnn"].startswith("5 of 5 splits, ")
    ended = Reidentify(("nearest", "cnn")).play(itself, PHOTOS, np.random.default_rng(0), budget_s=0)
    assert ended.attackers == ("guess", "nearest") and ended.cut
    assert ended.notes["not run: cnn"] == "the time budget ended before its first split"
    assert (ended.success == outcomes.success[:2]).all()
