"""What every policy may ask: reference values, nonce, age, debugging."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.enclave.appraisal import Check, Examination
from velatura.enclave.evidence.requirements import AHEAD_S, hold_age, hold_debug, hold_nonce, hold_reference
from velatura.enclave.policy import Policy, parse_policy

NOW = datetime(2026, 6, 30, tzinfo=UTC)


def policy(reference: str = "any_measurement = true", require: str = "") -> Policy:
    return parse_policy(f'version = 1\nformat = "nitro"\n[reference]\n{reference}\n[require]\n{require}')


def only(examination: Examination) -> Check:
    assert len(examination.checks) == 1
    return examination.checks[0]


def test_a_value_is_one_of_those_that_are_listed() -> None:
    one, other = bytes(48), b"\1" * 48
    listed = policy(f'pcr0 = ["{one.hex()}", "{other.hex().upper()}"]\npcr8 = ["{one.hex()}"]')
    for shown, wanted in (
        ({"pcr0": one, "pcr8": one}, ["passed", "passed"]),
        ({"pcr0": other, "pcr8": one}, ["passed", "passed"]),
        ({"pcr0": other, "pcr8": other}, ["passed", "failed"]),
        ({"pcr0": one}, ["passed", "failed"]),
        ({}, ["failed", "failed"]),
        ({"pcr0": b"", "pcr8": one[:47]}, ["failed", "failed"]),
    ):
        examination = Examination()
        hold_reference(examination, listed, shown)
        assert [check.outcome for check in examination.checks] == wanted, shown
        assert all(check.code == "measurement-mismatch" for check in examination.checks if check.outcome == "failed")
        assert examination.references == {name: value.hex() for name, value in shown.items()}


def test_any_program_is_a_word_that_a_person_wrote() -> None:
    examination = Examination()
    hold_reference(examination, policy(), {"pcr0": bytes(48)})
    assert only(examination).outcome == "passed" and "any_measurement" in only(examination).told
    assert examination.references == {"pcr0": "00" * 48}


@given(st.binary(min_size=1, max_size=64), st.binary(max_size=64))
def test_a_nonce_is_the_one_that_was_asked_with(wanted: bytes, shown: bytes) -> None:
    examination = Examination()
    hold_nonce(examination, policy().expecting(wanted), shown)
    assert (only(examination).outcome == "passed") == (shown == wanted)


@given(st.binary(min_size=1, max_size=64), st.binary(max_size=64))
def test_a_short_nonce_in_a_fixed_place_is_followed_by_zeros_alone(wanted: bytes, rest: bytes) -> None:
    place = (wanted + rest)[:64].ljust(64, b"\0")
    examination = Examination()
    hold_nonce(examination, policy().expecting(wanted), place, padded=True)
    assert (only(examination).outcome == "passed") == (place[len(wanted) :] == bytes(64 - len(wanted)))


@pytest.mark.parametrize("shown", [None, b""])
def test_a_place_that_holds_nothing_answers_nothing(shown: bytes | None) -> None:
    examination = Examination()
    hold_nonce(examination, policy().expecting(b"\0"), shown, padded=True)
    assert only(examination).code == "nonce-mismatch"


def test_without_a_nonce_the_verdict_says_what_that_means() -> None:
    examination = Examination()
    hold_nonce(examination, policy(), b"anything")
    assert only(examination).outcome == "passed" and "does not show that the evidence is fresh" in only(examination).told


@pytest.mark.parametrize(
    ("age_s", "limit", "code"),
    [
        (0, 60, ""),
        (60, 60, ""),
        (61, 60, "too-old"),
        (1e6, None, ""),
        (-AHEAD_S, 60, ""),
        (-AHEAD_S - 1, 60, "from-the-future"),
        (-AHEAD_S - 1, None, "from-the-future"),
    ],
)
def test_evidence_that_tells_its_time_is_held_to_it(age_s: float, limit: float | None, code: str) -> None:
    examination = Examination()
    hold_age(examination, policy(require="" if limit is None else f"max_age_s = {limit}"), NOW - timedelta(seconds=age_s), NOW)
    assert only(examination).code == code and only(examination).outcome == ("failed" if code else "passed")


def test_evidence_that_tells_no_time_is_a_warning_where_an_age_was_asked_and_no_nonce() -> None:
    for require, codes in (("", []), ("max_age_s = 60", ["age-unknown"]), ('max_age_s = 60\nnonce = "01"', [])):
        examination = Examination()
        hold_age(examination, policy(require=require), None, NOW)
        assert [check.code for check in examination.checks] == codes


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("tolerated", [True, False])
def test_debugging_is_tolerated_by_name_alone(debug: bool, tolerated: bool) -> None:
    examination = Examination()
    hold_debug(examination, policy(require=f"debug = {str(tolerated).lower()}"), debug)
    assert only(examination).code == ("debug-enabled" if debug and not tolerated else "")
