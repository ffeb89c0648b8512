"""`fill`: the region becomes black. Of its pixels nothing is left, whatever they were."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from velatura.errors import BadSpec
from velatura.findings import Claim
from velatura.obfuscation.limits import FILL as LIMITS
from velatura.obfuscation.method import Method, Patch, Treatment
from velatura.obfuscation.paint import paint

__all__ = ["LIMITS", "Fill", "parse"]

CLAIMS = MappingProxyType({name: Claim() for name in ("reidentify", "reconstruct", "text", "averaging", "residue")})
"""Against attackers who see the region alone; what is around it is not covered, and not claimed."""


class Fill:
    """Black, whatever was there. No parameters."""

    limits = LIMITS
    claims: Mapping[str, Claim] = CLAIMS
    cosmetic = False

    def begin(self, first: Patch, *, entropy: Callable[[int], bytes]) -> Treatment:
        return _Filling()


class _Filling:
    def apply(self, patch: Patch) -> bytes:
        black = patch.form.black()
        paint(patch, black[: len(black) - patch.form.alpha])
        return b""


def parse(parameters: str) -> Method:
    """The method of `--method fill`. Raises BadSpec `fill.parameters`: it takes none."""
    if parameters:
        raise BadSpec("fill.parameters", f"fill takes no parameters, not {parameters!r}", hint="--method fill")
    return Fill()
