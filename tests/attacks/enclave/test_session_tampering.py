"""A session tampered with: an arm that serves nobody but the honest, one that serves a way, and one that serves nobody at all."""

from __future__ import annotations

import numpy as np
import pytest

from velatura.attacks.enclave.session_tampering import HONEST, WAYS, SessionTampering
from velatura.errors import BadInput


def share(serves: set[str]) -> float:
    found = SessionTampering().play(lambda way, rng: way in serves, list(WAYS), np.random.default_rng(0), budget_s=1)
    assert found.success.shape == (1, len(WAYS))
    return float(found.success.mean())


def test_what_is_served_counts_by_its_way() -> None:
    assert share({HONEST}) == 0
    assert share({HONEST, "replay"}) == pytest.approx(1 / len(WAYS))
    assert share({HONEST, *WAYS}) == 1


def test_a_session_that_serves_nobody_shows_nothing() -> None:
    with pytest.raises(BadInput, match="honest session"):
        share({"replay"})


def test_ways_that_were_served_are_named() -> None:
    found = SessionTampering().play(lambda way, rng: way in (HONEST, "spent"), list(WAYS), np.random.default_rng(0), budget_s=1)
    assert found.notes["served"] == "spent: one use more than the data set has"
