"""TDX: attributes, migration, registers and the firmware's log, in quotes that are signed as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.enclave.evidence.intel_world import DEBUG, MIGRATABLE, NOW, SEPT_VE_DISABLE, IntelWorld, td_body
from tests.enclave.evidence.logs import write_log
from tests.enclave.evidence.real import real

from velatura.enclave.appraisal import Appraisal, Examination, Outcome, Verdict
from velatura.enclave.companions import Companions
from velatura.enclave.evidence.eventlog import read_log
from velatura.enclave.evidence.tdx import examine_quote
from velatura.enclave.policy import parse_policy
from velatura.enclave.verify import verify

WORLD = IntelWorld()
ASKED = 'version = 1\nformat = "tdx"\n[reference]\n'
ANY = "any_measurement = true"


@pytest.fixture(autouse=True)
def trusted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "shared" not in request.fixturenames:
        WORLD.trust(monkeypatch)


def judged(body: bytes, reference: str = ANY, require: str = "", *, version: int = 4, eventlog: bytes | None = None) -> Appraisal:
    policy = parse_policy(f"{ASKED}{reference}\n[require]\n{require}")
    return verify(WORLD.quote("tdx", version, body=body), policy, Companions(dcap=WORLD.collateral(), eventlog=eventlog), now=NOW)


ATTRIBUTES = {
    "debugging": (SEPT_VE_DISABLE | DEBUG, "debug-enabled"),
    "profiling, which looks inside too": (SEPT_VE_DISABLE | 1 << 5, "debug-enabled"),
    "exceptions of the host": (0, "td-attributes"),
    "a reserved bit": (SEPT_VE_DISABLE | 1 << 40, "td-attributes"),
    "a guest that may be moved": (SEPT_VE_DISABLE | MIGRATABLE, "migration"),
}


@pytest.mark.parametrize(("attributes", "code"), ATTRIBUTES.values(), ids=ATTRIBUTES)
def test_attributes_that_let_others_in_are_refused(attributes: int, code: str) -> None:
    found = judged(td_body(attributes=attributes))
    assert (found.verdict, found.code) == (Verdict.CONTRAINDICATED, code)


def test_attributes_are_told_by_name() -> None:
    found = judged(td_body(attributes=SEPT_VE_DISABLE | 1 << 63))
    assert (found.verdict, found.claims["td_attributes"]) == (Verdict.AFFIRMING, ["sept_ve_disable", "perfmon"])


def test_a_service_td_can_read_the_guest() -> None:
    assert judged(td_body(service=bytes(48)), version=5).verdict is Verdict.AFFIRMING
    found = judged(td_body(service=bytes(47) + b"\1"), version=5)
    assert (found.verdict, found.code) == (Verdict.CONTRAINDICATED, "service-td")


def test_each_register_can_be_a_reference_value() -> None:
    body = td_body(rtmrs=[bytes([index]) * 48 for index in range(4)])
    values = {"mrtd": "33" * 48, "rtmr0": "00" * 48, "rtmr1": "01" * 48, "rtmr3": "03" * 48}
    assert judged(body, "\n".join(f'{name} = ["{value}"]' for name, value in values.items())).verdict is Verdict.AFFIRMING
    for name in values:
        found = judged(body, "\n".join(f'{one} = ["{"ee" * 48 if one == name else value}"]' for one, value in values.items()))
        assert (found.code, found.decisive.name) == ("measurement-mismatch", f"measurement:{name}")  # type: ignore[union-attr]


def test_a_bare_quote_tells_its_report_and_leaves_reference_and_nonce_to_its_carrier() -> None:
    examination = Examination()
    policy = parse_policy(f'{ASKED}mrtd = ["{"ee" * 48}"]\n[require]\nnonce = "01"')
    report = examine_quote(examination, WORLD.quote(body=td_body(data=b"\7" * 64)), policy, Companions(dcap=WORLD.collateral()), NOW)
    assert report.report_data == b"\7" * 64 and report.measurements["mrtd"] == b"\x33" * 48
    assert {check.outcome for check in examination.checks} == {Outcome.PASSED} and examination.claims["mrtd"] == "33" * 48


LOG = [
    (1, 0x8000000B, b"TdxTable"),
    (1, 0x80000001, b"SecureBoot"),
    (1, 0x04, bytes(4)),
    (1, 0x0A, b"ACPI DATA"),
    (2, 0x04, bytes(4)),
    (2, 0x80000007, b"Exit Boot Services"),
    (3, 0x0D, b"kernel"),
]


def registers(log: list[tuple[int, int, bytes]], *, third: bytes = bytes(48)) -> list[bytes]:
    found = read_log(write_log([event for event in log if event[1] != 3], "sha384")).replay("sha384", after={}).registers
    return [*(found.get(index, bytes(48)) for index in (1, 2, 3)), found.get(4, third)]


def test_a_log_that_replays_is_told_event_by_event() -> None:
    found = judged(td_body(rtmrs=registers(LOG)), eventlog=write_log(LOG, "sha384"))
    assert found.verdict is Verdict.AFFIRMING
    assert [event["register"] for event in found.claims["eventlog"]] == [register for register, _, _ in LOG]


@pytest.mark.parametrize("missing", range(len(LOG)))
def test_a_hidden_event_is_refused(missing: int) -> None:
    found = judged(td_body(rtmrs=registers(LOG)), eventlog=write_log(LOG[:missing] + LOG[missing + 1 :], "sha384"))
    assert (found.verdict, found.code) == (Verdict.CONTRAINDICATED, "eventlog")


def test_events_in_another_order_are_refused() -> None:
    found = judged(td_body(rtmrs=registers(LOG)), eventlog=write_log([LOG[1], LOG[0], *LOG[2:]], "sha384"))
    assert (found.verdict, found.code) == (Verdict.CONTRAINDICATED, "eventlog")


FORGED = {
    "secure boot's variable after the separator": [*LOG, (1, 0x80000001, b"SecureBoot")],
    "two separators": [*LOG, (2, 0x04, bytes(4))],
    "an event of MRTD": [*LOG, (0, 0x0D, b"firmware")],
    "an event of a fifth register": [*LOG, (5, 0x0D, b"more")],
}


@pytest.mark.parametrize("log", FORGED.values(), ids=FORGED)
def test_forged_logs_are_refused_though_they_replay(log: list[tuple[int, int, bytes]]) -> None:
    found = judged(td_body(rtmrs=registers(log)), eventlog=write_log(log, "sha384"))
    assert found.verdict is Verdict.CONTRAINDICATED and found.code in ("eventlog", "malformed")


def test_a_log_without_sha384_is_refused() -> None:
    found = judged(td_body(rtmrs=registers(LOG)), eventlog=write_log(LOG, "sha256"))
    assert (found.verdict, found.code) == (Verdict.CONTRAINDICATED, "eventlog")


def test_what_programs_extend_after_the_firmware_is_a_warning_in_rtmr3_alone() -> None:
    found = judged(td_body(rtmrs=registers(LOG, third=b"\x09" * 48)), eventlog=write_log(LOG, "sha384"))
    assert (found.verdict, found.code) == (Verdict.WARNING, "eventlog")
    own = [*LOG, (4, 0x0D, b"program")]
    assert judged(td_body(rtmrs=registers(own)), eventlog=write_log(own, "sha384")).verdict is Verdict.AFFIRMING
    found = judged(td_body(rtmrs=[*registers(own)[:3], b"\x09" * 48]), eventlog=write_log(own, "sha384"))
    assert (found.verdict, found.code) == (Verdict.CONTRAINDICATED, "eventlog")


def test_another_machines_log_is_refused(shared: Path) -> None:
    log = real(shared, "ccel-cos113").companions.eventlog
    assert real(shared, "ccel-cos113").judged().verdict is Verdict.WARNING
    found = real(shared, "tdx-v4").beside(eventlog=log).judged()
    assert (found.verdict, found.code) == (Verdict.CONTRAINDICATED, "eventlog")


@given(st.data())
def test_mutated_real_logs_replay_to_the_same_or_are_refused(shared: Path, data: st.DataObject) -> None:
    case = real(shared, "ccel-cos113")
    log = bytearray(case.companions.eventlog or b"")
    at = data.draw(st.integers(0, 20_000) | st.integers(0, len(log) - 1))
    log[at] = data.draw(st.integers(0, 255))
    found = case.beside(eventlog=bytes(log)).judged()
    if found.verdict is not Verdict.CONTRAINDICATED:  # a hint was changed: no digest was
        digests = [[(event["register"], event["digest"]) for event in one.claims["eventlog"]] for one in (found, case.judged())]
        assert digests[0] == digests[1]
