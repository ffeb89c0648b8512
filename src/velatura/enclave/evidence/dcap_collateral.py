"""Intel's collateral for DCAP quotes: what is known good for a platform, as signed JSON, with its certificates and revocation lists.

One JSON document with the nine members of a `sgx_ql_qve_collateral_t`. Its two signed parts, `tcb_info` and `qe_identity`, are texts whose bytes are
signed: they are never written anew. Each must be of this platform and this kind of quote, in date, new enough, and signed by "Intel SGX TCB Signing"
right below the pinned root: no other key that Intel certified, such as a platform's own, may vouch for what is good.

Source: Intel SGX and TDX Provisioning Certification Service (PCS), version 4: TCB info version 3, enclave identity version 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from velatura.enclave.appraisal import Examination, Refused
from velatura.enclave.evidence.certificates import certificates_in, hold_chain, tried
from velatura.enclave.evidence.dcap_quote import SgxReport, Tee
from velatura.enclave.evidence.p256 import certified_key, verify_p256
from velatura.enclave.evidence.roots import pinned_chain, pins
from velatura.enclave.evidence.strict_json import member, octets, read_document
from velatura.enclave.policy import Policy
from velatura.errors import BadInput

__all__ = ["Collateral", "Part", "addresses", "common_name", "hold_collateral", "hold_quoting_enclave", "read_collateral"]

NAMES = {"sgx": ("SGX", "QE"), "tdx": ("TDX", "TD_QE")}
"""What `tcb_info` and `qe_identity` call themselves."""

TCB_INFO, IDENTITY = 3, 2
PCS = "https://api.trustedservices.intel.com"
ROOT_CRL = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"  # the distribution point that the root names itself


@dataclass(frozen=True, slots=True)
class Part:
    """One signed part.

    Attributes:
        text: what is signed, in UTF-8.
        told: its members.
        chain: of who signed it, DER, leaf first.
        chain_pem: the same as it came.
    """

    name: str
    text: str
    told: Mapping[str, Any]
    signature: bytes
    chain: tuple[bytes, ...]
    chain_pem: str
    issued: datetime
    until: datetime

    @property
    def number(self) -> int:
        """tcbEvaluationDataNumber: grows with each recovery that Intel publishes."""
        return int(self.told["tcbEvaluationDataNumber"])


@dataclass(frozen=True, slots=True)
class Collateral:
    """Read, not yet verified.

    Attributes:
        crls: revocation lists, DER: of the root, and of the CA that certified the platform.
        pck_crl_issuers: of who signed `pck_crl`, PEM.
    """

    tcb_info: Part
    qe_identity: Part
    root_crl: bytes
    pck_crl: bytes
    pck_crl_issuers: str

    @property
    def crls(self) -> tuple[bytes, bytes]:
        return self.root_crl, self.pck_crl


def read_collateral(raw: bytes) -> Collateral:
    """Raises Refused: check `collateral`, `malformed`."""
    try:
        document = read_document(raw, "the collateral")
        root_crl, pck_crl = (octets(_text(document, name), f"the collateral's {name}", "hex") for name in ("root_ca_crl", "pck_crl"))
        issuers = _text(document, "pck_crl_issuer_chain")
        return Collateral(_part(document, "tcb_info"), _part(document, "qe_identity"), root_crl, pck_crl, issuers)
    except BadInput as error:
        raise Refused("collateral", "malformed", error.sentence, hint="fetch it anew from Intel's PCS, version 4") from error


def _text(document: Any, name: str) -> str:
    return str(member(document, name, str, "the collateral"))


def _part(document: Any, name: str) -> Part:
    text, chain = _text(document, name), _text(document, f"{name}_issuer_chain")
    called = f"the collateral's {name}"
    told = read_document(_octets(text, called), called)
    wanted = TCB_INFO if name == "tcb_info" else IDENTITY
    if member(told, "version", int, called) != wanted:
        raise BadInput("enclave.evidence", f"{called} is of version {told['version']}; {wanted} is read")
    if member(told, "tcbEvaluationDataNumber", int, called) < 0:
        raise BadInput("enclave.evidence", f"{called} has a negative tcbEvaluationDataNumber")
    signature = octets(_text(document, f"{name}_signature"), f"{called}_signature", "hex")
    if len(signature) != 64:
        raise BadInput("enclave.evidence", f"{called}_signature has {len(signature)} bytes; 64 are wanted")
    issued, until = (_time(member(told, when, str, called), called) for when in ("issueDate", "nextUpdate"))
    return Part(name, text, told, signature, tuple(certificates_in(_octets(chain, called), "collateral")), chain, issued, until)


def _octets(text: str, called: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:  # a lone surrogate, which JSON can write
        raise BadInput("enclave.evidence", f"{called} is no text") from error


def _time(text: str, called: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise BadInput("enclave.evidence", f"{called} has a date that is none: {text!r}") from error


def hold_collateral(
    examination: Examination,
    collateral: Collateral,
    *,
    tee: Tee,
    platform: Mapping[str, str],
    leaf: tuple[bytes, x509.Certificate],
    policy: Policy,
    now: datetime,
) -> None:
    """Checks `collateral`, `collateral-dates`, `collateral-signature`, `collateral-age`, `evaluation-number`. Claim: `collateral`.

    Args:
        platform: `fmspc` and `pceid` of the PCK leaf, lower-case hex.
        leaf: the PCK leaf in DER, and who issued it: the revocation list must be its.

    Raises:
        Refused: `collateral-mismatch`, `collateral-expired`, `chain-invalid`, `revoked`, `signature`, `malformed`.
    """
    _hold_same_platform(examination, collateral, tee, platform, leaf[1])
    _hold_list_issuers(collateral, leaf[0], now)
    parts = collateral.tcb_info, collateral.qe_identity
    for part in parts:
        told = f"{part.name} is of {part.issued:%Y-%m-%d %H:%M} to {part.until:%Y-%m-%d %H:%M} UTC"
        if not part.issued <= now <= part.until:
            raise Refused("collateral-dates", "collateral-expired", told, hint="fetch it anew: velatura enclave collateral")
    examination.passed("collateral-dates", "; ".join(f"{part.name} until {part.until:%Y-%m-%d %H:%M} UTC" for part in parts))
    signers = {chain: _signer(chain, collateral.root_crl, now) for chain in {part.chain for part in parts}}  # nearly always one
    for part in parts:
        told = f"{part.name} was not signed so by Intel SGX TCB Signing"
        verify_p256(signers[part.chain], part.signature, part.text.encode(), name="collateral-signature", told=told)
    examination.passed("collateral-signature", "tcb_info and qe_identity are signed by Intel SGX TCB Signing")
    _hold_age(examination, collateral, policy, now)
    _hold_number(examination, collateral, policy)
    examination.claims["collateral"] = {
        "evaluation_number": {part.name: part.number for part in parts},
        "issued": {part.name: f"{part.issued:%Y-%m-%dT%H:%M:%SZ}" for part in parts},
        "until": f"{min(part.until for part in parts):%Y-%m-%dT%H:%M:%SZ}",
    }


def _hold_same_platform(examination: Examination, collateral: Collateral, tee: Tee, platform: Mapping[str, str], authority: x509.Certificate) -> None:
    """Before anybody looks for a TCB level: that there is none would be a poor word for somebody else's collateral."""
    ours = {"id": NAMES[tee][0], "fmspc": platform["fmspc"], "pceId": platform["pceid"]}
    theirs = {name: str(collateral.tcb_info.told.get(name)) for name in ours}
    theirs = {name: word if name == "id" else word.lower() for name, word in theirs.items()}
    differing = [f"{name} is {theirs[name]} (quote: {word})" for name, word in ours.items() if theirs[name] != word]
    if (enclave := collateral.qe_identity.told.get("id")) != NAMES[tee][1]:
        differing.append(f"qe_identity is of {enclave} (quote: {NAMES[tee][1]})")
    if (listed := _crl(collateral.pck_crl).issuer) != authority.subject:
        differing.append(f"pck_crl is of {common_name(listed)} (quote: {common_name(authority.subject)})")
    told = f"of another platform: {', '.join(differing)}" if differing else f"{ours['id']}, FMSPC {ours['fmspc']}, PCE {ours['pceId']}, as the quote"
    examination.need("collateral", not differing, "collateral-mismatch", told, hint="fetch that of this quote: velatura enclave collateral")


def _hold_list_issuers(collateral: Collateral, leaf: bytes, now: datetime) -> None:
    """Whoever signed the revocation list issued the PCK leaf too, so the leaf must verify below the chain that the collateral shows for the list.

    The list's signature is held against the quote's own chain; the engine reads this one and looks at no signature in it.
    """
    shown = certificates_in(_octets(collateral.pck_crl_issuers, "pck_crl_issuer_chain"), "collateral")
    _hold_chain("collateral", "who issued pck_crl", (leaf, *shown), now)


def _signer(chain: tuple[bytes, ...], root_crl: bytes, now: datetime) -> ec.EllipticCurvePublicKey:
    """The key of Intel SGX TCB Signing, by a chain of its own whose checks are told as one."""
    name = "collateral-signature"
    leaf, *above = _hold_chain(name, "who signed the collateral", chain, now, root_crl)
    signer = common_name(leaf.subject)
    if len(above) != 1 or signer != "Intel SGX TCB Signing":
        raise Refused(name, "chain-invalid", f"the collateral is signed by {signer}; Intel SGX TCB Signing alone, right below the root, may do that")
    return certified_key(leaf, name)


def _hold_chain(name: str, who: str, chain: tuple[bytes, ...], now: datetime, *crls: bytes) -> tuple[x509.Certificate, ...]:
    """A chain of the collateral's own, up to Intel's root, whose checks are told as one, `name`."""
    try:
        return hold_chain(Examination(), chain, pins=pins("intel-sgx"), now=now, anchor=pinned_chain("intel-sgx")[-1], crls=crls)
    except Refused as refused:
        code = "collateral-expired" if refused.check.code == "expired" else refused.check.code
        raise Refused(name, code, f"{who}: {refused.check.told}", hint=refused.check.hint) from refused


def _hold_age(examination: Examination, collateral: Collateral, policy: Policy, now: datetime) -> None:
    """The root's own list is left out: it is issued once a year."""
    most = policy.require.collateral_max_age_s
    if most is None:
        return
    ages = {part.name: now - part.issued for part in (collateral.tcb_info, collateral.qe_identity)}
    ages["pck_crl"] = now - _crl(collateral.pck_crl).last_update_utc
    old = [f"{name} {age.total_seconds():.0f} s" for name, age in ages.items() if age > timedelta(seconds=most)]
    told = f"issued too long ago: {', '.join(old)}; the policy allows {most:.0f} s" if old else f"all issued within {most:.0f} s"
    examination.hold("collateral-age", not old, "collateral-expired", told, hint="fetch it anew: velatura enclave collateral")


def _hold_number(examination: Examination, collateral: Collateral, policy: Policy) -> None:
    """Who holds back new collateral shows an older one that is still in date: the policy says which number was seen."""
    least = policy.require.min_evaluation_number
    if least is None:
        return
    low = [f"{part.name} {part.number}" for part in (collateral.tcb_info, collateral.qe_identity) if part.number < least]
    told = f"older than what was seen: {', '.join(low)}; the policy wants {least}" if low else f"tcbEvaluationDataNumber is at least {least}"
    examination.hold("evaluation-number", not low, "collateral-downgrade", told, hint="fetch it anew: velatura enclave collateral")


def hold_quoting_enclave(examination: Examination, collateral: Collateral, report: SgxReport) -> None:
    """The check `qe-identity`: the enclave that signed is Intel's. Its TCB level is the engine's matter.

    Raises:
        Refused: `qe-identity`, `malformed`.
    """
    told = collateral.qe_identity.told

    def masked(name: str, shown: bytes) -> bool:
        wanted, mask = (octets(member(told, one, str, "qe_identity"), one, "hex") for one in (name, f"{name}Mask"))
        return len(wanted) == len(mask) == len(shown) and bytes(a & b for a, b in zip(shown, mask, strict=True)) == wanted

    try:
        # Intel writes miscselect as the number that it is, and the report holds it little-endian.
        same = {
            "mrsigner": octets(member(told, "mrsigner", str, "qe_identity"), "mrsigner", "hex") == report.mrsigner,
            "isvprodid": member(told, "isvprodid", int, "qe_identity") == report.prodid,
            "attributes": masked("attributes", report.attributes),
            "miscselect": masked("miscselect", report.miscselect[::-1]),
        }
    except BadInput as error:
        raise Refused("qe-identity", "malformed", error.sentence) from error
    differing = [name for name, held in same.items() if not held]
    told_so = (
        f"not Intel's quoting enclave: {', '.join(differing)} differ" if differing else "Intel's quoting enclave, by signer, product and attributes"
    )
    examination.need("qe-identity", not differing, "qe-identity", told_so)


def addresses(tee: Tee, fmspc: str, authority: str) -> dict[str, str]:
    """Where Intel has the collateral of a platform: member -> address.

    Args:
        authority: common name of who issued the PCK leaf.
    """
    kind = "platform" if "Platform" in authority else "processor"
    return {
        "tcb_info": f"{PCS}/{tee}/certification/v4/tcb?fmspc={fmspc.upper()}",
        "qe_identity": f"{PCS}/{tee}/certification/v4/qe/identity",
        "pck_crl": f"{PCS}/sgx/certification/v4/pckcrl?ca={kind}&encoding=der",
        "root_ca_crl": ROOT_CRL,
    }


def common_name(name: x509.Name) -> str:
    """`CN` of a subject or an issuer; "" where there is none."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def _crl(raw: bytes) -> x509.CertificateRevocationList:
    return tried("collateral", "malformed", "a revocation list cannot be read", partial(x509.load_der_x509_crl, raw))
