"""What a verdict does not prove, in the words that verdicts, documents and `explain` share."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from velatura.enclave.assurance import Assurance

__all__ = ["GPU_ALONE", "LIMITS", "PHYSICAL", "limit_of"]

PHYSICAL = "Nobody is kept out who reads the memory bus or its timing: interposers, caches and power are outside of what evidence shows."

LIMITS: Mapping[Assurance, str] = MappingProxyType(
    {
        Assurance.NONE: "Nothing was proven: what the claims say is what somebody wrote.",
        Assurance.SIMULATED: "Nothing was proven: everybody has the key that signed this. For trying things out.",
        Assurance.PROCESS: "Proves nothing to somebody who distrusts root of that machine, or whoever shows it: its key is made there and comes with"
        " it, and both can lie.",
        Assurance.VM: "Proves nothing against who owns the hypervisor: it reads the guest's memory, and a virtual TPM is its own.",
        Assurance.TEE: f"The operator is kept out; the vendor is trusted. {PHYSICAL}",
        Assurance.TEE_GPU: "The operator is kept out of processor and GPU, as far as the measured guest speaks to that GPU alone; "
        f"both vendors are trusted. {PHYSICAL}",
    }
)
"""Assurance -> the sentence that stands beside every verdict that reached it."""

GPU_ALONE = "Says that the GPU is a genuine one, and not to which machine it belongs: its nonce has to come from that machine's own evidence."


def limit_of(named: str, assurance: Assurance) -> str:
    """What stands beside a verdict on evidence of this format."""
    return f"{GPU_ALONE} {PHYSICAL}" if named == "nvidia" and assurance is Assurance.TEE else LIMITS[assurance]
