"""Azure's confidential machines: a vTPM's quote whose key the hardware vouches for. Formats `azure-snp` and `azure-tdx`.

Evidence is JSON as Trustee's attesters write it; bytes as lists of numbers, quotes also as hex, the rest also as base64 of either alphabet:

    {"version", "hcl_report" (or "report"), "tpm_quote" (or "quote"): {"message", "signature", "pcrs": [24 of SHA-256]},
     "vcek" (SNP), "td_quote" (TDX), "ak_certificate", "ak_intermediates"}

What holds what: AMD's or Intel's root -> the hardware's report -> (hash of the runtime JSON in its report data) -> the vTPM's key -> the quote -> its
registers and nonce. So the nonce stands in the quote, and freshness comes from there alone. Claims about a TD come from the TD quote, whose report
data must be those of the TDREPORT in the HCL report; nothing else of a TDREPORT can be checked by anybody but its own machine.

Limits: the paravisor under the guest (VMPL 0, L1) is Microsoft's and measured, not open. Azure's certificate for the vTPM's key is not needed and not
looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from velatura.enclave.appraisal import Examination, Refused
from velatura.enclave.assurance import Assurance
from velatura.enclave.companions import Companions
from velatura.enclave.evidence.hcl import HclReport, hold_runtime, read_hcl
from velatura.enclave.evidence.requirements import hold_age, hold_nonce, hold_reference
from velatura.enclave.evidence.snp import hold_report
from velatura.enclave.evidence.strict_json import member, octets, read_document
from velatura.enclave.evidence.tdx import examine_quote
from velatura.enclave.evidence.tpm import hold_eventlog, registers_shown
from velatura.enclave.evidence.tpm_key import Signature, hold_signature, key_digest_of
from velatura.enclave.evidence.tpm_quote import REGISTERS, Quote, hold_registers, read_quote
from velatura.enclave.policy import Policy
from velatura.errors import BadInput

__all__ = ["examine"]

MEMBERS = frozenset({"version", "hcl_report", "report", "tpm_quote", "quote", "vcek", "td_quote", "ak_certificate", "ak_intermediates"})
VERSIONS = (1, 2)
KINDS = {"azure-snp": "snp", "azure-tdx": "tdx"}


@dataclass(frozen=True, slots=True)
class Document:
    """What came, read and not yet looked at together."""

    hcl: HclReport
    quote: Quote
    signature: bytes
    registers: dict[int, bytes]
    vcek: bytes | None
    td_quote: bytes | None


def examine(examination: Examination, evidence: bytes, policy: Policy, companions: Companions, now: datetime) -> Assurance:
    """See `enclave/verify.py`."""
    document = _document(evidence)
    hcl, quote = document.hcl, document.quote
    kind = KINDS[policy.format]
    examination.need("structure", hcl.kind == kind, "malformed", f"an HCL report of a {hcl.kind.upper()} machine; the policy is about {kind.upper()}")
    hold_runtime(examination, hcl)
    examination.passed("endorsement", "the hardware's report vouches for the vTPM's key; Azure's own certificate of it was not looked at")
    hold_signature(examination, hcl.ak, Signature("rsassa", "sha256", document.signature), quote.raw, "vtpm-signature")
    if quote.bank != "sha256":
        raise Refused("registers", "malformed", f"the quote is over the {quote.bank} bank; these documents carry that of SHA-256")
    hold_registers(examination, quote, document.registers, "sha256")
    measured = (
        _hold_snp(examination, document, policy, companions, now) if kind == "snp" else _hold_tdx(examination, document, policy, companions, now)
    )
    banks = {"sha256": {index: document.registers[index] for index in quote.chosen}}
    hold_eventlog(examination, companions.eventlog, banks)
    examination.claims |= quote.claims | {
        "report_data": quote.nonce.hex(),
        "hardware_report_data": hcl.report_data.hex(),
        "ak": key_digest_of(hcl.ak).hex(),
        "pcrs": {"sha256": {str(index): value.hex() for index, value in sorted(banks["sha256"].items())}},
        "configuration": dict(hcl.configuration),
        "user_data": hcl.user_data,
    }
    _hold_secure_boot(examination, hcl, policy)
    hold_reference(examination, policy, registers_shown(policy, banks) | measured)
    hold_nonce(examination, policy, quote.nonce)
    hold_age(examination, policy, None, now)
    return Assurance.TEE


def _hold_snp(examination: Examination, document: Document, policy: Policy, companions: Companions, now: datetime) -> dict[str, bytes]:
    leaf = document.vcek if companions.leaf is None else companions.leaf
    report = hold_report(examination, document.hcl.hardware, policy, replace(companions, leaf=leaf), now)
    return {"measurement": report.measurement}


def _hold_tdx(examination: Examination, document: Document, policy: Policy, companions: Companions, now: datetime) -> dict[str, bytes]:
    """Also the check `td-report`: the quote and the TDREPORT carry the same report data. Raises Refused: `composite`."""
    if document.td_quote is None:
        raise BadInput("enclave.evidence", "evidence of an Azure TDX machine has a member 'td_quote', and this has none")
    report = examine_quote(examination, document.td_quote, policy, companions, now)
    same = report.report_data == document.hcl.report_data
    told = f"the TD quote {'vouches' if same else 'does not vouch'} for the report data that name the vTPM's key"
    examination.need("td-report", same, "composite", told)
    return dict(report.measurements)


HARDWARE = {"snp": _hold_snp, "tdx": _hold_tdx}


def _hold_secure_boot(examination: Examination, hcl: HclReport, policy: Policy) -> None:
    wanted, found = policy.require.secure_boot, hcl.configuration.get("secure-boot")
    if wanted is None:
        examination.passed("secure-boot", f"Secure Boot is {_on(found)}; the policy does not ask")
    else:
        examination.hold("secure-boot", found is wanted, "secure-boot", f"Secure Boot is {_on(found)}; the policy wants it {_on(wanted)}")


def _on(value: Any) -> str:
    return {True: "on", False: "off"}.get(value, "not told") if isinstance(value, bool) else "not told"


def _document(evidence: bytes) -> Document:
    tree = read_document(evidence, "Azure's evidence")
    if not isinstance(tree, dict):
        raise BadInput("enclave.evidence", "Azure's evidence is a JSON object")
    unknown = sorted(set(tree) - MEMBERS)
    if unknown:
        raise BadInput("enclave.evidence", f"Azure's evidence has no member {unknown[0][:40]!r}")
    version = tree.get("version", 1)
    if type(version) is not int or version not in VERSIONS:
        raise BadInput("enclave.evidence", f"Azure's evidence is of version {str(version)[:20]}; 1 and 2 are known, and the first, which told none")
    quote = member({"quote": _either(tree, "tpm_quote", "quote")}, "quote", dict, "Azure's evidence")
    registers = member(quote, "pcrs", list, "the vTPM's quote")
    if len(registers) != REGISTERS:
        raise BadInput("enclave.evidence", f"the vTPM's quote comes with {len(registers)} registers; there are {REGISTERS}")
    return Document(
        hcl=read_hcl(octets(_either(tree, "hcl_report", "report"), "hcl_report", "base64")),
        quote=read_quote(octets(quote.get("message"), "message of the quote", "hex")),
        signature=octets(quote.get("signature"), "signature of the quote", "hex"),
        registers={index: octets(value, f"register {index}", "hex") for index, value in enumerate(registers)},
        vcek=_certificate(tree["vcek"]) if "vcek" in tree else None,
        td_quote=octets(tree["td_quote"], "td_quote", "base64") if "td_quote" in tree else None,
    )


def _either(tree: dict[str, Any], one: str, other: str) -> Any:
    """Two generations of attesters, two names; never both."""
    if (one in tree) == (other in tree):
        raise BadInput("enclave.evidence", f"Azure's evidence has either {one!r} or {other!r}")
    return tree.get(one, tree.get(other))


def _certificate(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) and value.startswith("-----BEGIN") else octets(value, "vcek", "base64")
