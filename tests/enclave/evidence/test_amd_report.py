"""SEV-SNP reports as bytes: where each field stands, and what is no report."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.enclave.evidence.amd_world import AmdWorld

from velatura.enclave.appraisal import Refused
from velatura.enclave.evidence.amd_product import GENOA, MILAN, TURIN, product_of_cpu
from velatura.enclave.evidence.amd_report import read_report
from velatura.enclave.evidence.snp import leaf_addresses
from velatura.errors import BadInput

REPORTS = {
    "snp-v2-milan-vcek": ("Milan", 2, {"bl": 3, "tee": 0, "snp": 8, "ucode": 115}),
    "snp-v2-milan-debug": ("Milan", 2, {"bl": 2, "tee": 0, "snp": 5, "ucode": 68}),
    "snp-v3-milan-vlek": ("Milan", 3, {"bl": 4, "tee": 0, "snp": 24, "ucode": 217}),
    "snp-v3-genoa-vcek": ("Genoa", 3, {"bl": 10, "tee": 0, "snp": 23, "ucode": 84}),
    "snp-v5-genoa-vcek": ("Genoa", 5, {"bl": 10, "tee": 0, "snp": 25, "ucode": 84}),
    "snp-v5-turin-vcek": ("Turin", 5, {"fmc": 1, "bl": 1, "tee": 1, "snp": 4, "ucode": 81}),
}


def raw_report(shared: Path, name: str) -> bytes:
    return (shared / f"data/enclave-evidence/snp/{name}.report.bin").read_bytes()


@pytest.mark.parametrize("name", REPORTS)
def test_the_layout_follows_the_product(shared: Path, name: str) -> None:
    product, version, tcb = REPORTS[name]
    report = read_report(raw_report(shared, name))
    assert product in [one.name for one in report.products]
    assert (report.version, report.tcb("reported")) == (version, tcb)


def test_two_versions_of_the_report_have_one_layout_on_genoa() -> None:
    world = AmdWorld("Genoa")
    assert read_report(world.report(version=3)).tcb("reported") == read_report(world.report(version=5)).tcb("reported") == world.tcb


def test_fields_stand_where_the_table_has_them() -> None:
    world = AmdWorld("Turin")
    raw = world.unsigned(policy=0x170000 | 1 << 8 | 55, vmpl=2, info=1)
    raw[0xC0:0xE0], raw[0x10:0x20], raw[0x20:0x30] = b"\1" * 32, b"\2" * 16, b"\3" * 16
    raw[0x140:0x160], raw[0x160:0x180], raw[0x40:0x48] = b"\4" * 32, b"\5" * 32, b"\x25" + bytes(7)
    raw[0xE0:0x110], raw[0x110:0x140], raw[4:8] = b"\6" * 48, b"\7" * 48, b"\x09\0\0\0"
    raw[0x1E8:0x1EB], raw[0x1EC:0x1EF] = bytes((65, 55, 1)), bytes((64, 54, 1))
    raw[0x1F8:0x208] = b"\x3f" + bytes(7) + b"\x1f" + bytes(7)
    claims = read_report(world.signed(raw)).claims(TURIN)
    assert claims["host_data"] == "01" * 32
    assert (claims["family_id"], claims["image_id"]) == ("02" * 16, "03" * 16)
    assert (claims["report_id"], claims["report_id_ma"]) == ("04" * 32, "05" * 32)
    assert (claims["id_key_digest"], claims["author_key_digest"], claims["author_key"]) == ("06" * 48, "07" * 48, True)
    assert (claims["vmpl"], claims["guest_svn"]) == (2, 9)
    assert (claims["firmware"], claims["firmware_committed"]) == ("1.55.65", "1.54.64")
    assert (claims["launch_mit_vector"][:2], claims["current_mit_vector"][:2]) == ("3f", "1f")
    assert [name for name, on in claims["guest"].items() if on is True] == ["smt", "migration", "single_socket"]
    assert claims["guest"]["abi"] == "1.55"
    assert [name for name, on in claims["platform"].items() if on is True] == ["smt", "ecc", "alias_check_complete"]
    assert claims["chip_id"] == world.hwid.hex()
    assert (claims["measurement"], claims["report_data"]) == ("a5" * 48, "5a" * 64)


RESERVED = {
    "key information": (0x4C, 0x50),
    "after the processor": (0x18B, 0x1A0),
    "current build": (0x1EB, 0x1EC),
    "committed build": (0x1EF, 0x1F0),
    "before the signature": (0x208, 0x2A0),
    "above r": (0x2D0, 0x2E8),
    "above s": (0x318, 0x330),
    "after the signature": (0x330, 0x4A0),
}


@pytest.mark.parametrize("name", RESERVED)
def test_reserved_bytes_are_zero(name: str) -> None:
    whole = AmdWorld("Genoa").report(version=5)
    assert read_report(whole)
    start, end = RESERVED[name]
    for at in range(start, end):
        raw = bytearray(whole)
        raw[at] = 1
        with pytest.raises(Refused, match="malformed"):
            read_report(bytes(raw))


@pytest.mark.parametrize(
    ("version", "at"), [(2, 0x188), (2, 0x18A), (2, 0x1F8), (2, 0x207), (3, 0x1F8), (3, 0x207), (3, 0x3A), (3, 0x182), (3, 0x1E5), (3, 0x1F2)]
)
def test_what_a_version_or_a_layout_leaves_out_is_reserved_there(version: int, at: int) -> None:
    raw = AmdWorld("Milan").unsigned(version=version)
    assert read_report(bytes(raw))
    raw[at] = 1
    with pytest.raises(Refused, match="malformed"):
        read_report(bytes(raw))


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"policy": 0x10000}, "malformed"),  # bit 17 must be one
        ({"policy": 0x30000 | 1 << 26}, "malformed"),
        ({"policy": 0x30000 | 1 << 63}, "malformed"),
        ({"vmpl": 4}, "malformed"),
        ({"info": 1 << 5}, "malformed"),
        ({"info": 7 << 2}, "signature"),  # no key signed it
        ({"info": 2 << 2}, "signature"),
    ],
)
def test_what_cannot_be_is_refused(said: dict[str, int], code: str) -> None:
    with pytest.raises(Refused) as refused:
        read_report(bytes(AmdWorld().unsigned(**said)))  # type: ignore[arg-type]
    assert refused.value.check.code == code


@pytest.mark.parametrize("algorithm", [0, 2, 0xFFFFFFFF])
def test_another_signature_algorithm_is_refused(algorithm: int) -> None:
    raw = AmdWorld().unsigned()
    raw[0x34:0x38] = algorithm.to_bytes(4, "little")
    with pytest.raises(Refused, match="algorithm"):
        read_report(bytes(raw))


@pytest.mark.parametrize("processor", [b"\0\0\0", b"\x17\x31\0", b"\x19\x21\x01", b"\x1a\x50\0", b"\xff\xff\xff"])
def test_a_processor_that_is_not_known_is_refused(processor: bytes) -> None:
    raw = AmdWorld().unsigned(version=3)
    raw[0x188:0x18B] = processor
    with pytest.raises(Refused, match="known"):
        read_report(bytes(raw))


def test_processors_by_family_and_model() -> None:
    known = [(0x19, 0x01, MILAN), (0x19, 0x11, GENOA), (0x19, 0xA0, GENOA), (0x1A, 0x02, TURIN), (0x1A, 0x11, TURIN)]
    assert [product_of_cpu(family, model) for family, model, _ in known] == [product for *_, product in known]


@pytest.mark.parametrize("raw", [b"", b"\3", b"\3\0\0\0", bytes(0x4A0), b"\4" + bytes(0x49F), b"\6" + bytes(0x49F), b"\x84" + bytes(0x500)])
def test_what_is_no_report_at_all_is_bad_input(raw: bytes) -> None:
    with pytest.raises(BadInput, match=r"enclave\.evidence"):
        read_report(raw)


def test_a_report_cut_at_any_byte_is_bad_input() -> None:
    whole = AmdWorld().report()
    for end in range(len(whole)):
        with pytest.raises(BadInput):
            read_report(whole[:end])


def test_zeros_may_follow_and_nothing_else() -> None:
    whole = AmdWorld().report()
    assert read_report(whole + bytes(2816)) == read_report(whole)
    for tail in (b"\1", bytes(9) + b"\1", b"\n"):
        with pytest.raises(Refused, match="follow"):
            read_report(whole + tail)


def test_the_leafs_address_names_chip_and_reported_version() -> None:
    turin = AmdWorld("Turin")
    (address,) = leaf_addresses(read_report(turin.report()))
    assert address.endswith(f"/vcek/v1/Turin/{turin.hwid.hex()}?fmcSPL=1&blSPL=4&teeSPL=0&snpSPL=24&ucodeSPL=219")
    assert [address.split("/")[5] for address in leaf_addresses(read_report(AmdWorld().report(version=2)))] == ["Milan", "Genoa"]
    assert leaf_addresses(read_report(AmdWorld().report(chip_id=b""))) == []
    assert leaf_addresses(read_report(AmdWorld(kind="vlek").report())) == []
