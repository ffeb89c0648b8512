"""Sealed files that were tampered with: counted where they open, and nothing is shown where honest ones do not."""

from __future__ import annotations

import numpy as np
import pytest

from velatura.attacks.enclave.sealed_tampering import HONEST, WAYS, SealedTampering
from velatura.errors import BadInput

RNG = np.random.default_rng(0)


def test_each_way_that_opens_is_counted_and_named() -> None:
    found = SealedTampering().play(lambda way, rng: way in (HONEST, "rollback"), list(WAYS), RNG, budget_s=1)
    assert found.success.sum() == 1
    assert found.notes["opened"] == "rollback: an older state in the place of the latest"
    nothing = SealedTampering().play(lambda way, rng: way == HONEST, list(WAYS), RNG, budget_s=1)
    assert (nothing.success.sum(), nothing.notes["opened"]) == (0, "none")


def test_who_opens_nothing_at_all_shows_nothing() -> None:
    with pytest.raises(BadInput, match="does not open either"):
        SealedTampering().play(lambda way, rng: False, list(WAYS), RNG, budget_s=1)
