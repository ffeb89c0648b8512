from __future__ import annotations

import numpy as np

from velatura.attacks.tally import Tally


def test_right_names_are_counted_for_each_person_over_splits() -> None:
    tally = Tally(3)
    assert tally.add(np.array([[3.0, 1, 2], [0, 0, 1], [9, 8, 7]]), np.array([0, 1, 2])).tolist() == [0, 2, 0]
    tally.add(np.eye(3), np.array([0, 1, 2]))
    assert tally.rank_1().tolist() == [1.0, 0.5, 0.5]
    assert tally.shares().tolist() == [[1, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5]]
    assert tally.splits == 2


def test_each_person_weighs_the_same_however_many_probes_he_has() -> None:
    tally = Tally(2)
    tally.add(np.array([[1.0, 0]] * 9 + [[1.0, 0]]), np.array([0] * 9 + [1]))
    assert tally.rank_1().mean() == 0.5


def test_the_first_five_names_count_for_rank_5() -> None:
    tally = Tally(7)
    tally.add(np.tile(np.arange(7.0), (7, 1)), np.arange(7))
    assert tally.rank_5() == 5 / 7
