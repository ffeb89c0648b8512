"""Intel DCAP quotes, byte for byte: SGX (version 3, and 4 and 5 where the body is SGX's) and TDX (versions 4 and 5). Nothing is verified here.

Every length is checked against what is there, reserved bytes are zero, the certification data are nested as the version says, and only zeros may
follow a quote (cloud vendors pad to a fixed size). Bytes that are no quote, or are cut short, are BadInput; a quote that breaks a rule is Refused,
`malformed`.

Source: Intel SGX ECDSA QuoteLibReference, appendix A (version 3); Intel TDX DCAP Quoting Library API, appendix A (versions 4 and 5).
Limits: attestation keys of P-256; PCK certificates inside the quote (certification data type 5).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

from velatura.enclave.appraisal import Refused
from velatura.enclave.evidence.fields import Fields
from velatura.errors import BadInput, Unsupported

__all__ = ["Body", "Quote", "SgxReport", "TdReport", "read_quote"]

Tee = Literal["sgx", "tdx"]
QE_VENDOR = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
ECDSA_P256, QE_REPORT_DATA, PCK_CHAIN = 2, 6, 5
TEES: dict[int, Tee] = {0x00: "sgx", 0x81: "tdx"}
SGX_BYTES, TD10_BYTES, TD15_BYTES = 384, 584, 648
BODIES: dict[int, tuple[Tee, int]] = {1: ("sgx", SGX_BYTES), 2: ("tdx", TD10_BYTES), 3: ("tdx", TD15_BYTES)}
"""Version 5: body type -> whose it is, and its size."""

MOST_PADDING = 64 << 10


def malformed(told: str) -> Refused:
    return Refused("structure", "malformed", told)


@dataclass(frozen=True, slots=True)
class SgxReport:
    """Report body of an SGX enclave (sgx_report_body_t, 384 bytes); also of the quoting enclave itself."""

    raw: bytes

    def check(self) -> None:
        """Raises Refused: `malformed`: a reserved byte is set."""
        for start, end in ((20, 32), (96, 128), (160, 192), (262, 304)):
            if any(self.raw[start:end]):
                raise malformed(f"reserved bytes {start} to {end - 1} of the enclave's report are not zero")

    @property
    def cpusvn(self) -> bytes:
        return self.raw[:16]

    @property
    def miscselect(self) -> bytes:
        return self.raw[16:20]

    @property
    def attributes(self) -> bytes:
        return self.raw[48:64]

    @property
    def debug(self) -> bool:
        return bool(self.raw[48] & 0x02)

    @property
    def mrenclave(self) -> bytes:
        return self.raw[64:96]

    @property
    def mrsigner(self) -> bytes:
        return self.raw[128:160]

    @property
    def prodid(self) -> int:
        return int.from_bytes(self.raw[256:258], "little")

    @property
    def svn(self) -> int:
        return int.from_bytes(self.raw[258:260], "little")

    @property
    def report_data(self) -> bytes:
        return self.raw[320:384]


@dataclass(frozen=True, slots=True)
class TdReport:
    """Body of a TD quote: 584 bytes (TDX 1.0) or 648 (1.5)."""

    raw: bytes

    @property
    def tee_tcb_svn(self) -> bytes:
        return self.raw[:16]

    @property
    def mrseam(self) -> bytes:
        return self.raw[16:64]

    @property
    def mrsignerseam(self) -> bytes:
        return self.raw[64:112]

    @property
    def seam_attributes(self) -> bytes:
        return self.raw[112:120]

    @property
    def attributes(self) -> int:
        return int.from_bytes(self.raw[120:128], "little")

    @property
    def xfam(self) -> bytes:
        return self.raw[128:136]

    @property
    def mrtd(self) -> bytes:
        return self.raw[136:184]

    @property
    def mrconfigid(self) -> bytes:
        return self.raw[184:232]

    @property
    def mrowner(self) -> bytes:
        return self.raw[232:280]

    @property
    def mrownerconfig(self) -> bytes:
        return self.raw[280:328]

    @property
    def rtmrs(self) -> tuple[bytes, ...]:
        return tuple(self.raw[start : start + 48] for start in range(328, 520, 48))

    @property
    def report_data(self) -> bytes:
        return self.raw[520:584]

    @property
    def mrservicetd(self) -> bytes:
        """Of the service TDs that are bound to the guest, such as one that migrates it; zeros, or nothing in TDX 1.0: none."""
        return self.raw[600:648]

    @property
    def measurements(self) -> dict[str, bytes]:
        """By the names of a policy's reference values."""
        return {"mrtd": self.mrtd} | {f"rtmr{index}": value for index, value in enumerate(self.rtmrs)}


Body = SgxReport | TdReport


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote whose structure holds.

    Attributes:
        raw: without padding.
        tee: whose body it is.
        body: what is attested.
        signed: header and body.
        signature: r and s of the attestation key over `signed`, big-endian, 64 bytes.
        key: x and y of the attestation key, P-256, 64 bytes.
        qe_report: of the quoting enclave, 384 bytes; its report data bind `key`.
        qe_signature: of the PCK leaf over it, 64 bytes.
        qe_auth: what the quoting enclave bound beside the key.
        chain: PCK certificates in PEM, leaf first.
        padding: zeros after the quote.
    """

    version: int
    raw: bytes
    tee: Tee
    body: Body
    signed: bytes
    signature: bytes
    key: bytes
    qe_report: bytes
    qe_signature: bytes
    qe_auth: bytes
    chain: bytes
    padding: int


def read_quote(raw: bytes, tee: Tee) -> Quote:
    """Take a quote apart.

    Args:
        tee: whose quote it must be.

    Raises:
        BadInput: `enclave.evidence`: no quote, one of the other kind, or cut short.
        Unsupported: `enclave.quote`: another kind of key, body or certification data.
        Refused: `malformed`.
    """
    fields = Fields(raw, "the quote", "little")
    version = fields.number(2)
    key_type, tee_type, reserved, vendor = fields.number(2), fields.number(4), fields.take(4), fields.take(16)
    fields.take(20)  # user data: the platform's id, for its owner
    if version not in (3, 4, 5) or vendor != QE_VENDOR:
        raise BadInput("enclave.evidence", "these bytes are no DCAP quote: another version than 3, 4, 5, or not Intel's quoting enclave")
    if key_type != ECDSA_P256:
        raise Unsupported("enclave.quote", f"the quote's attestation key is of type {key_type}", hint="only 2, ECDSA with P-256, is verified")
    if tee_type not in TEES or (version == 3 and tee_type):
        raise malformed(f"TEE type {tee_type:#x} in a quote of version {version}")
    if version > 3 and any(reserved):
        raise malformed("reserved bytes 8 to 11 of the header are not zero")
    if TEES[tee_type] != tee:
        raise BadInput("enclave.evidence", f"this is a quote of {TEES[tee_type].upper()}, not of {tee.upper()}", hint="the policy's format decides")
    body = _body(fields, version, tee)
    signed = raw[: fields.at]
    inner = Fields(fields.sized(4), "the quote's signature data", "little")
    padding = fields.rest()
    if any(padding) or len(padding) > MOST_PADDING:
        raise malformed(f"{len(padding)} bytes follow the quote, and they are not zeros, or too many")
    signature, key = inner.take(64), inner.take(64)
    if version > 3:
        inner = _nested(inner)
    qe_report, qe_signature, qe_auth = inner.take(SGX_BYTES), inner.take(64), inner.sized(2)
    SgxReport(qe_report).check()
    chain = _pck_chain(inner)
    whole = raw[: len(raw) - len(padding)]
    return Quote(version, whole, tee, body, signed, signature, key, qe_report, qe_signature, qe_auth, chain, len(padding))


def _body(fields: Fields, version: int, tee: Tee) -> Body:
    size = SGX_BYTES if tee == "sgx" else TD10_BYTES
    if version == 5:
        kind, size = struct.unpack("<HI", fields.take(6))
        if kind not in BODIES:
            raise Unsupported("enclave.quote", f"the quote's body is of type {kind}", hint="1 (SGX), 2 and 3 (TDX 1.0, 1.5) are read")
        if BODIES[kind] != (tee, size):
            raise malformed(f"a body of type {kind} and {size} bytes in a quote of {tee.upper()}")
    if tee == "tdx":
        return TdReport(fields.take(size))
    report = SgxReport(fields.take(size))
    report.check()
    return report


def _nested(outer: Fields) -> Fields:
    """Versions 4 and 5 wrap the quoting enclave's report in certification data of type 6, which fills the rest."""
    kind, size = outer.number(2), outer.number(4)
    if kind != QE_REPORT_DATA or size != outer.left:
        raise malformed(f"outer certification data of type {kind} and {size} bytes, where type 6 and {outer.left} bytes must stand")
    return Fields(outer.rest(), "the quote's certification data", "little")


def _pck_chain(inner: Fields) -> bytes:
    kind, size = inner.number(2), inner.number(4)
    if size != inner.left:
        raise malformed(f"certification data of {size} bytes, where {inner.left} are left")
    if kind != PCK_CHAIN:
        raise Unsupported(
            "enclave.quote",
            f"the quote names its PCK certificate and does not hold it (certification data type {kind})",
            hint="let the platform's quoting library fetch the certificates, so that the quote holds them (type 5)",
        )
    return inner.rest()
