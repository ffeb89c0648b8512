"""Every row goes to one site, in the way that was asked for, and the same way each time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.errors import BadSpec
from velatura.federated.partition import dealt

LABELS = np.random.default_rng(0).integers(0, 10, 3000)


@given(
    rows=st.integers(1, 300),
    sites=st.integers(1, 12),
    how=st.sampled_from(["iid", "dirichlet:0.3", "dirichlet:100", "classes:1", "classes:2", "quantity:0.5"]),
    seed=st.integers(0, 1 << 62),
)
def test_every_row_goes_to_one_site(rows: int, sites: int, how: str, seed: int) -> None:
    labels = LABELS[:rows]
    try:
        parts = dealt(labels, sites, how, seed=seed, least=0)
    except BadSpec:
        assert sites > rows or (how == "classes:2" and len(np.unique(labels)) < 2)
        return
    assert len(parts) == sites
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(rows))
    again = dealt(labels, sites, how, seed=seed, least=0)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))


def classes(part: np.ndarray) -> int:
    return len(np.unique(LABELS[part]))


def test_kinds_are_what_they_say() -> None:
    assert {len(part) for part in dealt(LABELS, 10, "iid", seed=1)} == {300}
    assert all(classes(part) == 10 for part in dealt(LABELS, 10, "iid", seed=1))
    assert all(classes(part) <= 4 for part in dealt(LABELS, 10, "classes:2", seed=1))
    unlike = [np.bincount(LABELS[part], minlength=10).max() / len(part) for part in dealt(LABELS, 10, "dirichlet:0.1", seed=1)]
    alike = [np.bincount(LABELS[part], minlength=10).max() / len(part) for part in dealt(LABELS, 10, "dirichlet:1000", seed=1)]
    assert np.mean(unlike) > 0.4 and np.mean(alike) < 0.15
    sizes = [len(part) for part in dealt(LABELS, 10, "quantity:0.3", seed=1)]
    assert max(sizes) > 5 * min(sizes)


WRONG = ["idd", "iid:3", "dirichlet", "dirichlet:0", "dirichlet:-1", "dirichlet:nan", "dirichlet:1e-300", "quantity:inf", "quantity:-1", "quantity:x"]
WRONG += ["classes:1.5", "classes:0", "classes:99", "classes:1e300", f"classes:{'9' * 5000}", "classes:"]


@pytest.mark.parametrize("how", WRONG)
def test_what_is_no_partition_is_refused(how: str) -> None:
    with pytest.raises(BadSpec) as caught:
        dealt(LABELS, 3, how, seed=0)
    assert caught.value.code == "federated.partition" and caught.value.hint


def test_a_deal_that_leaves_somebody_without_rows_is_drawn_again_or_refused() -> None:
    assert min(len(part) for part in dealt(LABELS, 10, "dirichlet:0.5", seed=3, least=50)) >= 50
    with pytest.raises(BadSpec, match="no deal"):
        dealt(LABELS, 10, "quantity:0.001", seed=0, least=100)
    with pytest.raises(BadSpec, match="not enough"):
        dealt(LABELS[:5], 6, "iid", seed=0)
    with pytest.raises(BadSpec, match="so many pieces"):
        dealt(LABELS[:15], 8, "classes:2", seed=0)
