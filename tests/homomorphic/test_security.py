"""The estimate beside the table."""

from __future__ import annotations

import pytest

from velatura.homomorphic.parameters import MAX_LOG_QP
from velatura.homomorphic.security import estimated_bits


@pytest.mark.parametrize("n", [n for n in MAX_LOG_QP if n >= 2048])
def test_the_table_s_limits_are_128_bits_within_five(n: int) -> None:
    assert 128 <= estimated_bits(n, MAX_LOG_QP[n]) <= 133.5


@pytest.mark.parametrize(("n", "log_qp", "bits"), [(2048, 53, 132.4), (8192, 214, 130.9), (32768, 868, 130.3), (8192, 218, 128.3)])
def test_known_figures(n: int, log_qp: float, bits: float) -> None:
    assert estimated_bits(n, log_qp) == pytest.approx(bits, abs=0.6)


@pytest.mark.parametrize(("n", "old"), [(4096, 109), (8192, 218), (16384, 438), (32768, 881)])
def test_the_standard_of_2018_is_weaker(n: int, old: int) -> None:
    assert estimated_bits(n, old) < estimated_bits(n, MAX_LOG_QP[n]) - 1


def test_a_toy_falls() -> None:
    assert estimated_bits(1024, 109) < 60
    assert estimated_bits(4096, 214) < 80
