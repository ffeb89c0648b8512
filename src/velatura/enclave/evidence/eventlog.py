"""TCG event logs (crypto-agile, "Spec ID Event03"): what firmware and loaders measured, replayed to the values that registers must hold.

A log is not signed: only its digests count, and only once they replay to registers that are. Types and data are hints, which a forger may
exchange as long as the digests stay; so a separator is known by its digest, and what may follow it in its register is held to a table. Each claim
says whether the digest is that of the data beside it.

    log = read_log(raw)
    registers = log.replay("sha256").registers        # index -> value; those that the log never extends are not in it

Limits: a log of TCG 1.2 (SHA-1 alone) is refused by name; contents of UEFI variables and paths are not read.
Source: TCG PC Client Platform Firmware Profile 1.06, sections 3.3.4 (PCR usage, separators) and 10 (event log).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from velatura.enclave.appraisal import Refused
from velatura.enclave.evidence.fields import Fields
from velatura.errors import BadInput

__all__ = ["AFTER_SEPARATOR", "BANKS", "Event", "EventLog", "Replayed", "read_log", "replay"]

BANKS: Mapping[int, tuple[str, int]] = MappingProxyType(
    {0x04: ("sha1", 20), 0x0B: ("sha256", 32), 0x0C: ("sha384", 48), 0x0D: ("sha512", 64), 0x12: ("sm3_256", 32)}
)
"""TPM_ALG_ID -> its name and the size of its digests."""

MOST_LOG_BYTES, MOST_EVENTS, MOST_BANKS, MOST_CLAIMED = 4 << 20, 20_000, 8, 1_000

NO_ACTION, SEPARATOR = 0x03, 0x04
TYPES: Mapping[int, str] = MappingProxyType(
    {
        0x00: "EV_PREBOOT_CERT",
        0x01: "EV_POST_CODE",
        NO_ACTION: "EV_NO_ACTION",
        SEPARATOR: "EV_SEPARATOR",
        0x05: "EV_ACTION",
        0x06: "EV_EVENT_TAG",
        0x07: "EV_S_CRTM_CONTENTS",
        0x08: "EV_S_CRTM_VERSION",
        0x09: "EV_CPU_MICROCODE",
        0x0A: "EV_PLATFORM_CONFIG_FLAGS",
        0x0B: "EV_TABLE_OF_DEVICES",
        0x0C: "EV_COMPACT_HASH",
        0x0D: "EV_IPL",
        0x0E: "EV_IPL_PARTITION_DATA",
        0x0F: "EV_NONHOST_CODE",
        0x10: "EV_NONHOST_CONFIG",
        0x11: "EV_NONHOST_INFO",
        0x12: "EV_OMIT_BOOT_DEVICE_EVENTS",
        0x8000_0001: "EV_EFI_VARIABLE_DRIVER_CONFIG",
        0x8000_0002: "EV_EFI_VARIABLE_BOOT",
        0x8000_0003: "EV_EFI_BOOT_SERVICES_APPLICATION",
        0x8000_0004: "EV_EFI_BOOT_SERVICES_DRIVER",
        0x8000_0005: "EV_EFI_RUNTIME_SERVICES_DRIVER",
        0x8000_0006: "EV_EFI_GPT_EVENT",
        0x8000_0007: "EV_EFI_ACTION",
        0x8000_0008: "EV_EFI_PLATFORM_FIRMWARE_BLOB",
        0x8000_0009: "EV_EFI_HANDOFF_TABLES",
        0x8000_000A: "EV_EFI_PLATFORM_FIRMWARE_BLOB2",
        0x8000_000B: "EV_EFI_HANDOFF_TABLES2",
        0x8000_000C: "EV_EFI_VARIABLE_BOOT2",
        0x8000_000D: "EV_EFI_GPT_EVENT2",
        0x8000_0010: "EV_EFI_HCRTM_EVENT",
        0x8000_00E0: "EV_EFI_VARIABLE_AUTHORITY",
        0x8000_00E1: "EV_EFI_SPDM_FIRMWARE_BLOB",
        0x8000_00E2: "EV_EFI_SPDM_FIRMWARE_CONFIG",
        0x8000_00E3: "EV_EFI_SPDM_DEVICE_POLICY",
        0x8000_00E4: "EV_EFI_SPDM_DEVICE_AUTHORITY",
    }
)

AFTER_SEPARATOR: Mapping[int, frozenset[int] | None] = MappingProxyType(
    {
        0: frozenset(),
        1: frozenset(),
        2: frozenset({0x8000_0004, 0x8000_0005}),  # a driver from a disk
        3: frozenset(),
        4: None,
        5: None,
        6: None,
        7: frozenset({0x8000_00E0}),  # who vouched for the loader; a Secure Boot variable there is a forger's
    }
)
"""PCR that a separator delimits -> types that may follow it there; None: any. Two separators in one register are refused."""

HEADER = struct.Struct("<II20sI")
EVENT = struct.Struct("<III")
SPEC_ID = b"Spec ID Event03\0"
STARTUP = b"StartupLocality\0"


def refused(told: str, code: str = "eventlog", hint: str = "") -> Refused:
    """The failed check `eventlog`."""
    return Refused("eventlog", code, told, hint=hint)


@dataclass(frozen=True, slots=True)
class Event:
    """One record.

    Attributes:
        register: PCR, or measurement register of a CCEL.
        kind: a number of TYPES, or another.
        digests: by bank: what was extended.
        data: as the log tells it: a hint.
    """

    register: int
    kind: int
    digests: Mapping[str, bytes]
    data: bytes

    @property
    def word(self) -> str:
        return TYPES.get(self.kind, f"0x{self.kind:08x}")

    def tells_its_digest(self, bank: str) -> bool:
        """The digest is that of the data: then nobody can have exchanged them."""
        return self.digests.get(bank) == _hash(bank, self.data)


@dataclass(frozen=True, slots=True)
class Replayed:
    """Registers as a log says that they must be.

    Attributes:
        bank: of the digests.
        registers: index -> value; only those that are extended.
        events: all, in order, those that extend nothing (EV_NO_ACTION) among them.
    """

    bank: str
    registers: dict[int, bytes]
    events: tuple[Event, ...]

    def claims(self) -> list[dict[str, Any]]:
        """Plain JSON: register, type, digest, and whether the digest is that of the data; the first 1,000."""
        extending = [event for event in self.events if event.kind != NO_ACTION]
        return [
            {
                "register": event.register,
                "type": event.word,
                "digest": event.digests[self.bank].hex(),
                "digest_of_data": event.tells_its_digest(self.bank),
            }
            for event in extending[:MOST_CLAIMED]
        ]


@dataclass(frozen=True, slots=True)
class EventLog:
    """A log that was read; nothing of it is proven yet.

    Attributes:
        banks: names of those that its header lists.
        events: in order, without the header.
    """

    banks: tuple[str, ...]
    events: tuple[Event, ...]

    def replay(self, bank: str, *, after: Mapping[int, frozenset[int] | None] = AFTER_SEPARATOR) -> Replayed:
        """Extend every register as the log says.

        Args:
            bank: `sha1`, `sha256`, `sha384` or `sha512`.
            after: register that a separator delimits -> what may follow it.

        Raises:
            Refused: `eventlog`: no such bank; an event without a digest of it; a separator that is doubled, hidden, forged or says that
                firmware failed; an event after a separator that closes its register; a StartupLocality that comes too late, twice, or is none.
        """
        if bank not in self.banks or bank not in hashlib.algorithms_available:
            raise refused(f"the log has digests of {', '.join(self.banks)}, not of {bank}")
        registers: dict[int, bytes] = {}
        size = hashlib.new(bank).digest_size
        start = bytes([_startup_locality(self.events)])
        separators = _Separators(bank, after)
        for number, event in enumerate(self.events):
            if event.kind == NO_ACTION:
                continue
            digest = event.digests.get(bank)
            if digest is None:
                raise refused(f"event {number} ({event.word}) has no digest of {bank}")
            separators.hold(number, event, digest)
            value = registers.get(event.register) or (start if event.register == 0 else b"\0").rjust(size, b"\0")
            registers[event.register] = _hash(bank, value + digest)
        return Replayed(bank, registers, self.events)


def replay(raw: bytes, bank: str) -> Replayed:
    """Read a log and replay one bank. Raises Refused: `malformed`, `eventlog`."""
    return read_log(raw).replay(bank)


def read_log(raw: bytes) -> EventLog:
    """Read a log; zeros, or bytes 255, may follow it up to the end of its memory area, and nothing else.

    Raises:
        Refused: `malformed`: not whole, or impossible counts or sizes; `eventlog`: a log of TCG 1.2.
    """
    if len(raw) > MOST_LOG_BYTES:
        raise refused(f"a log of {len(raw)} bytes; at most {MOST_LOG_BYTES}", "malformed")
    try:
        return _read(raw)
    except BadInput as error:  # cut short
        raise refused(error.sentence, "malformed") from error


def _read(raw: bytes) -> EventLog:
    fields = Fields(raw, "the log", "little")
    _, kind, digest, size = HEADER.unpack(fields.take(HEADER.size))  # of register 0, or 1 in a CCEL
    header = fields.take(size)
    if kind != NO_ACTION or header[:16] != SPEC_ID:
        raise refused(
            "this is a log of TCG 1.2, which knows SHA-1 alone, or no log: its first record is not 'Spec ID Event03'",
            hint="ask the firmware for the crypto-agile log (EFI_TCG2_EVENT_LOG_FORMAT_TCG_2)",
        )
    if any(digest):
        raise refused("the log's first record has a digest", "malformed")
    banks = _banks(header)
    events = tuple(_events(fields, banks, len(raw.rstrip(b"\0"))))
    return EventLog(tuple(name for name, _ in banks.values()), events)


def _banks(header: bytes) -> dict[int, tuple[str, int]]:
    """The table of algorithms: signature 16, platform class 4, versions 3, size of a pointer 1, count 4, entries, vendor's bytes."""
    fields = Fields(header, "the log's header", "little")
    fields.take(24)
    count = fields.number(4)
    if not 1 <= count <= MOST_BANKS:
        raise refused(f"the log's header lists {count} algorithms", "malformed")
    banks: dict[int, tuple[str, int]] = {}
    for _ in range(count):
        algorithm, size = fields.number(2), fields.number(2)
        name, known = BANKS.get(algorithm, (f"0x{algorithm:04x}", size))
        if size != known or not 1 <= size <= 128 or algorithm in banks:
            raise refused(f"the log's header gives {name} {size} bytes, or lists it twice", "malformed")
        banks[algorithm] = (name, size)
    fields.sized(1)
    if fields.left:
        raise refused(f"{fields.left} bytes follow the log's header", "malformed")
    return banks


def _events(fields: Fields, banks: Mapping[int, tuple[str, int]], written: int) -> Iterator[Event]:
    """`written`: where the zeros begin that go on to the end."""
    number = 0
    while fields.at < written and not _all_ones(fields):
        if number == MOST_EVENTS:
            raise refused(f"the log has more than {MOST_EVENTS} events", "malformed")
        register, kind, count = EVENT.unpack(fields.take(EVENT.size))
        if count > len(banks):
            raise refused(f"event {number} has {count} digests; the header lists {len(banks)} algorithms", "malformed")
        if register > 23 and kind != NO_ACTION:
            raise refused(f"event {number} is of register {register}", "malformed")
        digests: dict[str, bytes] = {}
        for _ in range(count):
            algorithm = fields.number(2)
            name, size = banks.get(algorithm, ("", 0))
            if not name or name in digests:
                raise refused(f"event {number} has a digest of algorithm 0x{algorithm:04x}, which is not listed or comes twice", "malformed")
            digests[name] = fields.take(size)
        yield Event(register, kind, digests, fields.sized(4))
        number += 1


def _startup_locality(events: tuple[Event, ...]) -> int:
    """PCR 0 starts at the locality from which TPM2_Startup was called: 0, 3, or 4 after a hardware root of trust."""
    found: int | None = None
    extended = False
    for event in events:
        extended = extended or (event.kind != NO_ACTION and event.register == 0)
        if event.kind != NO_ACTION or not event.data.startswith(STARTUP):
            continue
        if extended or found is not None or event.register != 0 or len(event.data) != 17 or event.data[16] not in (0, 3, 4):
            raise refused("StartupLocality comes after PCR 0 was extended, or twice, or names no locality (0, 3, 4)")
        found = event.data[16]
    return found or 0


class _Separators:
    """Which registers were closed, while a log is replayed. A separator is known by its digest: its type could be exchanged."""

    def __init__(self, bank: str, after: Mapping[int, frozenset[int] | None]) -> None:
        self.after = after
        self.digests = {_hash(bank, word) for word in (bytes(4), b"\xff" * 4)}
        self.closed: set[int] = set()

    def hold(self, number: int, event: Event, digest: bytes) -> None:
        """Raises Refused: `eventlog`."""
        if event.register not in self.after:
            return
        told = f"event {number} of register {event.register}"
        if (event.kind == SEPARATOR) != (digest in self.digests):  # firmware that failed writes another: b"\1\0\0\0", as a BootOrder may be too
            raise refused(f"{told} is a separator by its type or by its digest, and not by both, or tells that firmware failed")
        if event.register in self.closed:
            allowed = self.after[event.register]
            if event.kind == SEPARATOR or (allowed is not None and event.kind not in allowed):
                raise refused(f"{told} ({event.word}) follows the separator that closes the register")
        if event.kind == SEPARATOR:
            self.closed.add(event.register)


def _all_ones(fields: Fields) -> bool:
    """Only bytes 255 are left, which is how an unwritten area may look."""
    return fields.raw.startswith(b"\xff\xff\xff\xff", fields.at) and fields.raw.count(b"\xff", fields.at) == fields.left


def _hash(bank: str, data: bytes) -> bytes:
    return hashlib.new(bank, data).digest()
