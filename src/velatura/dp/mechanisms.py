"""Discrete Laplace and discrete Gaussian noise, exact: integer arithmetic on random bits, no floating point anywhere.

Floating-point Laplace noise leaks through its low bits (Mironov, CCS 2012), so none is drawn. Scales are fractions, results integers.
Adding `laplace(s)` to an integer query of sensitivity d is (d/s)-differentially private; adding `gaussian(v)` is d^2/(2v)-zCDP.

Limits: the time a draw takes depends on the value drawn (it rejects); keep it away from an attacker's clock. `entropy` must be a CSPRNG.
Source: Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy", NeurIPS 2020, algorithms 1 (exp(-gamma)),
2 (Laplace), 3 (Gaussian).
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import isqrt

__all__ = ["gaussian", "laplace", "laplace_many"]

Entropy = Callable[[int], bytes]


def laplace(scale: Fraction | int, entropy: Entropy) -> int:
    """One draw from P(x) = (e^(1/s) - 1) / (e^(1/s) + 1) * e^(-|x|/s) over the integers.

    Args:
        scale: s >= 0, exact; 0 gives 0.
        entropy: `entropy(n)` gives n random bytes.
    """
    return laplace_many(scale, 1, entropy)[0]


def laplace_many(scale: Fraction | int, count: int, entropy: Entropy) -> list[int]:
    """`count` independent draws; random bytes are asked for in blocks, which is what makes it quick (3 microseconds a draw)."""
    scale = _not_negative(scale)
    if scale == 0:
        return [0] * count
    bits = _Bits(entropy, block=64 if count < 8 else 4096)
    return [_laplace(bits, scale.numerator, scale.denominator) for _ in range(count)]


def gaussian(sigma2: Fraction | int, entropy: Entropy) -> int:
    """One draw from P(x) proportional to e^(-x^2 / (2 sigma2)) over the integers; `sigma2` >= 0, exact; 0 gives 0."""
    sigma2 = _not_negative(sigma2)
    if sigma2 == 0:
        return 0
    bits = _Bits(entropy, block=64)
    t = isqrt(sigma2.numerator // sigma2.denominator) + 1  # floor(sigma) + 1
    centre = sigma2 / t
    while True:
        y = _laplace(bits, t, 1)
        gamma = (abs(y) - centre) ** 2 / (2 * sigma2)
        if _happens_exp(bits, gamma.numerator, gamma.denominator):
            return y


class _Bits:
    """Uniform integers from random bytes, none used twice."""

    __slots__ = ("_block", "_buffer", "_entropy", "_position")

    def __init__(self, entropy: Entropy, *, block: int) -> None:
        self._entropy, self._block, self._buffer, self._position = entropy, block, b"", 0

    def below(self, n: int) -> int:
        """Uniform in 0..n-1 by rejection: masked to the bits of n - 1, so that fewer than half of the tries fail."""
        if n == 1:
            return 0
        width = (n - 1).bit_length()
        size, mask = (width + 7) >> 3, (1 << width) - 1
        while True:
            end = self._position + size
            if end > len(self._buffer):
                self._fill(size)
                end = size
            value = int.from_bytes(self._buffer[self._position : end], "little") & mask
            self._position = end
            if value < n:
                return value

    def _fill(self, size: int) -> None:
        wanted = max(size, self._block)
        self._buffer, self._position = self._entropy(wanted), 0
        if len(self._buffer) != wanted:
            raise ValueError("entropy gave another number of bytes than asked")


def _laplace(bits: _Bits, t: int, s: int) -> int:
    """Algorithm 2 with scale t/s: a geometric number in steps of 1/t, divided by s, with a sign; -0 is drawn again."""
    below = bits.below
    while True:
        u = below(t)
        if not _happens_exp_below_1(bits, u, t):
            continue
        v = 0
        while _happens_exp_below_1(bits, 1, 1):
            v += 1
        y = (u + t * v) // s
        negative = below(2)
        if y or not negative:
            return -y if negative else y


def _happens_exp(bits: _Bits, numerator: int, denominator: int) -> bool:
    """True with probability exp(-numerator/denominator), for any gamma >= 0."""
    whole, rest = divmod(numerator, denominator)
    return all(_happens_exp_below_1(bits, 1, 1) for _ in range(whole)) and _happens_exp_below_1(bits, rest, denominator)


def _happens_exp_below_1(bits: _Bits, numerator: int, denominator: int) -> bool:
    """Algorithm 1 for 0 <= gamma <= 1: the first k at which a coin of gamma/k fails is odd with probability exp(-gamma)."""
    k = 1
    while bits.below(denominator * k) < numerator:
        k += 1
    return bool(k & 1)


def _not_negative(value: Fraction | int) -> Fraction:
    if isinstance(value, float):
        raise TypeError("noise is scaled by a fraction, not by a float")
    if value < 0:
        raise ValueError("the scale of noise is not negative")
    return Fraction(value)
