"""A raw decryption is the key; a flooded one is not; and the attacker's arithmetic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator

from velatura.attacks.key_recovery import Disclosure, Key, KeyRecovery, _known
from velatura.attacks.ring import Ring
from velatura.errors import BadInput

N, PRIME = 256, 1152921504606844417  # 60 bits, 1 modulo 2 N


def key(seed: int) -> Key:
    return Key(np.random.default_rng(seed).integers(-1, 2, N).astype(np.int8), None)


def arm(treated: Callable[[np.ndarray, Generator], np.ndarray], times: int = 1) -> Callable[[Key, Generator], list[Disclosure]]:
    """Encryption by hand: c0 = m - c1 s for a message with an error in it; `treated`: what is given out of m."""
    ring = Ring(N, PRIME)

    def play(secret: Key, rng: Generator) -> list[Disclosure]:
        made = []
        for _ in range(2):
            message = rng.integers(-(1 << 40), 1 << 40, N).astype(object)
            second = rng.integers(0, PRIME, N).astype(object)
            product = ring.coefficients(ring.values(second) * ring.values(secret.coefficients.astype(object) % PRIME) % PRIME)
            told = np.stack([treated(message.astype(float), rng) for _ in range(times)])
            made.append(Disclosure((message - product) % PRIME, second, PRIME, told))
        return made

    return play


def mirrored(m: np.ndarray) -> np.ndarray:
    """What real parts alone leave of a polynomial."""
    return (m + np.concatenate([m[:1], -m[:0:-1]])) / 2


def played(release: Callable[[np.ndarray, Generator], np.ndarray], times: int = 1) -> dict[str, float]:
    o = KeyRecovery().play(arm(release, times), [key(i) for i in range(4)], np.random.default_rng(1), budget_s=60)
    assert o.success.shape == (3, 4) and o.chance == 0
    return dict(zip(o.attackers, o.success.mean(-1), strict=True))


def test_values_and_coefficients_are_inverse_and_multiply() -> None:
    ring, rng = Ring(16, 97), np.random.default_rng(0)
    a, b = (rng.integers(0, 97, 16).astype(object) for _ in range(2))
    long = np.convolve(a, b)
    product = (long[:16] - np.append(long[16:], 0)) % 97
    assert (ring.coefficients(ring.values(a)) == a).all()
    assert (ring.coefficients(ring.values(a) * ring.values(b) % 97) == product).all()
    assert ring.values(a)[3] == sum(int(c) * pow(ring.root, 7 * j, 97) for j, c in enumerate(a)) % 97


def test_one_raw_decryption_is_the_key() -> None:
    assert played(lambda m, rng: m) == {"one decryption": 1, "the mean of several": 1, "real parts of two": 1}


def test_real_parts_of_two_are_the_key() -> None:
    found = played(lambda m, rng: mirrored(m))
    assert found["real parts of two"] == 1 and found["one decryption"] == 0


def test_noise_that_is_too_weak_goes_away_in_the_mean() -> None:
    found = played(lambda m, rng: m + rng.normal(0, 1, N), times=400)
    assert found["one decryption"] == 0 and found["the mean of several"] == 1


@pytest.mark.parametrize("bits", [12, 30])
def test_flooding_hides_the_key(bits: int) -> None:
    assert not any(played(lambda m, rng: m + rng.normal(0, 2.0**bits, N), times=4).values())


def test_a_key_that_is_found_in_part_counts_in_part() -> None:
    assert _known(np.array([1 / 3, 0.34, 2 / 3, 1.0]), 4096) == pytest.approx([0, 0, 0.5, 1])


def test_too_few_are_told() -> None:
    with pytest.raises(BadInput, match=r"attack\.too-few"):
        KeyRecovery().play(arm(lambda m, rng: m), [key(1)], np.random.default_rng(1), budget_s=1)


def test_a_key_does_not_print() -> None:
    assert repr(key(1)) == "<a key to be found>"
