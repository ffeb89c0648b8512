"""Collateral: signed, of this platform, in date, new enough, and nobody's word but TCB signing's; and what the engine makes of it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dcap_qvl
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from tests.enclave.evidence.intel_world import DEBUG, MIGRATABLE, NOW, SEPT_VE_DISABLE, IntelWorld, td_body
from tests.enclave.evidence.real import real

from velatura.enclave.appraisal import Appraisal, Refused, Verdict
from velatura.enclave.companions import Companions
from velatura.enclave.evidence.dcap_collateral import addresses, read_collateral
from velatura.enclave.policy import parse_policy
from velatura.enclave.verify import verify
from velatura.errors import BadSpec

WORLD = IntelWorld()
QUOTE = {"sgx": WORLD.quote("sgx", 3), "tdx": WORLD.quote()}


@pytest.fixture(autouse=True)
def trusted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "shared" not in request.fixturenames:
        WORLD.trust(monkeypatch)


def judged(collateral: bytes, *, quote: bytes = b"", tee: str = "tdx", require: str = "", now: datetime = NOW) -> Appraisal:
    policy = parse_policy(f'version = 1\nformat = "{tee}"\n[reference]\nany_measurement = true\n[require]\n{require}')
    return verify(quote or QUOTE[tee], policy, Companions(dcap=collateral), now=now)


def level(status: str, svn: int = 2, **more: Any) -> dict[str, Any]:
    tdx = [{"svn": 5}, {"svn": 0}, {"svn": 2}, *[{"svn": 0}] * 13]
    tcb = {"sgxtcbcomponents": [{"svn": svn}] * 16, "pcesvn": 11, "tdxtcbcomponents": tdx}
    return {"tcb": tcb, "tcbDate": "2024-11-13T00:00:00Z", "tcbStatus": status} | more


@pytest.mark.parametrize("tee", ["sgx", "tdx"])
def test_what_is_signed_and_of_this_platform_is_affirmed(tee: str) -> None:
    found = judged(WORLD.collateral(tee), tee=tee)
    assert found.verdict is Verdict.AFFIRMING
    assert found.claims["collateral"]["evaluation_number"] == {"tcb_info": 18, "qe_identity": 18}


FOREIGN = {
    "fmspc of another platform": {"tcb_info": WORLD.tcb_info(fmspc="00906EA10000")},
    "PCE of another": {"tcb_info": WORLD.tcb_info(pceId="0001")},
    "tcb_info of SGX": {"tcb_info": WORLD.tcb_info("sgx")},
    "identity of SGX's quoting enclave": {"identity": WORLD.identity("sgx")},
    "identity of another enclave": {"identity": WORLD.identity(id="QVE")},
    "the root's list twice": {"pck_crl": WORLD.crl("Intel SGX Root CA", WORLD.root_key).hex()},
    "the list of the other CA": {"pck_crl": WORLD.crl("Intel SGX PCK Platform CA", WORLD.ca_key).hex()},
    "a list in the CA's name by a stranger": {"pck_crl": WORLD.crl("Intel SGX PCK Processor CA", WORLD.tcb_key).hex()},
}


@pytest.mark.parametrize("changes", FOREIGN.values(), ids=FOREIGN)
def test_collateral_of_others_is_called_so(changes: dict[str, Any]) -> None:
    found = judged(WORLD.collateral(**changes))
    assert (found.verdict, found.code) == (Verdict.CONTRAINDICATED, "collateral-mismatch")


@pytest.mark.parametrize("part", ["tcb_info", "identity"])
@pytest.mark.parametrize(("issued", "until"), [("2026-01-01", "2026-02-01"), ("2026-03-02", "2026-04-01")])
def test_each_part_must_be_in_date(part: str, issued: str, until: str) -> None:
    dates = {"issueDate": f"{issued}T00:00:00Z", "nextUpdate": f"{until}T00:00:00Z"}
    told = WORLD.tcb_info(**dates) if part == "tcb_info" else WORLD.identity(**dates)
    found = judged(WORLD.collateral(**{part: told}))
    assert (found.verdict, found.code) == (Verdict.CONTRAINDICATED, "collateral-expired")


@pytest.mark.parametrize("days", [-40, 2])
def test_revocation_lists_must_be_in_date(days: int) -> None:
    issued = NOW + timedelta(days=days)
    for name, key, member in (("Intel SGX Root CA", WORLD.root_key, "root_ca_crl"), ("Intel SGX PCK Processor CA", WORLD.ca_key, "pck_crl")):
        assert judged(WORLD.collateral(**{member: WORLD.crl(name, key, issued=issued).hex()})).code == "collateral-expired"


def test_a_platforms_own_key_cannot_vouch_for_what_is_good() -> None:
    for chain in ((WORLD.pck, WORLD.ca, WORLD.root), (WORLD.ca, WORLD.root)):
        key = WORLD.pck_key if len(chain) == 3 else WORLD.ca_key
        found = judged(WORLD.collateral(signer=key, chain=chain))
        assert (found.verdict, found.code) == (Verdict.CONTRAINDICATED, "chain-invalid")


def test_a_name_alone_does_not_make_tcb_signing() -> None:
    deep = WORLD.certificate("Intel SGX TCB Signing", WORLD.tcb_key, "Intel SGX PCK Processor CA", WORLD.ca_key)
    assert judged(WORLD.collateral(chain=(deep, WORLD.ca, WORLD.root))).code == "chain-invalid"
    stranger = IntelWorld()
    assert judged(WORLD.collateral(signer=stranger.tcb_key, chain=(stranger.tcb, stranger.root))).code == "chain-invalid"


def test_revoked_tcb_signing_is_refused() -> None:
    listed = WORLD.crl("Intel SGX Root CA", WORLD.root_key, revoked=[WORLD.tcb.serial_number])
    assert judged(WORLD.collateral(root_ca_crl=listed.hex())).code == "revoked"


def test_expired_tcb_signing_is_expired_collateral() -> None:
    old = WORLD.certificate("Intel SGX TCB Signing", WORLD.tcb_key, "Intel SGX Root CA", WORLD.root_key, until=NOW - timedelta(days=1))
    assert judged(WORLD.collateral(chain=(old, WORLD.root))).code == "collateral-expired"


@pytest.mark.parametrize("part", ["tcb_info", "qe_identity"])
def test_texts_are_signed_byte_for_byte(part: str) -> None:
    whole = json.loads(WORLD.collateral())
    for changed in (whole[part] + " ", whole[part].replace(":18", ":19"), json.dumps(json.loads(whole[part]))):
        found = judged(json.dumps(whole | {part: changed}).encode())
        assert (found.verdict, found.code) == (Verdict.CONTRAINDICATED, "signature")


def test_who_signed_the_revocation_list_issued_the_leaf_too() -> None:
    """The engine reads this chain and looks at no signature in it; the list itself is held against the quote's own chain."""
    stranger, whole = IntelWorld(), json.loads(WORLD.collateral())
    fresh = WORLD.certificate("Intel SGX PCK Processor CA", WORLD.ca_key, "Intel SGX Root CA", WORLD.root_key, ca=0)
    assert judged(json.dumps(whole | {"pck_crl_issuer_chain": WORLD.pem(fresh, WORLD.root)}).encode()).verdict is Verdict.AFFIRMING
    old = WORLD.certificate("Intel SGX PCK Processor CA", WORLD.ca_key, "Intel SGX Root CA", WORLD.root_key, ca=0, until=NOW - timedelta(days=1))
    for code, chain in (
        ("chain-invalid", WORLD.pem(stranger.ca, WORLD.root)),
        ("chain-invalid", WORLD.pem(WORLD.tcb, WORLD.root)),
        ("chain-invalid", stranger.pem(stranger.ca, stranger.root)),
        ("chain-invalid", WORLD.pem(WORLD.ca)),
        ("collateral-expired", WORLD.pem(old, WORLD.root)),
        ("malformed", ""),
        ("malformed", whole["pck_crl_issuer_chain"].replace("-----END", "---)-END", 1)),
    ):
        found = judged(json.dumps(whole | {"pck_crl_issuer_chain": chain}).encode())
        assert (found.verdict, found.code) == (Verdict.CONTRAINDICATED, code), chain


def test_a_stranger_did_not_sign_them() -> None:
    assert judged(WORLD.collateral(signer=ec.generate_private_key(ec.SECP256R1()))).code == "signature"


def test_older_collateral_than_was_seen_is_a_downgrade() -> None:
    held = judged(WORLD.collateral(), require="min_evaluation_number = 18")
    assert held.verdict is Verdict.AFFIRMING and "evaluation-number" in [check.name for check in held.checks]
    for parts in ({"tcb_info": WORLD.tcb_info(tcbEvaluationDataNumber=17)}, {"identity": WORLD.identity(tcbEvaluationDataNumber=17)}):
        found = judged(WORLD.collateral(**parts), require="min_evaluation_number = 18")
        assert (found.verdict, found.code) == (Verdict.CONTRAINDICATED, "collateral-downgrade")


def test_a_policy_cannot_ask_for_an_impossible_number() -> None:
    with pytest.raises(BadSpec, match="min_evaluation_number"):
        judged(WORLD.collateral(), require="min_evaluation_number = 0")


def test_the_policy_bounds_the_age_since_issue() -> None:
    day = 86400
    assert judged(WORLD.collateral(), require=f"collateral_max_age_s = {10 * day}").verdict is Verdict.AFFIRMING
    found = judged(WORLD.collateral(), require=f"collateral_max_age_s = {8 * day}")
    assert (found.verdict, found.code) == (Verdict.CONTRAINDICATED, "collateral-expired")
    late = WORLD.crl("Intel SGX PCK Processor CA", WORLD.ca_key, issued=NOW - timedelta(days=12)).hex()
    assert judged(WORLD.collateral(pck_crl=late), require=f"collateral_max_age_s = {10 * day}").code == "collateral-expired"


WHOLE = json.loads(WORLD.collateral())
MALFORMED = {
    "no JSON": b"{",
    "empty": b"",
    "a list": b"[]",
    "not UTF-8": b"\xff{}",
    "a member twice": WORLD.collateral()[:-1] + b', "tcb_info": ""}',
    "a member missing": json.dumps({name: value for name, value in WHOLE.items() if name != "pck_crl"}).encode(),
    "a number for a text": json.dumps(WHOLE | {"tcb_info": 3}).encode(),
    "a member twice in the signed text": json.dumps(WHOLE | {"tcb_info": WHOLE["tcb_info"][:-1] + ',"id":"TDX"}'}).encode(),
    "NaN": json.dumps(WHOLE | {"tcb_info": WHOLE["tcb_info"].replace(":18", ":NaN")}).encode(),
    "an older version": json.dumps(WHOLE | {"tcb_info": WHOLE["tcb_info"].replace('"version":3', '"version":2')}).encode(),
    "a date that is none": json.dumps(WHOLE | {"qe_identity": WHOLE["qe_identity"].replace("2026-03-20T", "2026-13-20T")}).encode(),
    "a signature of 63 bytes": json.dumps(WHOLE | {"tcb_info_signature": "00" * 63}).encode(),
    "a signature that is no hex": json.dumps(WHOLE | {"tcb_info_signature": "zz" * 64}).encode(),
    "a lone surrogate": json.dumps(WHOLE | {"qe_identity": "\ud800"}).encode(),
    "a chain that is no PEM": json.dumps(WHOLE | {"tcb_info_issuer_chain": "-----BEGIN CERTIFICATE-----\nAA"}).encode(),
    "a revocation list that is none": json.dumps(WHOLE | {"pck_crl": "3000"}).encode(),
    "deeper than anybody nests": b'{"tcb_info": ' + b"[" * 100_000,
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED)
def test_collateral_that_cannot_be_read_is_malformed(raw: bytes) -> None:
    found = judged(raw)
    assert (found.verdict, found.code) == (Verdict.CONTRAINDICATED, "malformed")


def test_upper_and_lower_case_of_a_platform_are_one() -> None:
    assert judged(WORLD.collateral(tcb_info=WORLD.tcb_info(fmspc="00a06f050000"))).verdict is Verdict.AFFIRMING


@pytest.mark.parametrize("status", ["SWHardeningNeeded", "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded", "OutOfDate"])
def test_a_status_is_tolerated_by_name_and_stays_a_warning(status: str) -> None:
    collateral = WORLD.collateral(tcb_info=WORLD.tcb_info(tcbLevels=[level(status, advisoryIDs=["INTEL-SA-00999"])]))
    found = judged(collateral)
    assert (found.verdict, found.code) == (Verdict.CONTRAINDICATED, "tcb-status")
    assert "INTEL-SA-00999" in found.decisive.told and status in found.decisive.hint  # type: ignore[union-attr]
    tolerated = judged(collateral, require=f'tcb_status = ["UpToDate", "{status}"]')
    assert (tolerated.verdict, tolerated.code) == (Verdict.WARNING, "tcb-status")
    assert tolerated.claims["tcb"] == {"status": status, "advisories": ["INTEL-SA-00999"]}


def test_a_revoked_level_is_never_tolerated() -> None:
    collateral = WORLD.collateral(tcb_info=WORLD.tcb_info(tcbLevels=[level("Revoked")]))
    assert judged(collateral, require='tcb_status = ["UpToDate", "OutOfDate"]').code == "tcb-revoked"


def test_no_level_for_the_platform_is_told_as_such() -> None:
    assert judged(WORLD.collateral(tcb_info=WORLD.tcb_info(tcbLevels=[level("UpToDate", svn=9)]))).code == "tcb-no-matching-level"


def test_an_old_quoting_enclave_lowers_the_status() -> None:
    levels = [
        {"tcb": {"isvsvn": 9}, "tcbDate": "2024-11-13T00:00:00Z", "tcbStatus": "UpToDate"},
        {"tcb": {"isvsvn": 4}, "tcbDate": "2023-11-13T00:00:00Z", "tcbStatus": "OutOfDate"},
    ]
    assert judged(WORLD.collateral(identity=WORLD.identity(tcbLevels=levels))).claims["tcb"]["status"] == "OutOfDate"
    assert judged(WORLD.collateral(identity=WORLD.identity(tcbLevels=levels[:1]))).verdict is Verdict.CONTRAINDICATED


def test_what_is_tolerated_and_the_engine_refuses_leaves_the_tcb_unknown() -> None:
    tolerated = {
        "debug = true": WORLD.quote(body=td_body(attributes=SEPT_VE_DISABLE | DEBUG)),
        "migration = true": WORLD.quote("tdx", 5, body=td_body(service=b"\x77" * 48)),
    }
    for require, quote in tolerated.items():
        assert judged(WORLD.collateral(), quote=quote).verdict is Verdict.CONTRAINDICATED
        found = judged(WORLD.collateral(), quote=quote, require=require)
        assert (found.verdict, found.code) == (Verdict.WARNING, "tcb-unknown")
    moved = WORLD.quote(body=td_body(attributes=SEPT_VE_DISABLE | MIGRATABLE))
    assert judged(WORLD.collateral(), quote=moved, require="debug = true").code == "migration"


@pytest.mark.parametrize("word", ["something that nobody has seen", "", "Verification failed: QE ISVSVN 3 is below minimum"])
def test_a_refusal_in_new_words_still_fails(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    def refuse(*_: object) -> None:
        raise ValueError(word)

    monkeypatch.setattr(dcap_qvl, "verify", refuse)
    found = judged(WORLD.collateral(), require="debug = true\nmigration = true")
    assert found.verdict is Verdict.CONTRAINDICATED and found.code == ("tcb-no-matching-level" if "ISVSVN" in word else "tcb-refused")


def test_an_unknown_status_is_never_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    class Told:
        status, advisory_ids = "SomethingNew", ()

    monkeypatch.setattr(dcap_qvl, "verify", lambda *_: Told)
    assert judged(WORLD.collateral()).code == "tcb-status"


def test_where_intel_has_it() -> None:
    found = addresses("tdx", "00a06f050000", "Intel SGX PCK Platform CA")
    assert found["tcb_info"].endswith("/tdx/certification/v4/tcb?fmspc=00A06F050000") and "ca=platform" in found["pck_crl"]
    assert "ca=processor" in addresses("sgx", "00a06f050000", "Intel SGX PCK Processor CA")["pck_crl"]


@given(st.data())
def test_mutated_real_collateral_is_refused_or_says_the_same(shared: Path, data: st.DataObject) -> None:
    case = real(shared, "tdx-v5")
    told = json.loads(case.companions.dcap or b"")
    name = data.draw(st.sampled_from(sorted(told)))
    at = data.draw(st.integers(0, len(told[name]) - 1))
    letter = data.draw(st.characters(codec="utf-8"))
    changed = json.dumps(told | {name: told[name][:at] + letter + told[name][at + 1 :]}).encode()
    found = case.beside(dcap=changed).judged()
    if found.verdict is not Verdict.CONTRAINDICATED:  # hex in the other case, or a line end inside PEM
        assert found.claims == case.judged().claims
        assert name not in ("tcb_info", "qe_identity") or told[name][at] == letter


@pytest.mark.parametrize("member", ["root_ca_crl", "pck_crl"])
@pytest.mark.filterwarnings("error")
def test_no_changed_bit_of_a_real_revocation_list_is_accepted(shared: Path, member: str) -> None:
    case = real(shared, "tdx-v5")
    told = json.loads(case.companions.dcap or b"")
    listed = bytes.fromhex(told[member])
    for place in range(0, 8 * len(listed), 13 if member == "root_ca_crl" else 151):
        changed = bytearray(listed)
        changed[place // 8] ^= 1 << place % 8
        found = case.beside(dcap=json.dumps(told | {member: changed.hex()}).encode()).judged()
        assert found.verdict is Verdict.CONTRAINDICATED, f"bit {place} may change"


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(Refused, match="malformed"):
        read_collateral(raw)
