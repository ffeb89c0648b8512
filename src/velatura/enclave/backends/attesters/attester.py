"""The protocol of an attester: 64 bytes in, evidence of the hardware out."""

from __future__ import annotations

from typing import Protocol

from velatura.enclave.backends.backend import Collected

__all__ = ["Attester"]


class Attester(Protocol):
    """
    Attributes:
        name: as `--backend` takes it.
    """

    @property
    def name(self) -> str: ...

    def lacking(self) -> str:
        """Why there is none here, beginning with the device's name; "" if there is."""
        ...

    def quote(self, report_data: bytes, nonce: bytes, key: bytes) -> Collected:
        """Evidence over 64 bytes. `nonce` and `key` (32 bytes each) go in beside it where the format has places for them.

        Raises:
            Missing: `enclave.attester`: the device is not there, or it refuses.
        """
        ...
