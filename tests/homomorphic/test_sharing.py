"""What may leave the owner, policy by policy."""

from __future__ import annotations

import numpy as np
import pytest

from velatura.errors import BadSpec, Withheld
from velatura.homomorphic.sharing import Sharing, check_sharing, released

SCORES = np.array([[0.1, 0.9, -3.0, 0.5], [7.0, 7.0, 1.0, 2.0]])


def test_a_label_is_the_best_class_and_no_score() -> None:
    answer = released(SCORES, check_sharing("label", outputs=4))
    assert answer.labels.tolist() == [[1], [0]]
    assert answer.scores is None


def test_the_best_k_come_in_order() -> None:
    assert released(SCORES, check_sharing("label", top_k=3, outputs=4)).labels.tolist() == [[1, 3, 0], [0, 1, 3]]


def test_a_single_output_is_a_yes_or_no() -> None:
    assert released(np.array([[-0.2], [0.3]]), check_sharing("label", outputs=1)).labels.tolist() == [[0], [1]]


def test_private_scores_are_written_only_where_the_owner_asks() -> None:
    private = check_sharing("private", outputs=4)
    assert released(SCORES, private).scores is None
    answer = released(SCORES, private, raw=True)
    assert answer.raw
    np.testing.assert_array_equal(answer.scores, SCORES)


def test_raw_scores_of_a_label_program_are_withheld() -> None:
    with pytest.raises(Withheld) as caught:
        released(SCORES, check_sharing("label", outputs=4), raw=True)
    assert (caught.value.code, caught.value.exit_status) == ("he.sharing", 3)


def test_public_is_always_limited() -> None:
    assert check_sharing("public", outputs=4).queries == 1000
    assert check_sharing("public", queries=5, outputs=4).queries == 5
    assert check_sharing("label", outputs=4).queries is None
    answer = released(SCORES, Sharing("public", queries=1), raw=True)
    assert not answer.raw
    assert answer.scores is not None


@pytest.mark.parametrize(
    ("share", "top_k", "queries", "code"),
    [("raw", 1, None, "he.share"), ("label", 0, None, "he.top-k"), ("label", 4, None, "he.top-k"), ("label", 1, 0, "he.queries")],
)
def test_a_policy_that_is_none_is_refused(share: str, top_k: int, queries: int | None, code: str) -> None:
    with pytest.raises(BadSpec) as caught:
        check_sharing(share, top_k=top_k, queries=queries, outputs=4)
    assert caught.value.code == code
