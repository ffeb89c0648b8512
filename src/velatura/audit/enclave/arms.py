"""Both sides of forged evidence: the room's verifiers, and a relying party that believes what evidence says of itself."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from numpy.random import Generator

from velatura.attacks.enclave.freshness import shown
from velatura.attacks.enclave.mutations import UNREADABLE
from velatura.attacks.enclave.opening import opened
from velatura.attacks.enclave.state import BITS, REFERENCES
from velatura.attacks.enclave.submission import Submission
from velatura.enclave.companions import Companions
from velatura.enclave.evidence.documents import evidence_in
from velatura.enclave.policy import parse_policy
from velatura.enclave.verify import accepted, verify
from velatura.errors import VelaturaError

__all__ = ["BelievingArm", "VerifyingArm"]


@dataclass(frozen=True, slots=True)
class VerifyingArm:
    """`velatura enclave verify`: accepted where it would exit 0. What it refuses as unreadable is refused; anything untyped goes on."""

    def __call__(self, shown: Submission, rng: Generator) -> bool:
        try:
            policy = parse_policy(shown.policy)
            companions = Companions(**shown.companions, crl=shown.crls)  # type: ignore[arg-type]
            appraisal = verify(evidence_in(shown.evidence), policy, companions, now=shown.at)
        except VelaturaError:
            return False
        return accepted(appraisal, policy)


@dataclass(frozen=True, slots=True)
class BelievingArm:
    """Reads what the policy asks for out of the document, and looks at no signature: what many clients of attestation do."""

    def __call__(self, submission: Submission, rng: Generator) -> bool:
        try:
            found, policy = opened(submission), tomllib.loads(submission.policy)
        except (*UNREADABLE, tomllib.TOMLDecodeError):
            return False
        require, reference = policy.get("require", {}), policy.get("reference", {})
        wanted = require.get("nonce")
        if wanted is not None and shown(found) != bytes.fromhex(wanted).ljust(len(shown(found)), b"\0"):
            return False
        debug = BITS.get(submission.format, {}).get(33)
        if debug and not require.get("debug") and int.from_bytes(shown(found, debug[0]), "little") >> debug[1] & 1:
            return False
        names = [name for name in REFERENCES.get(submission.format, ()) if name in reference]
        return all(shown(found, name).hex() in reference[name] for name in names)
