"""The secret key of approximate homomorphic encryption, from decryptions that were given away.

What CKKS decrypts to holds the ciphertext's error. Whoever has the ciphertext (c0, c1) and the number m it decrypts to, to the last unit, has
c0 + c1 s = m, one linear equation in the key s for each coefficient, without any error: he divides. Imaginary parts are half of m. Without them
the sum with the mirrored polynomial is left, half of the equations; two ciphertexts make it whole again. Against noise he takes the mean of all
decryptions of one ciphertext, and rounds. Limit: other ways to use noisy equations (they are LWE samples) are not tried.
Source: Li, Micciancio, EUROCRYPT 2021 (eprint 2020/1533), section 4; the way by real parts alone is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Arm, Deadline, Outcomes
from velatura.attacks.ring import Numbers, Ring
from velatura.errors import BadInput

__all__ = ["Disclosure", "Key", "KeyRecovery"]

LEAST_KEYS = 2
BEYOND = 6.0
"""Deviations above a third from which right coefficients are no luck: it happens once in a thousand million keys."""
LEAST_CIPHERTEXTS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """One secret key; it does not print.

    Attributes:
        coefficients: (n,) of -1, 0, 1: what is to be found.
        held: what the arm decrypts with.
    """

    coefficients: NDArray[np.int8]
    held: Any

    def __repr__(self) -> str:
        return "<a key to be found>"


@dataclass(frozen=True, slots=True, eq=False)
class Disclosure:
    """One ciphertext that the attacker holds, and what it was said to hold.

    Attributes:
        first, second: (n,) coefficients of c0 and c1 modulo `prime`.
        prime: of the ciphertext's modulus, one.
        told: (times, n) coefficients, in units of the ciphertext's last place, of each decryption that was given out; not rounded.
    """

    first: Numbers
    second: Numbers
    prime: int
    told: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class KeyRecovery:
    """An `Attack[Key, Sequence[Disclosure]]`.

    Success of a key: the share of its coefficients that are known and not guessed; 0 where luck would find as many. That cannot be guessed, so it is
    counted and not estimated.
    """

    name: ClassVar[str] = "key-recovery"
    knowledge: ClassVar[str] = "has two ciphertexts that he did not make, knows all parameters, and gets what of their decryptions is given out"

    def play(self, arm: Arm[Key, Sequence[Disclosure]], secrets: Sequence[Key], rng: Generator, *, budget_s: float) -> Outcomes:
        """See `Attack.play`.

        Raises:
            BadInput: `attack.too-few`: fewer than two keys, or ciphertexts of one.
        """
        if len(secrets) < LEAST_KEYS:
            raise BadInput("attack.too-few", f"{len(secrets)} keys: too few to say", hint=f"at least {LEAST_KEYS}")
        deadline, found = Deadline(budget_s), list[list[float]]()
        for key in secrets:
            if len(found) >= LEAST_KEYS and deadline.passed():
                break
            given = arm(key, rng)
            if len(given) < LEAST_CIPHERTEXTS:
                raise BadInput("attack.too-few", f"{len(given)} ciphertexts of a key", hint=f"at least {LEAST_CIPHERTEXTS}")
            found.append([float(np.mean(guess == key.coefficients)) for guess in (_once(given[0]), _mean(given[0]), _real_parts(*given[:2]))])
        right = np.array(found).T
        return Outcomes(
            _known(right, len(secrets[0].coefficients)),
            ("one decryption", "the mean of several", "real parts of two"),
            0.0,
            "keys",
            "key rate",
            kind="proof",
            cut=len(found) < len(secrets),
            notes={
                "keys found whole": f"{int((right.max(0) == 1).sum())} of {len(found)}",
                "right coefficients": f"{100 * right.mean(-1).max():.1f} %; guessing 33.3 %",
            },
        )


def _known(right: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """From shares of right coefficients to shares that are known: a third of the others is right by luck."""
    luck = 1 / 3 + BEYOND * np.sqrt(2 / 9 / n)
    return np.where(right > luck, (3 * right - 1) / 2, 0.0)


def _once(given: Disclosure) -> NDArray[np.int8]:
    return _divided(given, given.told[0])


def _mean(given: Disclosure) -> NDArray[np.int8]:
    return _divided(given, given.told.mean(0))


def _divided(given: Disclosure, told: NDArray[np.float64]) -> NDArray[np.int8]:
    """s = (m - c0) / c1."""
    ring = Ring(len(told), given.prime)
    return _ternary(ring, ring.quotient(ring.values((_whole(told) - given.first) % given.prime), ring.values(given.second)))


def _real_parts(one: Disclosure, other: Disclosure) -> NDArray[np.int8]:
    """c1(z) s(z) + c1(1/z) s(1/z) is known at each root z, from both ciphertexts: two equations for s(z) and s(1/z)."""
    ring = Ring(len(one.first), one.prime)
    (a, b, t), (c, d, u) = (_mirrored(ring, given) for given in (one, other))
    return _ternary(ring, ring.quotient((t * d - b * u) % ring.prime, (a * d - b * c) % ring.prime))


def _mirrored(ring: Ring, given: Disclosure) -> tuple[Numbers, Numbers, Numbers]:
    """c1 at each root, c1 at its inverse, and m - c0 summed over both. Half units cannot be: the sum of m with its mirror image is rounded."""
    told = given.told.mean(0)
    both = _whole(told + np.concatenate([told[:1], -told[:0:-1]]))
    second, first = ring.values(given.second), ring.values(given.first)
    # the inverse of root^(2k + 1) is root^(2(n - 1 - k) + 1)
    return second, second[::-1], (ring.values(both % ring.prime) - first - first[::-1]) % ring.prime


def _whole(numbers: NDArray[np.float64]) -> Numbers:
    return np.array([int(one) for one in np.rint(numbers)], dtype=object)


def _ternary(ring: Ring, values: Numbers) -> NDArray[np.int8]:
    """The key with these values; a coefficient that is none of -1, 0, 1 is guessed by its remainder."""
    found = ring.centred(ring.coefficients(values))
    return np.where(np.abs(found) <= 1, found, found % 3 - 1).astype(np.int8)
