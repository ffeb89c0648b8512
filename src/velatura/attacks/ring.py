"""Arithmetic of polynomials modulo X^n + 1 and a prime: where lattice encryption computes, and so its attacker.

A product is taken value by value at the odd powers of a 2n-th root of unity. Numbers of 60 bits are multiplied, so the arrays hold Python's own.
Source: Cooley, Tukey, Math. Comp. 1965; the twist by powers of the root is folklore.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ring"]

Numbers: TypeAlias = NDArray[Any]
"""(n,) of whole numbers, dtype object."""


class Ring:
    """
    Args:
        n: a power of two.
        prime: 1 modulo 2n.
    """

    def __init__(self, n: int, prime: int) -> None:
        self.n, self.prime = n, prime

    @cached_property
    def root(self) -> int:
        """The least primitive 2n-th root of unity."""
        power = (self.prime - 1) // (2 * self.n)
        first = next(r for base in range(2, self.prime) if pow(r := pow(base, power, self.prime), self.n, self.prime) == self.prime - 1)
        least = here = first
        square = first * first % self.prime
        for _ in range(self.n):
            here = here * square % self.prime
            least = min(least, here)
        return least

    def values(self, coefficients: Numbers) -> Numbers:
        """(n,) values; number k is at the root to the power 2k + 1."""
        return self._transform(coefficients.astype(object) * self._powers(self.root) % self.prime, self.root * self.root % self.prime)

    def coefficients(self, values: Numbers) -> Numbers:
        """What `values` came from, 0 to prime - 1."""
        back = pow(self.root, -1, self.prime)
        made = self._transform(values.astype(object), back * back % self.prime) * pow(self.n, -1, self.prime) % self.prime
        return np.asarray(made * self._powers(back) % self.prime)

    def quotient(self, above: Numbers, below: Numbers) -> Numbers:
        """Value by value; 0 where `below` is 0."""
        inverse = np.array([pow(int(one), -1, self.prime) if one % self.prime else 0 for one in below], dtype=object)
        return np.asarray(above * inverse % self.prime)

    def centred(self, coefficients: Numbers) -> Numbers:
        """The representatives nearest to 0."""
        return np.where(coefficients > self.prime // 2, coefficients - self.prime, coefficients)

    def _powers(self, of: int) -> Numbers:
        made = [1]
        for _ in range(self.n - 1):
            made.append(made[-1] * of % self.prime)
        return np.array(made, dtype=object)

    def _transform(self, x: Numbers, omega: int) -> Numbers:
        powers, part = self._powers(omega), x.reshape(1, -1)
        while len(part) < self.n:
            half = part.shape[1] // 2
            even, odd = part[:, :half], part[:, half:] * powers[:: self.n // (2 * len(part))][: len(part), None] % self.prime
            part = np.vstack([even + odd, even - odd]) % self.prime
        return part.ravel()
