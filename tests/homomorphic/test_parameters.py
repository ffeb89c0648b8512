"""The table that decides on security, and primes against SEAL's."""

from __future__ import annotations

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.errors import BadSpec
from velatura.homomorphic.parameters import MAX_LOG_QP, parameters, primes_for


def test_the_table_is_that_of_the_guideline_of_2024() -> None:
    assert [MAX_LOG_QP[1 << k] for k in range(10, 18)] == [26, 53, 106, 214, 430, 868, 1747, 3523]


@given(st.sampled_from([4096, 8192, 16384, 32768]), st.lists(st.integers(26, 60), min_size=1, max_size=8))
def test_primes_are_those_that_seal_would_take(n: int, bits: list[int]) -> None:
    seal = pytest.importorskip("tenseal.sealapi", reason="tenseal is not installed")
    assert primes_for(n, bits) == tuple(prime.value() for prime in seal.CoeffModulus.Create(n, bits))


def test_primes_are_one_modulo_twice_the_degree_and_differ() -> None:
    found = primes_for(65536, [45] * 20)
    assert len(set(found)) == 20 and all(prime % 131072 == 1 and prime.bit_length() == 45 for prime in found)


def test_what_seal_takes_for_128_bits_at_8192_is_refused_by_the_newer_table() -> None:
    with pytest.raises(BadSpec, match=r"214.*he\.insecure"):
        parameters(8192, [31, 26, 26, 26, 26, 26, 26], 31)  # TenSEAL's tutorial: 218 bits


def test_an_insecure_set_is_made_only_when_asked_for_and_says_so_in_its_digest() -> None:
    asked = parameters(8192, [40, 40, 40, 40], 60, insecure_ok=True)
    assert asked.insecure
    assert asked.digest() != type(asked)(asked.n, asked.data, asked.special).digest()


def test_a_secure_set_is_not_called_insecure_by_the_permission() -> None:
    assert not parameters(8192, [35, 31, 28, 27, 23, 31], 39, insecure_ok=True).insecure


def test_what_counts_is_the_sum_of_logarithms_of_all_primes() -> None:
    made = parameters(8192, [35, 31, 28, 27, 23, 31], 39)
    assert made.log_qp == pytest.approx(sum(log2(prime) for prime in [*made.data, made.special]))
    assert made.bits == (35, 31, 28, 27, 23, 31, 39) and made.log_qp <= 214


@pytest.mark.parametrize(
    ("n", "bits", "code"),
    [(8000, [30, 30], "he.degree"), (8192, [19, 30], "he.primes"), (8192, [61, 30], "he.primes"), (65536, [20] * 9, "he.primes")],
)
def test_impossible_sets_are_refused(n: int, bits: list[int], code: str) -> None:
    with pytest.raises(BadSpec) as refused:
        primes_for(n, bits)
    assert refused.value.code == code


def test_digests_differ_where_sets_differ() -> None:
    sets = [
        parameters(8192, [35, 31, 28], 39),
        parameters(8192, [31, 35, 28], 39),
        parameters(8192, [35, 31], 28),
        parameters(16384, [35, 31, 28], 39),
    ]
    assert len({one.digest() for one in sets}) == len(sets)
