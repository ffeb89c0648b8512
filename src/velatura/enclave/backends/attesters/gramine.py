"""SGX under Gramine: a pseudo file takes 64 bytes, another gives the quote.

Gramine is a library OS in the enclave and has neither seccomp nor Landlock, so the confined process does not start there: what this attester can do
is quote for a program that runs under Gramine by itself.
Source: Gramine's documentation, "Attestation and Secret Provisioning". Unverified on hardware.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from velatura.enclave.backends.backend import Collected
from velatura.errors import Missing

__all__ = ["Gramine"]

MOST_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Gramine:
    """`folder`: of the pseudo files."""

    folder: Path = Path("/dev/attestation")
    name: str = "gramine"

    def lacking(self) -> str:
        try:
            kind = (self.folder / "attestation_type").read_text().strip()
        except OSError:
            return f"gramine: there is no {self.folder}"
        return "" if kind == "dcap" else f"gramine: attestation_type is {kind!r}, and DCAP is wanted"

    def quote(self, report_data: bytes, nonce: bytes, key: bytes) -> Collected:
        try:
            (self.folder / "user_report_data").write_bytes(report_data)
            with (self.folder / "quote").open("rb") as stream:
                quote = stream.read(MOST_BYTES)
        except OSError as error:
            raise Missing("enclave.attester", f"{self.folder} gives no quote: {error.strerror or error}", hint="velatura enclave doctor") from error
        return Collected(quote, "sgx")
