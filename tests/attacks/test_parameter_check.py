"""What is missing to the promise is told, and what is beyond it is no success."""

from __future__ import annotations

import numpy as np
import pytest

from velatura.attacks.intervals import estimate
from velatura.attacks.parameter_check import ParameterCheck


@pytest.mark.parametrize(("bits", "missing"), [(60.0, 68.0), (127.0, 1.0), (128.0, 0.0), (140.0, 0.0), (float("inf"), 0.0)])
def test_missing_bits(bits: float, missing: float) -> None:
    o = ParameterCheck().play(lambda secret, rng: bits, (), np.random.default_rng(1), budget_s=1)
    assert estimate(o).value == missing and str(int(bits) if bits < 1e9 else "inf") in o.notes["estimated"]
