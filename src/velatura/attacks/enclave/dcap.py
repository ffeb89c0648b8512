"""SGX and TDX quotes (ECDSA, versions 3 to 5) with Intel's collateral, as their attacker sees them.

Source: Intel, SGX ECDSA Quote Library API (version 3), TDX DCAP Quoting Library API (versions 4 and 5); PCS API version 4 for collateral.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from velatura.attacks.enclave.ecdsa import raw_public, raw_signature
from velatura.attacks.enclave.keys import Keys
from velatura.attacks.enclave.lookalike import look_alike, public_of
from velatura.attacks.enclave.parts import Chain, Field, Opened, Part
from velatura.attacks.enclave.pem import certificates_of, pem_of
from velatura.attacks.enclave.submission import Submission

__all__ = ["opened", "quote_chain", "quote_part", "quote_signed_anew"]

Put = Callable[[bytes], Submission]
HEADER = (
    (0, 2, "version", "kind"),
    (2, 4, "attestation_key_type", "algorithm"),
    (4, 8, "tee_type", "kind"),
    (8, 12, "qe_svn_pce_svn", ""),
    (12, 28, "qe_vendor", "kind"),
    (28, 48, "user_data", ""),
)
SGX_REPORT = (
    (0, 16, "cpusvn", ""),
    (16, 20, "miscselect", ""),
    (20, 48, "reserved_1", "reserved"),
    (48, 64, "attributes", ""),
    (64, 96, "mrenclave", ""),
    (96, 128, "reserved_2", "reserved"),
    (128, 160, "mrsigner", ""),
    (160, 256, "reserved_3", "reserved"),
    (256, 258, "prodid", ""),
    (258, 260, "svn", ""),
    (260, 320, "reserved_4", "reserved"),
    (320, 384, "nonce", ""),
)
TD_REPORT = (
    (0, 16, "tee_tcb_svn", ""),
    (16, 64, "mrseam", ""),
    (64, 112, "mrsignerseam", ""),
    (112, 120, "seam_attributes", ""),
    (120, 128, "td_attributes", ""),
    (128, 136, "xfam", ""),
    (136, 184, "mrtd", ""),
    (184, 232, "mrconfigid", ""),
    (232, 280, "mrowner", ""),
    (280, 328, "mrownerconfig", ""),
    *((328 + 48 * index, 376 + 48 * index, f"rtmr{index}", "") for index in range(4)),
    (520, 584, "nonce", ""),
)
TD_15 = ((584, 600, "tee_tcb_svn2", ""), (600, 648, "mrservicetd", ""))
"""Start, stop, name and role; `nonce` is report_data: it holds what the policy's nonce is compared with."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the variable members of a quote begin."""

    body: int
    body_fields: tuple[tuple[int, int, str, str], ...]
    end: int
    qe: int
    auth: int
    pem: int
    stop: int
    """What follows the quote: padding."""

    @classmethod
    def of(cls, raw: bytes) -> _Layout:
        version, tee = struct.unpack_from("<H2xI", raw)
        fields, body = (SGX_REPORT if version == 3 or not tee else TD_REPORT), 48
        if version == 5:
            fields, body = {1: SGX_REPORT, 2: TD_REPORT, 3: TD_REPORT + TD_15}[struct.unpack_from("<H", raw, 48)[0]], 54
        end = body + fields[-1][1]
        qe = end + 4 + 128 + (6 if version > 3 else 0)
        (auth,) = struct.unpack_from("<H", raw, qe + 448)
        pem = qe + 450 + auth + 6
        return cls(body, fields, end, qe, auth, pem, end + 4 + struct.unpack_from("<I", raw, end)[0])


def opened(submission: Submission) -> Opened:
    """The quote, its certificates, its collateral."""

    def put(raw: bytes) -> Submission:
        return replace(submission, evidence=raw)

    def signed_anew(other: Submission, keys: Keys) -> Submission:
        return replace(other, evidence=quote_signed_anew(other.evidence, keys))

    return Opened(submission, (quote_part(submission.evidence, put),), (quote_chain(submission.evidence, put),), signed_anew, collateral(submission))


def collateral(submission: Submission) -> dict[str, object]:
    """Its members as values; what is not JSON is a member as it is."""
    raw = submission.companions.get("dcap")
    if raw is None:
        return {}
    try:
        told = json.loads(raw)
        return {f"dcap {name}": value.strip().lower() if isinstance(value, str) else repr(value) for name, value in told.items()}
    except (ValueError, AttributeError):
        return {"dcap": raw}


def quote_part(raw: bytes, put: Put) -> Part:
    """A quote wherever it lies."""
    at = _Layout.of(raw)
    told = [Field(name, start, stop, role, signed=True) for start, stop, name, role in HEADER]
    if at.body == 54:
        told += [Field("body_type", 48, 50, "kind", signed=True), Field("body_size", 50, 54, "length", signed=True)]
    told += [Field(name, at.body + start, at.body + stop, role, signed=True) for start, stop, name, role in at.body_fields]
    told += [
        Field("signature_length", at.end, at.end + 4, "length"),
        Field("r", at.end + 4, at.end + 36, "signature"),
        Field("s", at.end + 36, at.end + 68, "signature"),
        Field("attestation_key", at.end + 68, at.end + 132, "key", signed=True),
    ]
    if at.qe > at.end + 132:
        told += [Field("outer_type", at.qe - 6, at.qe - 4, "kind"), Field("outer_length", at.qe - 4, at.qe, "length")]
    told += [
        Field("qe_report", at.qe, at.qe + 384, signed=True),
        Field("qe_r", at.qe + 384, at.qe + 416, "signature"),
        Field("qe_s", at.qe + 416, at.qe + 448, "signature"),
        Field("auth_length", at.qe + 448, at.qe + 450, "length"),
        Field("auth_data", at.qe + 450, at.pem - 6, signed=True),
        Field("inner_type", at.pem - 6, at.pem - 4, "kind"),
        Field("inner_length", at.pem - 4, at.pem, "length"),
        Field("certificates", at.pem, at.stop),
    ]
    return Part("quote", raw, put, tuple(told), "little", "P-256")


def quote_chain(raw: bytes, put: Put) -> Chain:
    at = _Layout.of(raw)
    return Chain("PCK", certificates_of(raw[at.pem : at.stop]), lambda certificates: put(_with(raw, at, certificates)))


def _with(raw: bytes, at: _Layout, certificates: Sequence[bytes]) -> bytes:
    """Other certificates, and every length that counts them."""
    pem = pem_of(certificates) + b"\0"
    made = bytearray(raw[: at.pem] + pem)
    struct.pack_into("<I", made, at.pem - 4, len(pem))
    struct.pack_into("<I", made, at.end, len(made) - at.end - 4)
    if at.qe > at.end + 132:
        struct.pack_into("<I", made, at.qe - 4, len(made) - at.qe)
    return bytes(made)


def quote_signed_anew(raw: bytes, keys: Keys) -> bytes:
    """Every link with a key of the attacker's: chain, QE report, attestation key, quote."""
    at = _Layout.of(raw)
    chain, pck = look_alike(certificates_of(raw[at.pem : at.stop]), keys)
    key = keys.like(public_of(chain[0]), "attestation key")
    made = bytearray(_with(raw, at, chain))
    public, auth = raw_public(key), raw[at.qe + 450 : at.pem - 6]
    made[at.end + 68 : at.end + 132] = public
    made[at.qe + 320 : at.qe + 384] = hashlib.sha256(public + auth).digest() + bytes(32)
    made[at.qe + 384 : at.qe + 448] = raw_signature(pck, bytes(made[at.qe : at.qe + 384]), "sha256")
    made[at.end + 4 : at.end + 68] = raw_signature(key, bytes(made[: at.end]), "sha256")
    return bytes(made)
