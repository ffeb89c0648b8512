"""The median of who may vote, against sorting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.removal.voting_median import counted, voting_median


def by_sorting(values: np.ndarray, votes: np.ndarray, bits: int) -> np.ndarray:
    found = np.full(values.shape[1:], (1 << bits) - 1, values.dtype)
    for place in np.ndindex(*values.shape[1:]):
        heard = np.sort(values[(slice(None), *place)][votes[(slice(None), *place)]])
        if len(heard):
            low, high = int(heard[(len(heard) - 1) // 2]), int(heard[len(heard) // 2])
            found[place] = (low + high + 1) // 2 if high - low <= max(1, (4 << bits) >> 8) else low
    return found


@given(bits=st.sampled_from([4, 8, 10, 16]), samples=st.integers(1, 12), share=st.floats(0, 1), seed=st.integers(0, 99))
def test_it_is_the_median_of_those_who_vote(bits: int, samples: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = (rng.integers(0, 1 << bits, (samples, 3, 5)) >> rng.integers(0, 4)).astype(np.uint8 if bits <= 8 else np.uint16)
    votes = rng.random(values.shape) < share
    np.testing.assert_array_equal(voting_median(values, votes, bits), by_sorting(values, votes, bits))


@pytest.mark.parametrize("samples", [255, 256, 300])
def test_it_counts_more_samples_than_a_byte_holds(samples: int) -> None:
    values = np.arange(samples, dtype=np.uint16)[:, None].repeat(2, axis=1)
    votes = np.ones(values.shape, np.bool_)
    assert counted(votes).tolist() == [samples, samples]
    assert voting_median(values, votes, 16).tolist() == [samples // 2] * 2


def test_between_two_colours_there_is_no_third() -> None:
    values = np.array([[40, 100], [40, 100], [200, 102], [200, 102]], np.uint8)
    assert voting_median(values, np.ones(values.shape, np.bool_)).tolist() == [40, 101]


def test_pieces_of_a_wide_row_make_the_same_whole() -> None:
    rng = np.random.default_rng(1)
    values = rng.integers(0, 256, (99, 7001)).astype(np.uint8)
    everybody = np.ones(values.shape, np.bool_)
    np.testing.assert_array_equal(voting_median(values, everybody), np.median(values, axis=0))
