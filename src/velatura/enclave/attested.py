"""Evidence as one session needs it: it meets the policy, and carries this session's nonce, key, policy and job, and no other's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from velatura.enclave.appraisal import Appraisal, Examination, Verdict
from velatura.enclave.binding import Binding
from velatura.enclave.companions import Companions, read_companions
from velatura.enclave.policy import Policy
from velatura.enclave.verify import accepted, verify
from velatura.errors import Withheld

__all__ = ["SENT", "appraise", "hold"]

SENT = ("leaf", "chain", "root", "dcap", "eventlog", "gpu")
"""Companions that may come with the evidence: each is signed up to a root that the package pins, or replayed to what is. Revocation lists are the
relying party's own."""


def appraise(evidence: bytes, policy: Policy, sent: Mapping[str, bytes], binding: Binding, *, now: datetime) -> Appraisal:
    """Verify, and add the check `binding`.

    Args:
        policy: its companions are absolute paths.
        sent: companions that came with the evidence, by name; the policy's own win.

    Raises:
        BadInput: as `verify`.
    """
    found = verify(evidence, policy, _companions(policy, sent), now=now, expected=binding.expected(policy.format))
    examination = Examination(dict(found.claims), list(found.checks), dict(found.references))
    missing = binding.missing(policy.format, found.claims)
    told = f"of what must carry this session, {', '.join(missing)} do not" if missing else "the evidence carries this session's key, policy and job"
    examination.hold("binding", not missing, "binding-mismatch", told, hint="it is another session's, or another key was put in its place")
    return examination.appraisal(policy.format, found.assurance, policy.digest)


def hold(appraisal: Appraisal, policy: Policy) -> None:
    """Raises Withheld `enclave.contraindicated` or `enclave.warning`, with the check that decided, unless the policy takes it."""
    if accepted(appraisal, policy):
        return
    check = appraisal.decisive
    assert check is not None, "a verdict that is not affirming has a check that decided it"
    code = "enclave.warning" if appraisal.verdict is Verdict.WARNING else "enclave.contraindicated"
    hint = check.hint or ("require.accept_warning = true takes it" if appraisal.verdict is Verdict.WARNING else "")
    raise Withheld(code, f"{appraisal.verdict}: {check.code}: {check.name}: {check.told}", hint=hint)


def _companions(policy: Policy, sent: Mapping[str, bytes]) -> Companions:
    own = read_companions(policy.companions, Path("/"))
    return replace(own, **{name: sent[name] for name in SENT if name in sent and getattr(policy.companions, name) is None})  # type: ignore[arg-type]
