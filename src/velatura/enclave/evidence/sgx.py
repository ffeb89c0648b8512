"""Intel SGX: a quote about one enclave. Quotes of version 3; of 4 and 5 with an SGX body everything but the TCB level, which the engine refuses.

Reference values: `mrenclave` names one build, `mrsigner` with `prodid` and `min_svn` whoever signs builds of one product.

Limits: a quote does not tell when it was made; freshness comes from the nonce in its report data.
"""

from __future__ import annotations

from datetime import datetime

from velatura.enclave.appraisal import Examination
from velatura.enclave.assurance import Assurance
from velatura.enclave.companions import Companions
from velatura.enclave.evidence.dcap import hold_quote
from velatura.enclave.evidence.dcap_quote import Quote, SgxReport
from velatura.enclave.evidence.requirements import hold_age, hold_debug, hold_nonce, hold_reference
from velatura.enclave.policy import Policy

__all__ = ["examine"]


def examine(examination: Examination, evidence: bytes, policy: Policy, companions: Companions, now: datetime) -> Assurance:
    """The verifier of `sgx`; see `verify.Verifier`. What it raises: `dcap.hold_quote`."""
    quote = hold_quote(examination, evidence, "sgx", policy, companions, now, body=lambda quote: _hold_body(examination, quote, policy))
    report = _report(quote)
    hold_reference(examination, policy, {"mrenclave": report.mrenclave, "mrsigner": report.mrsigner})
    _hold_signed_product(examination, report, policy)
    hold_nonce(examination, policy, report.report_data, padded=True)
    hold_age(examination, policy, None, now)
    return Assurance.TEE


def _report(quote: Quote) -> SgxReport:
    assert isinstance(quote.body, SgxReport), "read_quote gives the body of the kind that was asked for"
    return quote.body


def _hold_body(examination: Examination, quote: Quote, policy: Policy) -> None:
    report = _report(quote)
    examination.claims |= {
        "measurement": report.mrenclave.hex(),
        "mrenclave": report.mrenclave.hex(),
        "mrsigner": report.mrsigner.hex(),
        "prodid": report.prodid,
        "svn": report.svn,
        "cpusvn": report.cpusvn.hex(),
        "attributes": report.attributes.hex(),
        "miscselect": report.miscselect.hex(),
        "debug": report.debug,
        "report_data": report.report_data.hex(),
    }
    hold_debug(examination, policy, report.debug)


def _hold_signed_product(examination: Examination, report: SgxReport, policy: Policy) -> None:
    """Beside `mrsigner`: which of the signer's products, and from which security version on."""
    if policy.reference.prodid is not None:
        told = f"prodid is {report.prodid}; the policy wants {policy.reference.prodid}"
        examination.hold("measurement:prodid", report.prodid == policy.reference.prodid, "measurement-mismatch", told)
    if policy.reference.min_svn is not None:
        told = f"svn is {report.svn}; the policy wants {policy.reference.min_svn} or more"
        examination.hold("measurement:min_svn", report.svn >= policy.reference.min_svn, "measurement-mismatch", told)
