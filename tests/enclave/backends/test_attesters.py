"""Hardware's interfaces, as the kernel's documents lay them out, played by a kernel in memory. None was tried on hardware."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.enclave.backends.attesters.certificate_table import companions_in
from velatura.enclave.backends.attesters.configfs_tsm import ConfigfsTsm
from velatura.enclave.backends.attesters.gramine import Gramine
from velatura.enclave.backends.attesters.nsm import Nsm
from velatura.enclave.backends.attesters.sev_guest import SevGuest
from velatura.enclave.backends.choice import BACKENDS, backend
from velatura.enclave.evidence.cbor import decode, encode
from velatura.errors import BadInput, BadSpec, Missing

DATA = bytes(range(64))
NONCE, KEY = b"n" * 32, b"k" * 32
GUIDS = {
    "vcek": "63da758d-e664-4564-adc5-f4b93be8accd",
    "vlek": "a8074bc2-a25a-483e-aae6-39c045a0b8a1",
    "ask": "4ab7b379-bbac-4fe4-a02f-05aef327c782",
    "ark": "c0b406a4-a803-4952-9743-3fb6014cd0ae",
}


def table(**certificates: bytes) -> bytes:
    """AMD's table of certificates."""
    at, rows, bodies = 24 * (len(certificates) + 1), b"", b""
    for kind, raw in certificates.items():
        rows += struct.pack("<16sII", UUID(GUIDS[kind]).bytes, at + len(bodies), len(raw))
        bodies += raw
    return rows + bytes(24) + bodies


@dataclass
class KernelEntry:
    """An entry of configfs-tsm: `outblob` is made from what was written last; `racers` others write in between."""

    provider: str = "sev_guest"
    auxblob: bytes | None = b""
    racers: int = 0
    generation: int = 0
    inblob: bytes = b""
    removed: bool = False
    log: list[str] = field(default_factory=list)

    def read(self, name: str) -> bytes:
        self.log.append(name)
        if name == "outblob":
            if self.racers:
                self.racers -= 1
                self.write("inblob", bytes(64))
            return b"report of " + self.inblob
        if name == "auxblob":
            if self.auxblob is None:
                raise FileNotFoundError(2, "No such file or directory")
            return self.auxblob
        return f"{getattr(self, name)}\n".encode()

    def write(self, name: str, value: bytes) -> None:
        assert (name, len(value)) == ("inblob", 64)
        self.inblob, self.generation = value, self.generation + 1

    def remove(self) -> None:
        self.removed = True


def tsm(folder: Path, entry: KernelEntry) -> ConfigfsTsm:
    return ConfigfsTsm(folder, lambda path: entry)


def test_configfs_writes_64_bytes_and_reads_the_report_and_its_certificates(tmp_path: Path) -> None:
    entry = KernelEntry(auxblob=table(vcek=b"leaf", ask=b"above", ark=b"root"))
    found = tsm(tmp_path, entry).quote(DATA, NONCE, KEY)
    assert (found.evidence, found.format, found.companions["leaf"]) == (b"report of " + DATA, "sev-snp", b"leaf")
    assert found.companions["chain"].count(b"BEGIN CERTIFICATE") == 2
    assert entry.removed


def test_configfs_knows_tdx_which_has_no_certificates(tmp_path: Path) -> None:
    found = tsm(tmp_path, KernelEntry("tdx_guest", auxblob=None)).quote(DATA, NONCE, KEY)
    assert (found.format, found.companions) == ("tdx", {})


def test_a_report_that_somebody_else_wrote_for_is_asked_for_again_and_not_for_ever(tmp_path: Path) -> None:
    entry = KernelEntry(racers=1)
    assert tsm(tmp_path, entry).quote(DATA, NONCE, KEY).evidence == b"report of " + DATA
    with pytest.raises(Missing, match="somebody else wrote"):
        tsm(tmp_path, KernelEntry(racers=99)).quote(DATA, NONCE, KEY)


def test_an_unknown_provider_is_refused_and_the_entry_removed(tmp_path: Path) -> None:
    entry = KernelEntry("arm_cca_guest")
    assert "arm_cca_guest" in tsm(tmp_path, entry).lacking()
    with pytest.raises(Missing):
        tsm(tmp_path, entry).quote(DATA, NONCE, KEY)
    assert entry.removed


def test_absent_devices_are_said_by_name(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    for attester in (ConfigfsTsm(nothing), SevGuest(nothing), Nsm(nothing), Gramine(nothing)):
        assert attester.lacking().startswith(attester.name + ":")
        with pytest.raises(Missing):
            attester.quote(DATA, NONCE, KEY)


def test_a_certificate_table_without_a_leaf_or_of_zeros_gives_what_is_there() -> None:
    assert companions_in(bytes(4096)) == companions_in(b"") == {}
    assert set(companions_in(table(ask=b"above"))) == {"chain"}
    assert companions_in(table(vcek=b"one", vlek=b"two"))["leaf"] == b"two"


@given(st.binary(max_size=400), st.integers(0, 1 << 32))
def test_any_table_is_read_or_refused(raw: bytes, offset: int) -> None:
    for one in (raw, struct.pack("<16sII", UUID(GUIDS["vcek"]).bytes, offset % (1 << 32), 16) + raw):
        try:
            companions_in(one)
        except BadInput as error:
            assert error.code == "enclave.certificate-table"


def snp_kernel(status: int = 0, size: int = 1184) -> Callable[[Path, int, bytearray], None]:
    """Reads the request through its pointer and writes the answer through the other, as the driver does."""

    def ioctl(device: Path, number: int, argument: bytearray) -> None:
        assert (number, len(argument)) == (0xC0205300, 32)
        version, request, response, _ = struct.unpack("<B7xQQQ", argument)
        data, vmpl, rest = struct.unpack("<64sI28s", ctypes.string_at(request, 96))
        assert (version, vmpl, rest) == (1, 0, bytes(28))
        report = bytes(0x50) + data + bytes(1184 - 0x50 - 64)
        ctypes.memmove(response, struct.pack("<II24x", status, size) + report, 32 + len(report))

    return ioctl


def test_sev_guest_follows_the_layout_of_its_ioctl() -> None:
    found = SevGuest(Path("/dev/null"), snp_kernel()).quote(DATA, NONCE, KEY)
    assert (found.format, len(found.evidence), found.evidence[0x50:0x90]) == ("sev-snp", 1184, DATA)


@pytest.mark.parametrize("kernel", [snp_kernel(status=0x16), snp_kernel(size=0), snp_kernel(size=4000)])
def test_sev_guest_takes_no_answer_that_is_not_a_report(kernel: Callable[[Path, int, bytearray], None]) -> None:
    with pytest.raises(Missing):
        SevGuest(Path("/dev/null"), kernel).quote(DATA, NONCE, KEY)


def nitro_kernel(answer: bytes | None = None) -> Callable[[Path, int, bytearray], None]:
    def ioctl(device: Path, number: int, argument: bytearray) -> None:
        assert (number, len(argument)) == (0xC0200A00, 32)
        at, size, response, room = struct.unpack("<QQQQ", argument)
        asked, _ = decode(ctypes.string_at(at, size))
        assert asked == {"Attestation": {"user_data": DATA, "nonce": NONCE, "public_key": KEY}}
        told = encode({"Attestation": {"document": b"document"}}) if answer is None else answer
        assert len(told) <= room
        ctypes.memmove(response, told, len(told))
        struct.pack_into("<Q", argument, 24, len(told))

    return ioctl


def test_nsm_asks_in_cbor_with_nonce_data_and_key_in_their_places() -> None:
    found = Nsm(Path("/dev/null"), nitro_kernel()).quote(DATA, NONCE, KEY)
    assert (found.format, found.evidence) == ("nitro", b"document")


@pytest.mark.parametrize("answer", [encode({"Error": "InvalidArgument"}), b"", b"\xff", encode({"Attestation": {}}), encode("Attestation")])
def test_nsm_refusals_are_errors(answer: bytes) -> None:
    with pytest.raises(Missing):
        Nsm(Path("/dev/null"), nitro_kernel(answer)).quote(DATA, NONCE, KEY)


def test_gramine_writes_and_reads_its_files(tmp_path: Path) -> None:
    (tmp_path / "attestation_type").write_text("dcap\n")
    (tmp_path / "quote").write_bytes(b"quote")
    gramine = Gramine(tmp_path)
    assert gramine.lacking() == ""
    found = gramine.quote(DATA, NONCE, KEY)
    assert (found.format, found.evidence, (tmp_path / "user_report_data").read_bytes()) == ("sgx", b"quote", DATA)
    (tmp_path / "attestation_type").write_text("none\n")
    assert "dcap" in gramine.lacking().lower()


def test_auto_takes_the_strongest_and_never_simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Place:
        name: str
        absent: tuple[str, ...] = ()

        def lacking(self) -> tuple[str, ...]:
            return self.absent

    places = {"tee": Place("tee", ("tee: no device",)), "process": Place("process"), "simulated": Place("simulated")}
    monkeypatch.setattr("velatura.enclave.backends.choice.BACKENDS", {name: (lambda one=one: one) for name, one in places.items()})
    assert backend("auto").name == "process"
    places["process"] = Place("process", ("landlock: none here",))
    monkeypatch.setattr("velatura.enclave.backends.choice.BACKENDS", {name: (lambda one=one: one) for name, one in places.items()})
    with pytest.raises(Missing, match="landlock"):
        backend("auto")
    assert backend("auto", allow_degraded=frozenset({"landlock"})).name == "process"


def test_an_unknown_backend_is_told_with_the_known_ones() -> None:
    with pytest.raises(BadSpec) as caught:
        backend("proces")
    assert "process" in caught.value.hint
    assert list(BACKENDS)[-1] == "simulated"
