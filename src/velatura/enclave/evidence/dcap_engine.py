"""What Intel's collateral says of a platform, through `dcap-qvl`: a TCB status and the advisories behind it. Its word is gated here.

The engine calls all its statuses but Revoked a success; which of them are tolerated is the policy's matter. It refuses guests that may be debugged or
migrated before it looks for a level: where the policy tolerates those, the status stays unknown, which is a warning. Any refusal that has no code of
its own is `tcb-refused`, so that an engine that words things anew still fails closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from velatura.enclave.appraisal import Examination
from velatura.enclave.evidence.dcap_collateral import Collateral
from velatura.enclave.evidence.dcap_quote import Quote
from velatura.enclave.policy import Policy
from velatura.errors import Missing

__all__ = ["hold_tcb"]

REFUSALS: Mapping[str, str] = MappingProxyType(
    {
        "Debug mode is enabled": "debug-enabled",
        "TD migration is enabled": "migration",
        "Invalid MR service TD": "service-td",
        "SERVTD_EXT is enabled": "service-td",
        "TD profiling is enabled": "td-attributes",
        "SEPT_VE_DISABLE is not enabled": "td-attributes",
        "Reserved bits in TD attributes": "td-attributes",
        "No matching TCB level": "tcb-no-matching-level",
        "TCB status is invalid: Revoked": "tcb-revoked",
        "Certificate has been revoked": "revoked",
        "CertRevoked": "revoked",
        "expired": "collateral-expired",
        "in the future": "collateral-expired",
        "Expired": "collateral-expired",
        "NotValidYet": "collateral-expired",
        "Fmspc mismatch": "collateral-mismatch",
        "non-TDX TCB info": "collateral-mismatch",
        "non-SGX TCB info": "collateral-mismatch",
        "UnknownRevocationStatus": "collateral-mismatch",
        "Unsupported QE Identity": "collateral-mismatch",
        "QE ISVSVN": "tcb-no-matching-level",
        "TDX module ISVSVN": "tcb-no-matching-level",
        "TDX module TCB level": "tcb-no-matching-level",
        "No TCB levels": "tcb-no-matching-level",
        "TDX module": "tdx-module",
        "QE ": "qe-identity",
        "Signature is invalid": "signature",
        "must have version": "unsupported",
    }
)
"""Part of the engine's refusal -> code; the first that fits."""

TOLERABLE = {"debug-enabled": "debug", "migration": "migration", "service-td": "migration"}
"""Refusal -> what in `[require]` tolerates it."""


def hold_tcb(examination: Examination, quote: Quote, collateral: Collateral, policy: Policy, now: datetime) -> None:
    """The check `tcb`. Claim: `tcb`.

    Raises:
        Missing: `enclave.extra`: the engine is not installed.
    """
    try:
        from dcap_qvl import QuoteCollateralV3, verify
    except ImportError as error:
        raise Missing("enclave.extra", "quotes of SGX and TDX need dcap-qvl, which is not here", hint="pip install 'velatura[enclave]'") from error
    info, identity = collateral.tcb_info, collateral.qe_identity
    try:
        known_good = QuoteCollateralV3(
            collateral.pck_crl_issuers,
            collateral.root_crl,
            collateral.pck_crl,
            info.chain_pem,
            info.text,
            info.signature,
            identity.chain_pem,
            identity.text,
            identity.signature,
        )
        found = verify(quote.raw, known_good, int(now.timestamp()))
    except ValueError as error:
        _refused(examination, str(error), policy)
        return
    _hold_status(examination, str(found.status), [str(one) for one in found.advisory_ids], policy)


def _refused(examination: Examination, told: str, policy: Policy) -> None:
    reason = told.removeprefix("Verification failed: ")
    code = next((code for part, code in REFUSALS.items() if part in reason), "tcb-refused")
    tolerated = TOLERABLE.get(code)
    if tolerated and getattr(policy.require, tolerated):
        examination.warned(
            "tcb", "tcb-unknown", f"the TCB level was not looked at: the engine refuses such a guest ({reason}), the policy tolerates it"
        )
    else:
        examination.failed("tcb", code, f"no TCB level for this platform: {reason}")


def _hold_status(examination: Examination, status: str, advisories: list[str], policy: Policy) -> None:
    examination.claims["tcb"] = {"status": status, "advisories": advisories}
    told = f"the platform's TCB is {status}" + (f", by {', '.join(advisories)}" if advisories else "")
    if status == "UpToDate":
        examination.passed("tcb", told)
    elif status in policy.require.tcb_status:
        examination.warned("tcb", "tcb-status", f"{told}, which the policy tolerates")
    else:
        hint = f"who runs it must update it; require.tcb_status = ['UpToDate', '{status}'] tolerates it with a warning"
        examination.failed("tcb", "tcb-status", told, hint=hint)
