"""Azure's HCL report (vTPM NV index 0x01400001): the hardware's report with the runtime JSON whose hash it carries, and in that the vTPM's keys.

The hash is over exactly the bytes of the JSON; its report data were fixed when the machine started, so they prove no freshness.

| offset | what |
|---|---|
| 0x000 | "HCLA", version, size of the whole, request type, status, 12 zeros |
| 0x020 | 1,184 bytes: SEV-SNP report, or TDREPORT (1,024) and zeros |
| 0x4C0 | size of the rest, version, kind (2 SNP, 4 TDX), hash (1 SHA-256, 2 SHA-384, 3 SHA-512), size of the JSON |
| 0x4D4 | JSON: `keys` (JWK), `vm-configuration`, `user-data`; then zeros |

Limit: a TDREPORT is authenticated for its own machine alone (MAC): nothing in it but what a TD quote repeats means anything elsewhere.
Source: Microsoft, "Guest attestation for confidential VMs" (vTPM), and real reports; little-endian.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from velatura.enclave.appraisal import Examination, Refused
from velatura.enclave.evidence.fields import Fields
from velatura.enclave.evidence.strict_json import member, octets, read_document
from velatura.enclave.evidence.tpm_key import rsa_key
from velatura.errors import BadInput

__all__ = ["HclReport", "hold_runtime", "read_hcl"]

HARDWARE_BYTES, TDREPORT_BYTES = 1184, 1024
KINDS: Mapping[int, str] = MappingProxyType({2: "snp", 4: "tdx"})
REPORT_DATA: Mapping[str, slice] = MappingProxyType({"snp": slice(0x50, 0x90), "tdx": slice(128, 192)})
HASHES: Mapping[int, str] = MappingProxyType({1: "sha256", 2: "sha384", 3: "sha512"})
REQUEST = 2


@dataclass(frozen=True, slots=True)
class HclReport:
    """What it says; nothing is proven yet.

    Attributes:
        kind: `snp` or `tdx`.
        hardware: the SEV-SNP report, or the TDREPORT.
        runtime: the JSON's bytes.
        hash: by which the hardware's report data were made of it.
        ak: key of the vTPM that signs quotes.
        configuration: of the machine, as Azure's firmware saw it.
        user_data: hex.
    """

    kind: str
    hardware: bytes
    runtime: bytes
    hash: str
    ak: rsa.RSAPublicKey
    configuration: Mapping[str, Any]
    user_data: str

    @property
    def report_data(self) -> bytes:
        """64 bytes of the hardware's report."""
        return self.hardware[REPORT_DATA[self.kind]]


def read_hcl(raw: bytes) -> HclReport:
    """Raises BadInput `enclave.evidence`: another format, or cut short; Refused `malformed`: it breaks a rule."""
    fields = Fields(raw, "the HCL report", "little")
    if fields.take(4) != b"HCLA":
        raise BadInput("enclave.evidence", "this is no HCL report: it does not begin with HCLA")
    version, size, request, status, reserved = (*(fields.number(4) for _ in range(4)), fields.take(12))
    if version not in (1, 2) or request != REQUEST or status or any(reserved):
        raise _malformed(f"version {version}, request {request}, status {status}, or reserved bytes are set")
    hardware = fields.take(HARDWARE_BYTES)
    length, data_version, kind, digest = (fields.number(4) for _ in range(4))
    if data_version != 1 or kind not in KINDS or digest not in HASHES:
        raise _malformed(f"its data are of version {data_version}, kind {kind}, hash {digest}")
    runtime = fields.sized(4)
    if length != len(runtime) + 20 or size != fields.at:
        raise _malformed("its sizes do not agree with each other")
    if any(fields.rest()):
        raise _malformed("bytes that are not zero follow the JSON")
    if KINDS[kind] == "tdx":
        if any(hardware[TDREPORT_BYTES:]):
            raise _malformed("bytes that are not zero follow the TDREPORT")
        hardware = hardware[:TDREPORT_BYTES]
    told = read_document(runtime, "the runtime data")
    return HclReport(
        KINDS[kind], hardware, runtime, HASHES[digest], _attestation_key(told), member(told, "vm-configuration", dict, "runtime"), _user_data(told)
    )


def hold_runtime(examination: Examination, report: HclReport) -> None:
    """The check `runtime-data`: the hardware's report carries the hash of the JSON, and so vouches for the key in it. Raises Refused `composite`."""
    digest = hashlib.new(report.hash, report.runtime).digest()
    same = digest.ljust(64, b"\0") == report.report_data
    told = f"the hardware's report data {'are' if same else 'are not'} the {report.hash} of the {len(report.runtime)} bytes that name the vTPM's key"
    examination.need("runtime-data", same, "composite", told)


def _attestation_key(told: Any) -> rsa.RSAPublicKey:
    keys = [key for key in member(told, "keys", list, "the runtime data") if isinstance(key, dict) and key.get("kid") == "HCLAkPub"]
    if len(keys) != 1 or keys[0].get("kty") != "RSA" or keys[0].get("key_ops") != ["sign"]:
        raise _malformed(f"{len(keys)} keys HCLAkPub, or it is no RSA key that signs; one is wanted")
    exponent, modulus = (int.from_bytes(octets(member(keys[0], name, str, "HCLAkPub"), f"HCLAkPub.{name}", "base64"), "big") for name in "en")
    return rsa_key(exponent, modulus)


def _user_data(told: Any) -> str:
    return octets(told.get("user-data", ""), "user-data", "hex").hex()


def _malformed(told: str) -> Refused:
    return Refused("structure", "malformed", f"the HCL report: {told}")
