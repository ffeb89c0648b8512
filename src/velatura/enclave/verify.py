"""Verify a piece of evidence under a policy. The policy chooses the verifier, never the evidence.

    appraisal = verify(evidence, policy, companions, now=datetime.now(UTC))

Pure: no file, no network, no clock. Bytes that are not of the policy's format at all (another magic, cut short, no hex) are `BadInput`; a document of
the format that breaks one of its rules is a verdict, `contraindicated` with code `malformed`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module

from velatura.enclave.appraisal import Appraisal, Examination, Refused, Verdict
from velatura.enclave.assurance import Assurance
from velatura.enclave.companions import Companions
from velatura.enclave.evidence.composite import with_gpu
from velatura.enclave.policy import Policy
from velatura.errors import BadInput

__all__ = ["MOST_EVIDENCE_BYTES", "Verifier", "accepted", "verify"]

MOST_EVIDENCE_BYTES = 1 << 20
EARLIEST, LATEST = datetime(2015, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

Verifier = Callable[[Examination, bytes, Policy, Companions, datetime], Assurance]
"""Fills the examination with checks and claims, returns what the evidence can vouch for.

Raises Refused where no later check means anything, BadInput where the bytes are not of the format.
"""

VERIFIERS = {
    "sev-snp": "snp",
    "tdx": "tdx",
    "sgx": "sgx",
    "nitro": "nitro",
    "tpm": "tpm",
    "vm": "tpm",
    "azure-snp": "azure",
    "azure-tdx": "azure",
    "nvidia": "nvidia",
    "process": "process",
    "simulated": "process",
}
"""Format -> module of `evidence/` that has `examine`, a Verifier."""


def accepted(appraisal: Appraisal, policy: Policy) -> bool:
    """Whether who relies on it goes on: it is affirmed, or a warning that the policy takes, which never stands in for the assurance that it wants."""
    if appraisal.verdict is Verdict.WARNING:
        return policy.require.accept_warning and appraisal.assurance >= policy.least
    return appraisal.verdict is Verdict.AFFIRMING


def verify(evidence: bytes, policy: Policy, companions: Companions | None = None, *, now: datetime, expected: bytes | None = None) -> Appraisal:
    """Appraise evidence.

    Args:
        evidence: the document, as `evidence/documents.py` read it: raw bytes or JSON, at most 1 MiB.
        policy: checked.
        companions: what travels beside it.
        now: when to judge, with a time zone; from 2015 to 2100.
        expected: what the nonce place must hold, where a session made it; wins over the policy's `nonce`.

    Raises:
        BadInput: `enclave.evidence`: not of the policy's format, or too large; `enclave.clock`.
    """
    if not EARLIEST <= now <= LATEST:
        raise BadInput("enclave.clock", f"the time to judge at is {now:%Y-%m-%d}", hint="set the clock, or give --time")
    if len(evidence) > MOST_EVIDENCE_BYTES:
        raise BadInput("enclave.evidence", f"{len(evidence)} bytes are no evidence; at most {MOST_EVIDENCE_BYTES}")
    examine: Verifier = import_module(f"velatura.enclave.evidence.{VERIFIERS[policy.format]}").examine
    examination, reached = Examination(), Assurance.NONE
    try:
        for name in (companions or Companions()).absent:
            raise Refused("companions", "collateral-missing", f"the policy names {name}, which is not there")
        reached = examine(examination, evidence, policy if expected is None else policy.expecting(expected), companions or Companions(), now)
        reached = with_gpu(examination, policy, companions or Companions(), now, reached)
        told = f"the evidence reaches {reached.word}, the policy wants {policy.least.word}"
        if reached is Assurance.NONE and not policy.minimum_assurance:  # a check before says what is missing, and nothing was asked for by name
            examination.warned("assurance", "assurance", told)
        else:
            examination.hold("assurance", reached >= policy.least, "assurance", told)
    except Refused as refused:
        examination.checks.append(refused.check)
    return examination.appraisal(policy.format, reached, policy.digest)
