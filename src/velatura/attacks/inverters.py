"""Three ways to undo a protection that has been identified: Wiener, projected Landweber, back-projection.

Each takes what the attacker knows, the releases, and one option; which option is best, he finds out on pictures of his own (`deconvolution.py`).
What a release does not tell is filled in from the blind guess, or stays as the release has it.
Source: Wiener, "Extrapolation, Interpolation and Smoothing of Stationary Time Series", 1949; Landweber, American J. Mathematics 73, 1951, projected,
with the momentum of Beck, Teboulle, SIAM J. Imaging Sciences 2(1), 2009; back-projection: Irani, Peleg, CVGIP 53(3), 1991.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from velatura.attacks.filter_estimate import BlackBox, Filter, Stack, from_cosines, to_cosines

__all__ = ["INVERTERS", "Inverter", "Known", "back_projection", "landweber", "wiener"]

STEPS = (3, 10, 40)
"""With momentum 40 come as near as 150 without (SSIM within .003 for sigma 2 to 10), at a quarter of the cost."""
NOISE_FACTORS = (1 / 3, 1.0, 3.0, 10.0)
WIDTHS = (1 / 92, 2 / 92, 4 / 92, 8 / 92)
"""Of the shorter side."""
ROUNDS = (0, 1, 2)
STARTS = ("release", "guess")
MOST_WORK = 1 << 26
"""Steps times samples of a picture: large ones get fewer steps."""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What the attacker knows at one size.

    Attributes:
        filter: the protection, identified.
        guess: (height, width, channels), the blind guess.
        guess_release: what the protection makes of it, the mean of a few runs.
        box: the protection itself.
        calls: how often it is run and averaged where it is not the same twice.
    """

    filter: Filter
    guess: NDArray[np.float32]
    guess_release: NDArray[np.float32]
    box: BlackBox
    calls: int = 1

    def again(self, stack: Stack) -> NDArray[np.float32]:
        """The protection of a stack; the mean of `calls` runs."""
        return np.asarray(np.mean([self.box(stack) for _ in range(self.calls)], axis=0, dtype=np.float32))


def wiener(known: Known, releases: Stack, option: tuple[float]) -> Stack:
    """The linear estimate of least mean square error, each cosine apart; `option`: a factor on the noise."""
    f, factor = known.filter, np.float32(option[0])
    guess = to_cosines(known.guess)
    weight = f.power * f.gain / (f.gain**2 * f.power + factor * f.noise)
    return _grey(from_cosines(guess + weight * (to_cosines(releases) - f.of(guess))))


def landweber(known: Known, releases: Stack, option: tuple[str, int]) -> Stack:
    """x <- clip(v + A'(y - A v)), v <- x + momentum; `option`: where it starts, and how many steps."""
    start, steps = option
    gain, step = known.filter.gain, np.float32(1 / max(float(np.max(known.filter.gain**2)), 1.0))
    aim, square = step * gain * (to_cosines(releases) - known.filter.of(0.0)), 1 - step * gain**2
    x = ahead = releases.astype(np.float32) if start == "release" else np.broadcast_to(known.guess, releases.shape)
    t = 1.0
    for _ in range(steps):
        before, x = x, _grey(from_cosines(aim + square * to_cosines(ahead)))
        t_before, t = t, (1 + sqrt(1 + 4 * t * t)) / 2
        ahead = x + np.float32((t_before - 1) / t) * (x - before)
    return x


def back_projection(known: Known, releases: Stack, option: tuple[str, float, int]) -> Stack:
    """Smooth, then push until the protection of the estimate is the release: z <- clip(z + y - A(z)).

    Args:
        option: what is smoothed (the release, or what it has beyond the guess's), the width as a share of the shorter side, rounds of pushing.
    """
    start, width, rounds = option
    sigma_px = width * min(releases.shape[1:3])
    y = releases.astype(np.float32)
    z = _grey(_smooth(y, sigma_px) if start == "release" else known.guess + _smooth(y - known.guess_release, sigma_px))
    for _ in range(rounds):
        z = _grey(z + y - known.again(z))
    return z


@dataclass(frozen=True, slots=True)
class Inverter:
    """A way to undo.

    Attributes:
        recover: (known, releases, option) -> recovered, same shape, floating point, 0..255.
        options: number of samples of a picture -> what is tried on the attacker's own.
        words: a format for an option's parts.
    """

    recover: Callable[[Known, Stack, Any], Stack]
    options: Callable[[int], Sequence[tuple[Any, ...]]]
    words: str

    def told(self, option: tuple[Any, ...]) -> str:
        """An option in words."""
        return self.words.format(*option)


def _landweber_options(samples: int) -> Sequence[tuple[Any, ...]]:
    return [(start, steps) for start in STARTS for steps in STEPS if steps == STEPS[0] or steps * samples <= MOST_WORK]


def _back_projection_options(samples: int) -> Sequence[tuple[Any, ...]]:
    return [(start, width, rounds) for start in STARTS for width in WIDTHS for rounds in ROUNDS]


INVERTERS: Mapping[str, Inverter] = MappingProxyType(
    {
        "wiener": Inverter(wiener, lambda samples: [(factor,) for factor in NOISE_FACTORS], "the measured noise times {0:.3g}"),
        "landweber": Inverter(landweber, _landweber_options, "from the {0}, {1} steps"),
        "back-projection": Inverter(
            back_projection, _back_projection_options, "from the {0}, smoothed with a sigma of {1:.1%} of the shorter side, pushed {2} times"
        ),
    }
)


def _smooth(stack: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """A Gaussian, mirrored at the border, as a product in the cosine domain: wide ones cost no more than narrow ones."""
    down, across = (np.exp(-0.5 * (np.pi * np.arange(n, dtype=np.float32) / n * sigma_px) ** 2) for n in stack.shape[1:3])
    return from_cosines(to_cosines(stack) * (down[:, None, None] * across[None, :, None]))


def _grey(stack: Stack) -> Stack:
    return np.clip(stack, 0, 255)
