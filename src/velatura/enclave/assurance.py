"""How much a piece of evidence can vouch for, as one order: what is stronger satisfies what asks for less.

A policy names the least that it accepts. `process` proves nothing to somebody who distrusts the machine's root, and so never satisfies `vm` or more.
"""

from __future__ import annotations

from enum import IntEnum

from velatura.errors import BadSpec, nearest

__all__ = ["Assurance"]


class Assurance(IntEnum):
    """none < simulated < process < vm < tee < tee+gpu.

    Attributes:
        NONE: nothing was proven.
        SIMULATED: signed with a key that everybody knows; for trying things out.
        PROCESS: a confined process on a machine whose root could lie.
        VM: a measured virtual machine or a TPM; who owns the hypervisor could lie.
        TEE: the processor's or the cloud's own root vouches; the operator cannot lie.
        TEE_GPU: a TEE whose GPU is attested with a nonce that the TEE's evidence fixes.
    """

    NONE = 0
    SIMULATED = 1
    PROCESS = 2
    VM = 3
    TEE = 4
    TEE_GPU = 5

    @property
    def word(self) -> str:
        """As policies and reports write it."""
        return self.name.lower().replace("_", "+")

    @classmethod
    def of(cls, word: str) -> Assurance:
        """Raises BadSpec `enclave.assurance`."""
        words = {one.word: one for one in cls}
        if word not in words:
            raise BadSpec("enclave.assurance", f"there is no assurance {word!r}", hint=nearest(word, words))
        return words[word]
