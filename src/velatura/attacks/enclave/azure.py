"""Evidence of confidential machines on Azure as their attacker sees it: an HCL report around a SEV-SNP report or a TD, its TPM's quote, a TD quote.

Source: notes of the open attestation clients; the HCL header has no public table.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from velatura.attacks.enclave import dcap, sev_snp
from velatura.attacks.enclave.keys import Keys
from velatura.attacks.enclave.lookalike import look_alike
from velatura.attacks.enclave.parts import Chain, Field, Opened, Part
from velatura.attacks.enclave.pem import certificates_of, pem_of
from velatura.attacks.enclave.submission import Submission
from velatura.attacks.enclave.tpm import put_in, quote_fields, rsa_signed, selected

__all__ = ["opened"]

Put = Callable[[bytes], Submission]
HEADER, REPORT, DATA = 32, 1184, 20
SNP_DATA, TD_DATA = 32 + 0x50, 32 + 128
"""Where the hardware report holds the digest of the runtime data."""
SHA256 = 11


def opened(submission: Submission) -> Opened:
    document, put = json.loads(submission.evidence), _putter(submission)
    name = "report" if "report" in document else "hcl_report"
    quote = "quote" if "quote" in document else "tpm_quote"
    blob = _raw(document[name])
    message, signature = _raw(document[quote]["message"]), _raw(document[quote]["signature"])
    parts = [
        Part("hcl", blob, put(name), _hcl_fields(blob), "little"),
        Part("quote sha256", message, put(quote, "message"), quote_fields(message)),
        Part("signature sha256", signature, put(quote, "signature"), (Field("signature", 0, len(signature), "signature"),)),
    ]
    for index, value in enumerate(document[quote]["pcrs"]):
        raw, field = _raw(value), Field(f"pcr{index}", 0, len(_raw(value)), signed=index in selected(message))
        parts.append(Part(f"pcr{index} sha256", raw, put(quote, "pcrs", index), (field,)))
    if submission.format == "azure-tdx":
        raw, put_quote = _raw(document["td_quote"]), put("td_quote")
        chains = (dcap.quote_chain(raw, put_quote),)
        parts.append(_binding(dcap.quote_part(raw, put_quote)))
    else:
        parts.insert(0, _binding(_report(blob, put(name))))
        chains = (_snp_chain(submission, document, put("vcek")),)
    return Opened(submission, tuple(parts), chains, _signed_anew, dcap.collateral(submission))


def _report(blob: bytes, put: Put) -> Part:
    return sev_snp.report_part(blob[HEADER : HEADER + REPORT], lambda raw: put(blob[:HEADER] + raw + blob[HEADER + REPORT :]))


def _binding(part: Part) -> Part:
    """The hardware's report data hold no nonce here: they bind the runtime data, and the TPM's quote holds the nonce."""
    fields = tuple(replace(one, name="report_data") if one.name == "nonce" else one for one in part.fields)
    return replace(part, fields=fields)


def _hcl_fields(blob: bytes) -> tuple[Field, ...]:
    end = HEADER + REPORT
    (size,) = struct.unpack_from("<I", blob, end + 16)
    return (
        Field("magic", 0, 4, "kind"),
        Field("report_size", 8, 12, "length"),
        Field("data_size", end, end + 4, "length"),
        Field("report_type", end + 8, end + 12, "kind"),
        Field("hash_type", end + 12, end + 16, "algorithm"),
        Field("runtime_length", end + 16, end + 20, "length"),
        Field("runtime", end + 20, end + 20 + size, signed=True),
    )


def _snp_chain(submission: Submission, document: Any, put: Put) -> Chain:
    leaf = certificates_of(_raw(document["vcek"]))[0]
    above = certificates_of(submission.companions.get("chain", b""))

    def put_chain(certificates: Sequence[bytes]) -> Submission:
        return put(certificates[0]).beside(chain=pem_of(certificates[1:]) if certificates[1:] else None)

    return Chain("leaf and those above", (leaf, *above), put_chain)


def _signed_anew(submission: Submission, keys: Keys) -> Submission:
    """The TPM's key in the runtime data, its quote, the hardware's report over it, its chain: all of them the attacker's."""
    document, put = json.loads(submission.evidence), _putter(submission)
    name = "report" if "report" in document else "hcl_report"
    quote = "quote" if "quote" in document else "tpm_quote"
    key = keys.like(None, "attestation key")
    assert isinstance(key, rsa.RSAPrivateKey), "as the key that is replaced"
    blob, bound = _with_key(_raw(document[name]), key, SNP_DATA if submission.format == "azure-snp" else TD_DATA)
    signature = rsa_signed(key, _raw(document[quote]["message"]), SHA256)
    if submission.format == "azure-snp":
        chain, leaf = look_alike(_snp_chain(submission, document, put("vcek")).certificates, keys)
        report = sev_snp.report_signed(blob[HEADER : HEADER + REPORT], leaf)
        made = put(name)(blob[:HEADER] + report + blob[HEADER + REPORT :])
        made = _putter(made)("vcek")(chain[0]).beside(chain=pem_of(chain[1:]))
    else:
        part = dcap.quote_part(_raw(document["td_quote"]), put("td_quote"))
        field = part.field("nonce")
        assert field is not None, "of every TD report"
        made = put("td_quote")(dcap.quote_signed_anew(field.written(part.raw, bound), keys))
        made = _putter(made)(name)(blob)
    return _putter(made)(quote, "signature")(signature)


def _with_key(blob: bytes, key: rsa.RSAPrivateKey, at: int) -> tuple[bytes, bytes]:
    """The report with another key in its runtime data, whose digest stands at `at`; and that digest."""
    end = HEADER + REPORT
    (size,) = struct.unpack_from("<I", blob, end + 16)
    runtime = json.loads(blob[end + DATA : end + DATA + size])
    modulus = base64.urlsafe_b64encode(key.public_key().public_numbers().n.to_bytes(256)).rstrip(b"=").decode()
    next(one for one in runtime["keys"] if one["kid"] == "HCLAkPub").update(n=modulus, e="AQAB")
    told = json.dumps(runtime, separators=(",", ":")).encode()
    bound = hashlib.sha256(told).digest() + bytes(32)
    head = blob[:end] + struct.pack("<I", len(told) + DATA) + blob[end + 4 : end + 12] + struct.pack("<II", 1, len(told))
    made = bytearray(head + told)
    made[at : at + 64] = bound
    return bytes(made), bound


def _raw(value: Any) -> bytes:
    """Numbers, hex and base64url all occur."""
    if isinstance(value, list):
        return bytes(value)
    if value.startswith("-----"):
        return bytes(value.encode())
    try:
        return bytes.fromhex(value)
    except ValueError:
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


def _putter(submission: Submission) -> Callable[..., Put]:
    """path -> what puts bytes there, in the form in which those before were."""

    def at(*path: str | int) -> Put:
        before: Any = json.loads(submission.evidence)
        for step in path:
            before = before[step]
        return lambda raw: put_in(submission, _as(before, raw), *path)

    return at


def _as(before: Any, raw: bytes) -> Any:
    if isinstance(before, list):
        return list(raw)
    try:
        bytes.fromhex(before)
        return raw.hex()
    except ValueError:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
