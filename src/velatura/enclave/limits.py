"""What a verdict does not prove, in the words that verdicts, documents and `explain` share."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from velatura.enclave.assurance import Assurance

__all__ = ["LIMITS", "PHYSICAL"]

PHYSICAL = "Nobody is kept out who reads the memory bus or its timing: interposers, caches and power are outside of what evidence shows."

LIMITS: Mapping[Assurance, str] = MappingProxyType(
    {
        Assurance.NONE: "Nothing was proven: what the claims say is what somebody wrote.",
        Assurance.SIMULATED: "Nothing was proven: everybody has the key that signed this. For trying things out.",
        Assurance.PROCESS: "Proves nothing to somebody who distrusts root of that machine: its key lives on the same host, and root can lie.",
        Assurance.VM: "Proves nothing against who owns the hypervisor: it reads the guest's memory, and a virtual TPM is its own.",
        Assurance.TEE: f"The operator is kept out; the vendor is trusted. {PHYSICAL}",
        Assurance.TEE_GPU: f"The operator is kept out of processor and GPU; both vendors are trusted. {PHYSICAL}",
    }
)
"""Assurance -> the sentence that stands beside every verdict that reached it."""
