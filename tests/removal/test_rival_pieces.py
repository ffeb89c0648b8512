"""Pieces: the same as scipy makes of the same pairs."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from velatura.removal.rival_pieces import _united


@given(count=st.integers(1, 60), pairs=st.integers(0, 80), seed=st.integers(0, 300))
def test_what_pairs_join_is_one_piece(count: int, pairs: int, seed: int) -> None:
    a, b = np.random.default_rng(seed).integers(count, size=(2, pairs))
    graph = sparse.coo_matrix((np.ones(pairs, np.bool_), (a, b)), shape=(count, count))
    assert np.array_equal(_united(count, a, b), sparse.csgraph.connected_components(graph, directed=False)[1])


def test_a_long_chain_is_one_piece() -> None:
    order = np.random.default_rng(0).permutation(5000)
    assert not _united(5000, order[:-1], order[1:]).any()
