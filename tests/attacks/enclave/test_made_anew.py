"""Evidence that its shower wrote himself: accepted of a format that brings its own key, in every way, and of no other arm that asks for more."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
from tests.attacks.enclave.process_evidence import honest

from velatura.attacks.enclave.made_anew import PUBLISHED, WAYS, MadeAnew, signed_by
from velatura.attacks.enclave.submission import Submission
from velatura.audit.enclave.arms import VerifyingArm
from velatura.crypto.keys import Signer
from velatura.crypto.secret import Secret
from velatura.enclave.evidence.process_document import INSECURE_TEST, parse, signed

SEED = bytes(range(32))


def simulated() -> Submission:
    made = honest()
    document = signed(parse(made.evidence).claims, INSECURE_TEST, named="simulated")
    return replace(made.asked("", format="simulated"), format="simulated", evidence=document)


def test_whoever_may_show_evidence_can_write_it() -> None:
    for secret in (honest(), simulated()):
        found = MadeAnew().play(VerifyingArm(), [secret], np.random.default_rng(1), budget_s=10)
        assert found.success.tolist() == [[1.0] * len(WAYS)]
        assert "his own: fresh, and the key that data would go to is his" in found.notes["accepted"]


def test_a_verifier_that_knows_the_key_takes_none() -> None:
    key = json.loads(honest().evidence)["key"]
    arm = lambda shown, rng: json.loads(shown.evidence)["key"] == key and VerifyingArm()(shown, rng)  # noqa: E731
    found = MadeAnew().play(arm, [honest()], np.random.default_rng(1), budget_s=10)
    assert found.success.sum() == 0
    assert found.notes["accepted"] == "none"


def test_what_it_writes_is_what_the_room_would_write() -> None:
    document = json.loads(honest().evidence)
    assert signed_by(SEED, document) == signed(parse(honest().evidence).claims, Signer(Secret(SEED)), named="process")
    assert INSECURE_TEST.seed.reveal() == PUBLISHED
