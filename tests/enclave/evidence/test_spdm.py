"""SPDM reports: what breaks a rule of the format is refused, signed or not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.enclave.evidence.vendors import Authority, Gpu

from velatura.enclave.appraisal import Refused
from velatura.enclave.evidence.spdm import read_measurement_report
from velatura.errors import BadInput

GPU = Gpu(Authority("root"))
NONCE = bytes(range(32))
HONEST = GPU.report(NONCE)


def test_fields_are_where_the_format_has_them() -> None:
    report = read_measurement_report(HONEST + b"\0\0")
    assert (report.nonce, report.slot, report.padding) == (NONCE, 0, 2)
    assert report.measurements == {1: b"\1" * 48, 2: b"\2" * 48} and report.opaque[20] == GPU.firmware
    assert report.signed + report.signature == HONEST


def test_the_digest_is_of_the_measurements_alone() -> None:
    one, other = (read_measurement_report(GPU.report(nonce)) for nonce in (NONCE, bytes(32)))
    changed = read_measurement_report(GPU.report(NONCE, measurements={1: b"\1" * 48, 2: b"\3" * 48}))
    assert one.digest == other.digest != changed.digest


@pytest.mark.parametrize("count", [*range(0, 60, 7), 100, len(HONEST) - 97, len(HONEST) - 1])
def test_a_report_that_is_cut_short_is_no_report(count: int) -> None:
    with pytest.raises(BadInput):
        read_measurement_report(HONEST[:count])


@pytest.mark.parametrize(
    "report",
    [
        HONEST + b"\0x",
        GPU.report(NONCE, slot=8),
        GPU.report(NONCE, answer=bytes.fromhex("11610000")),
        GPU.report(NONCE, answer=bytes.fromhex("10600000")),
        GPU.report(NONCE, answer=bytes.fromhex("11600100")),
        GPU.report(NONCE, answer=bytes.fromhex("11600001")),
        GPU.report(NONCE, measurements={0: b"\1" * 48}),
        GPU.report(NONCE, opaque=[(3, b"590"), (3, b"535")]),
        HONEST.replace(b"\x02\x01\x33\x00\x01\x30\x00", b"\x01\x01\x33\x00\x01\x30\x00"),
        HONEST.replace(b"\x02\x01\x33\x00\x01\x30\x00", b"\x02\x00\x33\x00\x01\x30\x00"),
        HONEST.replace(b"\x02\x01\x33\x00\x01\x30\x00", b"\x02\x01\x33\x00\x01\x2f\x00"),
        HONEST[:41] + b"\x01" + HONEST[42:],
        HONEST + bytes(64 << 10),
    ],
    ids=["tail", "slot", "answer", "version", "p1", "p2", "index-0", "field-twice", "index-twice", "specification", "value-size", "count", "size"],
)
def test_what_breaks_a_rule_is_malformed(report: bytes) -> None:
    with pytest.raises(Refused) as told:
        read_measurement_report(report)
    assert told.value.check.code == "malformed"


@pytest.mark.parametrize("request_", ["11e101ff", "10e001ff", "12e001ff", "11e000ff", "11e00101"])
def test_only_a_signed_request_for_all_measurements_is_taken(request_: str) -> None:
    with pytest.raises(BadInput, match="11e001ff"):
        read_measurement_report(GPU.report(NONCE, request=bytes.fromhex(request_)))


@given(st.data())
def test_any_bytes_are_a_report_or_are_refused(data: st.DataObject) -> None:
    raw = bytearray(HONEST)
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    for changed in (bytes(raw), bytes(raw[:cut]), bytes(raw[:cut] + raw[cut // 2 :])):
        try:
            report = read_measurement_report(changed)
        except (Refused, BadInput):
            continue
        assert report.signed + report.signature + bytes(report.padding) == changed
