"""Event logs: real ones replay to what was quoted, and what a forger may do to one is refused."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.enclave.evidence.logs import header, record, write_log

from velatura.enclave.appraisal import Refused
from velatura.enclave.evidence.eventlog import read_log, replay

ZEROS = bytes(4)
SEPARATOR, DRIVER_CONFIG, AUTHORITY, IPL, NO_ACTION = 0x04, 0x80000001, 0x800000E0, 0x0D, 0x03


def sha256(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()


def test_a_real_log_replays_to_the_quoted_registers_in_each_bank(shared: Path) -> None:
    told = json.loads((shared / "data/enclave-evidence/tpm/tpm-gce-nonce.json").read_text())
    log = read_log(base64.b64decode(told["eventlog"]))
    assert log.banks == ("sha1", "sha256", "sha384")
    for quote in told["quotes"]:
        registers = log.replay(quote["bank"]).registers
        assert registers and {str(index): value.hex() for index, value in registers.items()}.items() <= quote["pcrs"].items()


@pytest.mark.parametrize("name", ["eventlog-ubuntu-2404-amd-sevsnp", "eventlog-cos-101-amd-sev"])
def test_other_real_logs_are_read_to_their_end(shared: Path, name: str) -> None:
    replayed = replay((shared / f"data/enclave-evidence/tpm/{name}.bin").read_bytes(), "sha256")
    assert set(range(8)) <= set(replayed.registers)
    claims = replayed.claims()
    assert {"register": 0, "type": "EV_SEPARATOR", "digest": sha256(ZEROS).hex(), "digest_of_data": True} in claims
    assert any(claim["type"] == "EV_EFI_BOOT_SERVICES_APPLICATION" and not claim["digest_of_data"] for claim in claims)


@pytest.mark.parametrize("name", ["eventlog-sha1-debian10", "eventlog-short-no-action"])
def test_logs_of_tcg_1_2_are_refused_by_name(shared: Path, name: str) -> None:
    with pytest.raises(Refused, match=r"TCG 1\.2") as told:
        replay((shared / f"data/enclave-evidence/tpm/{name}.bin").read_bytes(), "sha1")
    assert told.value.check.code == "eventlog" and "crypto-agile" in told.value.check.hint


def test_extending_is_the_hash_of_value_and_digest() -> None:
    registers = replay(write_log([(8, IPL, b"a"), (8, IPL, b"b")], "sha256"), "sha256").registers
    assert registers == {8: sha256(sha256(bytes(32) + sha256(b"a")) + sha256(b"b"))}


def test_what_is_marked_as_no_action_extends_nothing() -> None:
    assert (
        replay(write_log([(8, NO_ACTION, b"hint"), (8, IPL, b"a")], "sha384"), "sha384").registers
        == replay(write_log([(8, IPL, b"a")], "sha384"), "sha384").registers
    )


@pytest.mark.parametrize("locality", [0, 3, 4])
def test_register_0_starts_at_the_locality_of_startup(locality: int) -> None:
    log = write_log([(0, NO_ACTION, b"StartupLocality\0" + bytes([locality])), (0, 0x08, b"v1")], "sha256")
    assert replay(log, "sha256").registers == {0: sha256(bytes(31) + bytes([locality]) + sha256(b"v1"))}


STARTUP = (0, NO_ACTION, b"StartupLocality\0\3")
FORGED = {
    "startup locality after an extension": [(0, 0x08, b"v1"), STARTUP],
    "startup locality twice": [STARTUP, STARTUP],
    "startup locality that is none": [(0, NO_ACTION, b"StartupLocality\0\7")],
    "two separators": [(4, SEPARATOR, ZEROS), (4, SEPARATOR, ZEROS)],
    "two separators, one of the old kind": [(4, SEPARATOR, ZEROS), (4, SEPARATOR, b"\xff" * 4)],
    "secure boot's variable after the separator": [(7, SEPARATOR, ZEROS), (7, DRIVER_CONFIG, b"SecureBoot 1")],
    "firmware after the separator": [(0, SEPARATOR, ZEROS), (0, 0x08, b"v1")],
    "the separator of firmware that failed": [(7, SEPARATOR, b"\1\0\0\0")],
    "a separator of other data": [(7, SEPARATOR, b"zero")],
    "a separator under another type": [(7, SEPARATOR, ZEROS), (7, AUTHORITY, ZEROS)],
}


@pytest.mark.parametrize("events", FORGED.values(), ids=FORGED)
def test_forged_orders_are_refused(events: list[tuple[int, int, bytes]]) -> None:
    with pytest.raises(Refused) as told:
        replay(write_log(events, "sha256"), "sha256")
    assert told.value.check.code == "eventlog"


def test_what_real_firmware_does_after_a_separator_passes() -> None:
    events = [(pcr, SEPARATOR, ZEROS) for pcr in range(8)] + [
        (7, AUTHORITY, b"db"),
        (4, 0x80000003, b"pe"),
        (5, 0x80000007, b"Exit"),
        (8, IPL, ZEROS),
    ]
    assert len(replay(write_log(events, "sha256"), "sha256").registers) == 9


def test_a_bank_that_the_log_does_not_carry_is_named() -> None:
    with pytest.raises(Refused, match="sha256, not of sha384"):
        replay(write_log([(8, IPL, b"a")], "sha256"), "sha384")


def test_an_event_without_the_banks_digest_is_refused() -> None:
    raw = header("sha1", "sha256") + record(8, IPL, b"a", ["sha1"])
    assert replay(raw, "sha1").registers
    with pytest.raises(Refused, match="no digest of sha256"):
        replay(raw, "sha256")


@pytest.mark.parametrize("padding", [b"", bytes(4096), b"\xff" * 4096, bytes(1)])
def test_an_area_may_be_filled_with_one_byte(padding: bytes) -> None:
    assert replay(write_log([(8, IPL, b"a\0\0")], "sha256") + padding, "sha256") == replay(write_log([(8, IPL, b"a\0\0")], "sha256"), "sha256")


WHOLE = write_log([(8, IPL, b"some data"), (9, IPL, b"a path")], "sha1", "sha256")
BROKEN = {
    "empty": b"",
    "cut in the header": WHOLE[:40],
    "cut in a digest": WHOLE[:100],
    "cut in the last data": WHOLE[:-1],
    "padding with a byte in it": WHOLE + bytes(100) + b"\1",
    "ones with a byte in it": WHOLE + b"\xff" * 100 + b"\1",
    "4 GiB of data": WHOLE + struct.pack("<III", 8, IPL, 0) + b"\xff\xff\xff\x7f",
    "4 billion digests": WHOLE + struct.pack("<III", 8, IPL, 2**32 - 1),
    "a digest twice": header("sha1", "sha256") + record(8, IPL, b"a", ["sha1", "sha1"]),
    "a digest of no listed algorithm": header("sha256") + record(8, IPL, b"a", ["sha1"]),
    "a register that there is not": header("sha256") + record(24, IPL, b"a", ["sha256"]),
    "sha256 of 20 bytes": header("sha256").replace(struct.pack("<HH", 0x0B, 32), struct.pack("<HH", 0x0B, 20)),
    "an algorithm twice": header("sha256", "sha256"),
    "no algorithm": header(),
    "a vendor's byte that is not there": header("sha256")[:-1] + b"\1",
    "too large": WHOLE + bytes(4 << 20),
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN)
def test_logs_that_are_not_whole_are_refused(raw: bytes) -> None:
    with pytest.raises(Refused) as told:
        replay(raw, "sha256")
    assert told.value.check.code == "malformed"


def test_more_events_than_a_boot_makes_are_refused() -> None:
    with pytest.raises(Refused, match="more than 20000 events"):
        read_log(header("sha256") + record(8, IPL, b"", ["sha256"]) * 20_001)


@given(st.lists(st.tuples(st.integers(8, 23), st.sampled_from([IPL, 0x05, 0x06]), st.binary(min_size=1, max_size=40)), max_size=12))
def test_what_is_written_is_read(events: list[tuple[int, int, bytes]]) -> None:
    log = read_log(write_log(events, "sha256", "sha512"))
    assert [(event.register, event.kind, event.data) for event in log.events] == events
    assert all(event.tells_its_digest("sha512") for event in log.events)


@given(st.data())
def test_a_changed_digest_changes_its_register(data: st.DataObject) -> None:
    events = [(8, IPL, bytes([number])) for number in range(6)]
    whole = write_log(events, "sha256")
    number = data.draw(st.integers(0, 5))
    at = len(header("sha256")) + number * len(record(*events[0], ["sha256"])) + 14 + data.draw(st.integers(0, 31))
    forged = bytearray(whole)
    forged[at] ^= 1 << data.draw(st.integers(0, 7))
    assert replay(bytes(forged), "sha256").registers != replay(whole, "sha256").registers


@given(st.data())
def test_mutated_logs_are_read_or_refused_and_nothing_else(shared: Path, data: st.DataObject) -> None:
    raw = bytearray((shared / "data/enclave-evidence/tpm/eventlog-cos-101-amd-sev.bin").read_bytes()[: data.draw(st.sampled_from([2000, 9000]))])
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        replay(bytes(raw[: data.draw(st.integers(0, len(raw)))]), "sha256").claims()
    except Refused as told:
        assert told.check.code in ("malformed", "eventlog")
