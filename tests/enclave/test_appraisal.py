"""Checks become a verdict: the worst decides, the first of its kind names the code, and nothing vouches for what failed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.enclave.appraisal import Examination, Outcome, Refused, Verdict
from velatura.enclave.assurance import Assurance
from velatura.errors import BadSpec

OUTCOMES = st.lists(st.tuples(st.sampled_from(list(Outcome)), st.sampled_from(["a", "b", "c"])), max_size=8)


def examined(made: list[tuple[Outcome, str]]) -> Examination:
    examination = Examination()
    for place, (outcome, code) in enumerate(made):
        if outcome is Outcome.PASSED:
            examination.passed(f"check{place}")
        elif outcome is Outcome.WARNED:
            examination.warned(f"check{place}", code, "told")
        else:
            examination.failed(f"check{place}", code, "told")
    return examination


@given(OUTCOMES)
def test_the_worst_check_decides(made: list[tuple[Outcome, str]]) -> None:
    found = examined(made).appraisal("sev-snp", Assurance.TEE, "ab")
    outcomes = [outcome for outcome, _ in made]
    if Outcome.FAILED in outcomes or not made:
        assert (found.verdict, found.assurance) == (Verdict.CONTRAINDICATED, Assurance.NONE)
    else:
        assert found.verdict is (Verdict.WARNING if Outcome.WARNED in outcomes else Verdict.AFFIRMING)
        assert found.assurance is Assurance.TEE
    wanted = next((code for outcome in (Outcome.FAILED, Outcome.WARNED) for seen, code in made if seen is outcome), "ok")
    assert found.code == wanted
    assert [check.name for check in found.checks] == [f"check{place}" for place in range(len(made))]


def test_nothing_looked_at_is_nothing_proven() -> None:
    found = Examination().appraisal("tdx", Assurance.TEE, "ab")
    assert (found.verdict, found.assurance) == (Verdict.CONTRAINDICATED, Assurance.NONE)


def test_what_must_hold_ends_the_examination() -> None:
    examination = Examination()
    examination.need("structure", True, "malformed", "fine")
    with pytest.raises(Refused) as refused:
        examination.need("signature", False, "signature", "it does not\nverify", hint="look")
    assert [check.name for check in examination.checks] == ["structure"]
    assert (refused.value.check.outcome, refused.value.check.told, refused.value.check.hint) == (Outcome.FAILED, "it does not verify", "look")


def test_what_may_fail_does_not() -> None:
    examination = Examination()
    examination.hold("debug", False, "debug-enabled", "told", hint="hint")
    examination.hold("vmpl", True, "vmpl", "told", hint="hint")
    assert [(check.outcome, check.code, check.hint) for check in examination.checks] == [("failed", "debug-enabled", "hint"), ("passed", "", "")]


def test_claims_of_an_appraisal_do_not_change_with_the_examination() -> None:
    examination = Examination(claims={"a": 1})
    examination.passed("x")
    found = examination.appraisal("tdx", Assurance.TEE, "ab")
    examination.claims["a"] = 2
    examination.references["mrtd"] = "00"
    assert (found.claims, found.references) == ({"a": 1}, {})


def test_assurance_is_an_order_and_its_words_are_those_of_policies() -> None:
    words = [one.word for one in sorted(Assurance)]
    assert words == ["none", "simulated", "process", "vm", "tee", "tee+gpu"]
    assert [Assurance.of(word) for word in words] == sorted(Assurance)
    for word in ("", "TEE", "tee_gpu", "3"):
        with pytest.raises(BadSpec, match=r"\[enclave.assurance\]"):
            Assurance.of(word)
