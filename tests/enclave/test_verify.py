"""The door of all verifiers: the policy alone chooses, sizes and clock come first, and what is not beside the evidence is a verdict."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from velatura.enclave.appraisal import Refused
from velatura.enclave.companions import Companions
from velatura.enclave.policy import FORMATS, Policy, Reference, parse_policy
from velatura.enclave.verify import MOST_EVIDENCE_BYTES, VERIFIERS, verify
from velatura.errors import BadInput, VelaturaError

NOW = datetime(2026, 6, 30, tzinfo=UTC)
ANY = Reference(any_measurement=True)


def test_every_format_has_a_verifier() -> None:
    assert set(VERIFIERS) == set(FORMATS)
    for module in set(VERIFIERS.values()):
        assert callable(import_module(f"velatura.enclave.evidence.{module}").examine)


@pytest.mark.parametrize("named", FORMATS)
@pytest.mark.parametrize("raw", [b"", b"\0", b"{}", b"[]", b"[{}]", b'"text"', b"null", b"\xff" * 2000, b"\4\0\2\0\x81\0\0\0" * 200])
def test_bytes_of_nothing_are_refused_and_never_judged(named: str, raw: bytes) -> None:
    with pytest.raises(BadInput) as refused:
        verify(raw, Policy(version=1, format=named, reference=ANY), now=NOW)
    assert refused.value.code.startswith("enclave.")


@settings(max_examples=200)
@given(st.sampled_from(sorted(FORMATS)), st.binary(max_size=2500))
def test_random_bytes_end_in_a_line_or_in_a_refusal(named: str, raw: bytes) -> None:
    try:
        assert verify(raw, Policy(version=1, format=named, reference=ANY), now=NOW).verdict == "contraindicated"
    except VelaturaError as error:
        assert error.code.startswith("enclave.")


@pytest.mark.parametrize("year", [1970, 2014, 2101, 9999])
def test_a_clock_that_cannot_be_right_is_refused(year: int) -> None:
    with pytest.raises(BadInput, match=r"\[enclave.clock\]"):
        verify(b"\0", Policy(version=1, format="tdx", reference=ANY), now=datetime(year, 6, 1, tzinfo=UTC))


def test_more_than_any_evidence_is_refused_before_it_is_read() -> None:
    with pytest.raises(BadInput, match="at most"):
        verify(bytes(MOST_EVIDENCE_BYTES + 1), Policy(version=1, format="nitro", reference=ANY), now=NOW)


def test_a_companion_that_is_not_there_is_a_verdict_that_names_it() -> None:
    found = verify(b"\0", Policy(version=1, format="tdx", reference=ANY), Companions(absent=("dcap (gone.json)",)), now=NOW)
    assert (found.verdict, found.code) == ("contraindicated", "collateral-missing")
    assert "gone.json" in found.checks[0].told


def test_what_a_verifier_refuses_is_the_last_check_and_what_it_looked_at_before_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    from velatura.enclave.evidence import snp

    def examine(examination, evidence, policy, companions, now):  # type: ignore[no-untyped-def]
        examination.passed("report")
        examination.claims["seen"] = True
        raise Refused("signature", "signature", "no")

    monkeypatch.setattr(snp, "examine", examine)
    found = verify(b"\0", Policy(version=1, format="sev-snp", reference=ANY), now=NOW)
    assert [check.name for check in found.checks] == ["report", "signature"] and found.claims == {"seen": True}
    assert (found.verdict, found.code, found.assurance.word) == ("contraindicated", "signature", "none")


def test_the_digest_is_of_the_policy_without_the_sessions_nonce() -> None:
    from tests.enclave.evidence.test_process import ANY as TEXT
    from tests.enclave.evidence.test_process import NONCE, sealed
    from tests.enclave.evidence.test_process import NOW as THEN

    policy = parse_policy(f'version = 1\nformat = "process"\n{TEXT}')
    found = verify(sealed(), policy, now=THEN, expected=NONCE)
    assert (found.policy, found.verdict) == (policy.digest, "affirming")
    assert verify(sealed(), policy, now=THEN, expected=bytes(32)).code == "nonce-mismatch"
    assert verify(sealed(), policy, now=THEN - timedelta(hours=1), expected=NONCE).code == "from-the-future"
