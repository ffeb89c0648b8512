"""The five links of an Intel DCAP quote, for SGX and TDX alike.

    Intel's root -> PCK leaf of the platform -> report of the quoting enclave -> attestation key -> header and body
    Intel's root -> TCB signing -> what is known good for this platform and this quoting enclave

Links one to four are verified here; of the fifth, dates, owner and signatures here and the TCB level by the engine. The PEM text of the PCK chain
is not signed: another line end around the same certificates is the same quote.

Source: Intel SGX ECDSA QuoteLibReference, sections A.3 and A.4; PCK certificate and its extension: Intel SGX PCK Certificate and CRL Profile, 1.5.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime

from cryptography import x509

from velatura.enclave.appraisal import Examination, Refused
from velatura.enclave.companions import Companions
from velatura.enclave.evidence.certificates import certificates_in, hold_chain, tried
from velatura.enclave.evidence.dcap_collateral import addresses, common_name, hold_collateral, hold_quoting_enclave, read_collateral
from velatura.enclave.evidence.dcap_engine import hold_tcb
from velatura.enclave.evidence.dcap_quote import Quote, SgxReport, Tee, read_quote
from velatura.enclave.evidence.p256 import certified_key, point, verify_p256
from velatura.enclave.evidence.roots import pinned_chain, pins
from velatura.enclave.policy import Policy

__all__ = ["hold_quote", "platform_of"]

SGX_EXTENSION = x509.ObjectIdentifier("1.2.840.113741.1.13.1")
FMSPC, PCEID = bytes.fromhex("060a2a864886f84d010d01040406"), bytes.fromhex("060a2a864886f84d010d01030402")
"""In the extension's DER: the object identifier, then the head of its OCTET STRING (6 and 2 bytes)."""


def hold_quote(
    examination: Examination,
    raw: bytes,
    tee: Tee,
    policy: Policy,
    companions: Companions,
    now: datetime,
    *,
    body: Callable[[Quote], None],
) -> Quote:
    """All that does not depend on what the quote is for: structure, chain, signatures, collateral and TCB.

    Args:
        body: makes the checks of the quote's body (debugging, attributes), once its signature holds and before the TCB is looked at.

    Raises:
        BadInput: `enclave.evidence`; Unsupported: `enclave.quote`; Missing: `enclave.extra`.
        Refused: `malformed`, `chain-invalid`, `expired`, `not-yet-valid`, `revoked`, `signature`, `qe-identity`, `collateral-*`.
    """
    quote = read_quote(raw, tee)
    padding = f", and {quote.padding} zeros after it" if quote.padding else ""
    examination.passed("structure", f"a quote of {tee.upper()}, version {quote.version}, {len(quote.raw)} bytes{padding}")
    collateral = None if companions.dcap is None else read_collateral(companions.dcap)
    crls = (*(collateral.crls if collateral else ()), *companions.crl)
    shown, root = certificates_in(quote.chain, "chain"), pinned_chain("intel-sgx")[-1]
    chain = hold_chain(examination, shown, pins=pins("intel-sgx"), now=now, anchor=root, crls=crls)
    platform = _hold_leaf(examination, chain)
    _hold_signatures(examination, quote, chain[0])
    examination.claims |= {"quote_version": quote.version, "fmspc": platform["fmspc"], "pceid": platform["pceid"]}
    body(quote)
    if collateral is None:
        told = f"with.dcap names no collateral: whether this platform (FMSPC {platform['fmspc']}) is known good was not looked at"
        wanted = addresses(tee, platform["fmspc"], common_name(chain[0].issuer))
        hint = f"velatura enclave collateral says how to get it; tcb_info is at {wanted['tcb_info']}"
        examination.failed("collateral", "collateral-missing", told, hint=hint)
        return quote
    hold_collateral(examination, collateral, tee=tee, platform=platform, leaf=(shown[0], chain[1]), policy=policy, now=now)
    hold_quoting_enclave(examination, collateral, SgxReport(quote.qe_report))
    hold_tcb(examination, quote, collateral, policy, now)
    return quote


def platform_of(leaf: x509.Certificate) -> dict[str, str]:
    """`fmspc` (six bytes: family, model, stepping, platform, custom SKU) and `pceid` of a PCK leaf, lower-case hex.

    Raises:
        Refused: `malformed`: no such extension, or not one of each.
    """

    def found() -> dict[str, str]:
        extension = leaf.extensions.get_extension_for_oid(SGX_EXTENSION).value
        if not isinstance(extension, x509.UnrecognizedExtension):
            raise TypeError("its extension is of another kind")
        return {"fmspc": _after(extension.value, FMSPC, 6), "pceid": _after(extension.value, PCEID, 2)}

    return tried("chain", "malformed", "the PCK leaf does not tell its platform", found)


def _after(der: bytes, head: bytes, size: int) -> str:
    """Intel signed these bytes: who writes what stands where is known, and a reader of DER is not needed."""
    _, *rest = der.split(head)
    if len(rest) != 1 or len(rest[0]) < size:
        raise ValueError("a part of its extension is not there, or there twice")
    return rest[0][:size].hex()


def _hold_leaf(examination: Examination, chain: tuple[x509.Certificate, ...]) -> dict[str, str]:
    """Intel's root certifies other keys than those of platforms; none of them may sign for a quoting enclave."""
    names = [common_name(certificate.subject) for certificate in chain]
    whole = len(chain) == 3 and names[0] == "Intel SGX PCK Certificate" and names[1] in ("Intel SGX PCK Platform CA", "Intel SGX PCK Processor CA")
    if not whole:
        raise Refused("pck", "chain-invalid", f"not the chain of a platform's key: {' <- '.join(names)}")
    examination.passed("pck", f"the platform's key, certified by {names[1]}")
    return platform_of(chain[0])


def _hold_signatures(examination: Examination, quote: Quote, leaf: x509.Certificate) -> None:
    told = "the platform's key did not sign the quoting enclave's report"
    verify_p256(certified_key(leaf, "qe-report"), quote.qe_signature, quote.qe_report, name="qe-report", told=told)
    examination.passed("qe-report", "signed by the platform's key")
    bound = hashlib.sha256(quote.key + quote.qe_auth).digest() + bytes(32)
    held = hmac.compare_digest(bound, SgxReport(quote.qe_report).report_data)
    examination.need(
        "key-binding",
        held,
        "signature",
        "the quoting enclave's report data are the hash of the attestation key"
        if held
        else "the quoting enclave vouches for another attestation key",
    )
    verify_p256(point(quote.key, "signature"), quote.signature, quote.signed, name="signature", told="the attestation key did not sign this quote")
    examination.passed("signature", "header and body, by the attestation key")
