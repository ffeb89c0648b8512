"""Updates as whole numbers modulo 2^32, chosen so that a sum of all sites cannot wrap around.

A site's words are round(update * rows * scale) and, as the last one, its number of rows: sites * (most rows * bound * scale + 1) < 2^31, and
sites * most rows < 2^31. A value beyond the bound is an error where it arises and never cut off: cutting is silent, and training goes wrong.
The error of a mean is at most sites * bound / 2^31 / (share of the most rows that a site has): 4e-8 for ten sites of about equal size, bound 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log2

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput, BadSpec, Withheld
from velatura.federated.secagg.bound import MOST_BOUND, enough_for
from velatura.federated.secagg.masks import Words

__all__ = ["FixedPoint"]

HALF = 1 << 31
SLACK = 1 + 2.0**-20  # a float32 that was scaled to the bound may lie above it by its last bit


@dataclass(frozen=True, slots=True)
class FixedPoint:
    """sites: at most in a sum; bound: of a coordinate of one update; most: rows of one site; scale: units in 1.0, of one row.

    Raises:
        BadSpec: `federated.secagg-overflow`: a sum could wrap around.
    """

    sites: int
    bound: float
    most: int
    scale: float

    def __post_init__(self) -> None:
        largest = self.most * self.bound * self.scale * SLACK + 1
        if not 0 < self.bound < float("inf") or not self.scale > 0 or self.most < 1 or self.sites * max(largest, self.most) >= HALF:
            sentence = f"{self.sites} sites of up to {self.most} rows and coordinates up to {self.bound:g} do not fit 32 bits"
            raise BadSpec("federated.secagg-overflow", sentence, hint="a smaller secagg.bound, or fewer sites in a round")

    @classmethod
    def fitting(cls, *, sites: int, bound: float, most: int) -> FixedPoint:
        """The finest scale, a power of two, that cannot wrap around."""
        room = (HALF / max(sites, 1) - 2) / max(most * bound * SLACK, 1e-300)
        return cls(sites, bound, most, 2.0 ** floor(log2(room)) if room > 0 else 0.0)

    def words(self, update: NDArray[np.float64], rows: int) -> Words:
        """A site's words: one more than coordinates.

        Raises:
            BadInput: `federated.secagg-bound`: a coordinate is beyond the bound or not finite, or there are too many rows.
        """
        largest = float(np.max(np.abs(update), initial=0.0))
        if not largest <= self.bound * SLACK:  # so that NaN is refused, too
            raise BadInput("federated.secagg-bound", self._beyond(largest), hint="a smaller learning rate, or a larger secagg.bound")
        if not 1 <= rows <= self.most:
            raise BadInput("federated.secagg-bound", f"{rows} rows, and the most is {self.most}", hint="a larger secagg.examples")
        made = np.empty(len(update) + 1, np.uint32)
        made[:-1] = np.rint(update * (rows * self.scale)).astype(np.int32).view(np.uint32)
        made[-1] = rows
        return made

    def _beyond(self, largest: float) -> str:
        """With the number to set: the sentence alone reaches whoever runs the job."""
        wanted = enough_for(2 * largest) if largest < MOST_BOUND / 2 else 0.0
        what = f"secagg.bound = {wanted:g} holds twice that" if wanted else "no bound holds that: a smaller training.lr"
        return f"an update changes a weight by {largest:.3g}, and secagg.bound is {self.bound:g}; {what}"

    def total(self, words: Words, sites: int) -> tuple[NDArray[np.int64], int]:
        """(sum of updates times rows, in units; sum of rows) of so many sites.

        Raises:
            Withheld: `federated.secagg-sum`: no sites within the bounds have such a sum.
        """
        values, rows = words[:-1].view(np.int32).astype(np.int64), int(words[-1])
        if not sites <= rows <= sites * self.most:
            raise Withheld("federated.secagg-sum", f"the sum says {rows} rows of {sites} sites with at most {self.most} each")
        largest, limit = int(np.max(np.abs(values), initial=0)), rows * self.bound * self.scale * SLACK + sites
        if largest > limit:
            raise Withheld("federated.secagg-sum", f"a coordinate of the sum is {largest} units, and {sites} sites reach {limit:.0f}")
        return values, rows
