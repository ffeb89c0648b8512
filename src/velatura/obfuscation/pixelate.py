"""`pixelate:N` and `pixelate:Npx`: each cell of a grid becomes its mean. Cosmetic: people are recognised from it.

N cells lie across the region's shorter side, all but equal, as square as whole pixels allow; Npx are squares of N pixels from the region's
top left corner. Means are rounded, of the whole cell. A reader learns every mean exactly: a mosaic of 6x7 cells gave 97.5 % of 40 people
to a linear attacker, more than the original did (docs/benchmarks/obfuscation.md).
Source: Hill, Zhou, Saul, Shacham, PoPETs 2016(4), section 3, for the attack on text; McPherson, Shokri, Shmatikov, arXiv 1609.00408.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from velatura.errors import BadSpec
from velatura.findings import Claim
from velatura.media.frame import Plane
from velatura.obfuscation import grid
from velatura.obfuscation.limits import PIXELATE as LIMITS
from velatura.obfuscation.method import Method, Patch, Treatment
from velatura.obfuscation.paint import colour_planes, paint
from velatura.obfuscation.parameters import whole

__all__ = ["LIMITS", "Pixelate", "parse"]

MOST = 4096


@dataclass(frozen=True, slots=True)
class Pixelate:
    """Cells across the shorter side, or, with `pixels`, cells of so many pixels."""

    cells: int
    pixels: bool = False
    limits: ClassVar[str] = LIMITS
    claims: ClassVar[Mapping[str, Claim]] = MappingProxyType({})
    cosmetic: ClassVar[bool] = True

    def begin(self, first: Patch, *, entropy: Callable[[int], bytes]) -> Treatment:
        return self

    def apply(self, patch: Patch) -> bytes:
        paint(patch, [self._means(patch, i, plane) for i, plane in enumerate(colour_planes(patch))])
        return b""

    def _means(self, patch: Patch, index: int, plane: Plane) -> Plane:
        down, across = self._borders(patch, index, plane.shape)
        number = grid.counts(down, across)
        means = (grid.sums(plane, down, across) + number // 2) // number
        return grid.spread(means, down, across)

    def _borders(self, patch: Patch, index: int, shape: tuple[int, ...]) -> tuple[grid.Borders, grid.Borders]:
        sx, sy = patch.form.subsampled(index)
        if self.pixels:
            return grid.stepped(shape[0], self.cells, sy), grid.stepped(shape[1], self.cells, sx)
        rows, columns = grid.square(patch.planes[0].shape, self.cells)
        return grid.even(shape[0], min(rows, shape[0])), grid.even(shape[1], min(columns, shape[1]))


def parse(parameters: str) -> Method:
    """The method of `--method pixelate:N` or `pixelate:Npx`. Raises BadSpec `pixelate.parameters`."""
    pixels = parameters.endswith("px")
    cells = whole(parameters.removesuffix("px"), 1, MOST)
    if cells is None:
        hint = f"pixelate:N (N cells across the region's shorter side) or pixelate:Npx (cells of N pixels), N from 1 to {MOST}; e.g. pixelate:8"
        raise BadSpec("pixelate.parameters", f"pixelate takes a whole number, not {parameters!r}", hint=hint)
    return Pixelate(cells, pixels)
