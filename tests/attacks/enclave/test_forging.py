"""Forged evidence: an attacker whom a verifier stops, and the same one who gets past one that leaves something out."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from tests.attacks.enclave.process_evidence import NOW, honest

from velatura.attacks.enclave.catalogue import forgeries
from velatura.attacks.enclave.classes import CLASSES, FAMILIES, family_of
from velatura.attacks.enclave.forging import EvidenceForgery
from velatura.attacks.enclave.keys import Keys
from velatura.attacks.enclave.mutations import mutated, same_content
from velatura.attacks.enclave.opening import opened
from velatura.attacks.enclave.submission import Submission
from velatura.audit.enclave.arms import BelievingArm, VerifyingArm
from velatura.errors import BadInput, Unsupported


@dataclass(frozen=True)
class Careless:
    """Verifies, but for what `forget` puts right beforehand."""

    forget: Callable[[Submission], Submission]

    def __call__(self, secret: Submission, rng: np.random.Generator) -> bool:
        try:
            return VerifyingArm()(self.forget(secret), rng)
        except tomllib.TOMLDecodeError:  # a policy that is none stays one
            return False


def played(arm: object, submission: Submission | None = None, **more: int) -> dict[str, float]:
    attack = EvidenceForgery(**{"flips": 60, "mutations": 60, **more})
    found = attack.play(arm, [submission or honest()], np.random.default_rng(5), budget_s=60)  # type: ignore[arg-type]
    assert not found.cut
    return dict(zip(found.attackers, found.success[:, 0].tolist(), strict=True))


def test_a_verifier_takes_none_and_whoever_believes_takes_most() -> None:
    assert set(played(VerifyingArm()).values()) == {0.0}
    believed = played(BelievingArm())
    assert believed["signature"] > 0.8
    assert max(believed.values()) > 0.8


def test_who_forgets_the_nonce_is_found_out_in_the_family_of_freshness() -> None:
    found = played(Careless(lambda one: one.asked("require", nonce=None)))
    assert found["freshness"] > 0
    assert found["signature"] == found["structure"] == 0


def test_who_forgets_the_age_is_found_out() -> None:
    found = played(Careless(lambda one: replace(one, at=NOW)))
    assert found["freshness"] > 0


def test_who_forgets_reference_values_is_found_out_in_the_family_of_state() -> None:
    lax = 'version = 1\nformat = "process"\n[reference]\nany_measurement = true\n'
    found = played(Careless(lambda one: replace(one, policy=lax, format="process")))
    assert found["state"] > 0
    assert found["flipped bits"] == 0


def test_who_writes_the_document_anew_before_he_checks_takes_what_stands_behind_it() -> None:
    def tidied(one: Submission) -> Submission:
        try:
            document = json.JSONDecoder().raw_decode(one.evidence.decode())[0]
        except (ValueError, RecursionError):
            return one
        return replace(one, evidence=json.dumps(document, sort_keys=True, separators=(",", ":")).encode())

    assert played(Careless(tidied))["structure"] > 0


def test_evidence_that_is_not_accepted_as_it_stands_shows_nothing() -> None:
    with pytest.raises(BadInput, match="not accepted as it stands"):
        played(VerifyingArm(), replace(honest(), at=NOW + timedelta(days=1)))


def test_what_breaks_a_verifier_in_an_untyped_way_is_no_refusal() -> None:
    def broken(secret: Submission, rng: np.random.Generator) -> bool:
        if not secret.evidence:
            raise IndexError("as an unguarded reader")
        return VerifyingArm()(secret, rng)

    with pytest.raises(IndexError):
        played(broken)


def test_every_class_has_one_family_and_every_forgery_a_class() -> None:
    assert sorted(number for classes in FAMILIES.values() for number in classes) == sorted(CLASSES) == list(range(1, 45))
    for one in forgeries(opened(honest()), (), Keys(1)):
        assert family_of(one.number) in FAMILIES


def test_a_seed_gives_the_same_forgeries() -> None:
    first, second = ([one.make() for one in forgeries(opened(honest()), (), Keys(4))] for _ in range(2))
    assert first == second


def test_a_change_of_what_nobody_signs_is_no_forgery() -> None:
    known = opened(honest())
    assert same_content(known, honest())
    rng = np.random.default_rng(2)
    changes = [mutated(known, rng) for _ in range(200)]
    assert sum(not same_content(known, one) for one in changes) > 150
    assert not any(VerifyingArm()(one, rng) for one in changes if not same_content(known, one))


def test_a_format_that_nobody_knows_is_told() -> None:
    with pytest.raises(Unsupported, match="takes 'cca' apart"):
        opened(replace(honest(), format="cca"))


def test_a_submissions_policy_is_changed_by_table() -> None:
    made = Submission("process", b"", 'version = 1\n[require]\nnonce = "aa"\nmin_tcb = { bl = 3 }\n', datetime(2026, 1, 1, tzinfo=UTC))
    assert made.asked("require", nonce=None, max_age_s=5).policy == "version = 1\n[require]\nmin_tcb = { bl = 3 }\nmax_age_s = 5\n"
    assert made.asking("require", "nonce") == "aa"
    assert made.without("require").policy == "version = 1\n"
    assert made.beside(leaf=b"x").beside(leaf=None).companions == {}
