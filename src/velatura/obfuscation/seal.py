"""`seal`: the region becomes black, and what was there goes, encrypted, to the holder of one key.

The treatment hands the original samples to its caller, which writes them into a sidecar (`velatura.obfuscation.sidecar`) under a key of
their own for each track; `unseal` puts them back. What is published is exactly what `fill` publishes: no published bit depends on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from velatura.errors import BadSpec
from velatura.findings import Claim
from velatura.obfuscation.fill import CLAIMS, Fill
from velatura.obfuscation.limits import SEAL as LIMITS
from velatura.obfuscation.method import Method, Patch, Treatment
from velatura.obfuscation.samples import pack

__all__ = ["LIMITS", "Seal", "parse"]


class Seal:
    """Black, with the original kept for the key's holder. No parameters."""

    limits = LIMITS
    claims: Mapping[str, Claim] = CLAIMS
    cosmetic = False

    def begin(self, first: Patch, *, entropy: Callable[[int], bytes]) -> Treatment:
        return _Sealing(Fill().begin(first, entropy=entropy))


class _Sealing:
    """Packs, then fills. Nothing is kept from frame to frame: the track's key lives with the sidecar's writer."""

    def __init__(self, filling: Treatment) -> None:
        self._filling = filling

    def apply(self, patch: Patch) -> bytes:
        payload = pack(patch)
        self._filling.apply(patch)
        return payload


def parse(parameters: str) -> Method:
    """The method of `--method seal`. Raises BadSpec `seal.parameters`: it takes none."""
    if parameters:
        raise BadSpec("seal.parameters", f"seal takes no parameters, not {parameters!r}", hint="--method seal --recipient KEY.pub")
    return Seal()
