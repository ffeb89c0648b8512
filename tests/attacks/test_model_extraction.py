"""A polynomial is rebuilt from its scores; labels, or few answers, tell less."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.random import Generator

from velatura.attacks.attack import Outcomes
from velatura.attacks.model_extraction import Asked, ModelExtraction
from velatura.errors import BadInput

INPUTS, OUTPUTS = 10, 4


@cache
def weights() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.normal(size=(INPUTS, 6)), rng.normal(size=(6, OUTPUTS))


def model(x: np.ndarray) -> np.ndarray:
    """A layer, squares, a layer: of degree two."""
    first, second = weights()
    scores: np.ndarray = (x @ first) ** 2 @ second
    return scores - np.array([2.0, -1, 0, 1])


def draw(count: int, rng: Generator) -> np.ndarray:
    return rng.uniform(-1, 1, (count, INPUTS))


def fresh(count: int = 300) -> list[Asked]:
    x = draw(count, np.random.default_rng(9))
    return [Asked(row, int(label)) for row, label in zip(x, model(x).argmax(1), strict=True)]


def played(limit: int = 10_000, *, labels: bool = False) -> Outcomes:
    def arm(x: np.ndarray, rng: Generator) -> np.ndarray:
        scores = model(x[:limit])
        return np.eye(OUTPUTS)[scores.argmax(1)] if labels else scores

    return ModelExtraction(draw, 400).play(arm, fresh(), np.random.default_rng(1), budget_s=60)


def test_a_network_of_squares_is_rebuilt_from_its_scores() -> None:
    o = played()
    means = dict(zip(o.attackers, o.success.mean(-1), strict=True))
    assert means["degree 2"] > 0.99 > means["linear"] and o.chance < 0.8


def test_labels_tell_less_than_scores_and_more_than_nothing() -> None:
    o = played(labels=True)
    assert o.chance + 0.05 < o.success.mean(-1).max() < 0.99


def test_a_limit_is_felt_and_told() -> None:
    o = played(limit=20)
    assert o.success.mean(-1).max() < 0.9 and o.notes["answers"] == "20 of 400 asked for"


def test_agreement_grows_with_questions() -> None:
    told = [float(value) for name, value in played().notes.items() if name.startswith("agreement")]
    assert len(told) == 3 and told[0] < told[-1]


def test_too_few_are_told() -> None:
    with pytest.raises(BadInput, match=r"attack\.too-few"):
        ModelExtraction(draw).play(lambda x, rng: model(x), fresh(5), np.random.default_rng(1), budget_s=1)
    with pytest.raises(BadInput, match="3 answers"):
        played(limit=3)
