"""A sum that nobody checks is changed as the attacker likes; one that is checked is not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import Generator

from velatura.attacks.malleability import Forgery, Malleability

W = np.random.default_rng(0).normal(size=(5, 4))


def open_arm(forgery: Forgery, rng: Generator) -> int:
    return int((forgery.x @ W + forgery.shift).argmax())


def sealed_arm(forgery: Forgery, rng: Generator) -> int:
    return -1 if forgery.shift.any() else open_arm(forgery, rng)


@pytest.mark.parametrize(("arm", "share", "refused"), [(open_arm, 1.0, "0 of 20"), (sealed_arm, 0.0, "20 of 20")])
def test_what_is_not_checked_is_changed(arm: object, share: float, refused: str) -> None:
    asked = list(np.random.default_rng(1).uniform(-1, 1, (20, 5)))
    o = Malleability(4, 100.0).play(arm, asked, np.random.default_rng(2), budget_s=9)  # type: ignore[arg-type]
    assert o.success.mean() == share and o.notes["refused"] == refused


def test_one_score_changes_its_sign() -> None:
    o = Malleability(1, 100.0).play(
        lambda f, rng: int((f.x.sum() + f.shift)[0] > 0), list(np.random.default_rng(1).normal(size=(9, 3))), np.random.default_rng(2), budget_s=9
    )
    assert o.success.mean() == 1
