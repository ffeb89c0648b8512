"""AWS Nitro Enclaves: one ioctl of /dev/nsm, a request and an answer in CBOR, each behind a struct iovec.

    struct nsm_raw   request {u64 address, u64 length}, response {u64 address, u64 length}              32 bytes
    {"Attestation": {"user_data": report data, "nonce": nonce, "public_key": key}} -> {"Attestation": {"document": bytes}} | {"Error": word}

Source: include/uapi/linux/nsm.h (Linux 6.8); aws-nitro-enclaves-nsm-api, docs/attestation_process.md. Unverified on hardware.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from velatura.enclave.backends.attesters.sev_guest import Ioctl, device_ioctl
from velatura.enclave.backends.backend import Collected
from velatura.enclave.evidence.cbor import decode, encode
from velatura.errors import Missing

__all__ = ["ASK", "Nsm"]

ASK = 0xC0200A00  # _IOWR(0x0A, 0, 32 bytes)
_MESSAGE = struct.Struct("<QQQQ")
_MOST_ANSWER = 0x3000


@dataclass(frozen=True, slots=True)
class Nsm:
    """The device of an enclave."""

    device: Path = Path("/dev/nsm")
    ioctl: Ioctl = field(default=device_ioctl, repr=False)
    name: str = "nsm"

    def lacking(self) -> str:
        if not self.device.exists():
            return f"nsm: there is no {self.device}"
        return "" if os.access(self.device, os.R_OK | os.W_OK) else f"nsm: {self.device} may not be opened"

    def quote(self, report_data: bytes, nonce: bytes, key: bytes) -> Collected:
        wanted = encode({"Attestation": {"user_data": report_data, "nonce": nonce, "public_key": key}})
        request, answer = ctypes.create_string_buffer(wanted, len(wanted)), ctypes.create_string_buffer(_MOST_ANSWER)
        message = bytearray(_MESSAGE.pack(ctypes.addressof(request), len(wanted), ctypes.addressof(answer), _MOST_ANSWER))
        try:
            self.ioctl(self.device, ASK, message)
            size = min(_MESSAGE.unpack(message)[3], _MOST_ANSWER)
            found, _ = decode(answer.raw[:size])
        except (OSError, ValueError) as error:
            raise Missing("enclave.attester", f"{self.device} gives no document: {error}", hint="velatura enclave doctor") from error
        document = _at(_at(found, "Attestation"), "document")
        if not isinstance(document, bytes):
            raise Missing("enclave.attester", f"{self.device} answers {_at(found, 'Error') or 'no document'}", hint="velatura enclave doctor")
        return Collected(document, "nitro")


def _at(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else None
