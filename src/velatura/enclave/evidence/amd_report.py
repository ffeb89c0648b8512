"""The attestation report of AMD SEV-SNP, versions 2, 3 and 5: bytes to fields, and every reserved byte zero. Nothing is trusted here.

Source: AMD 56860 (SEV-SNP firmware ABI), table ATTESTATION_REPORT. All numbers are little-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import partial
from typing import Any

from velatura.enclave.appraisal import Refused
from velatura.enclave.evidence.amd_product import GENOA, MILAN, Product, Tcb, product_of_cpu
from velatura.enclave.evidence.certificates import tried
from velatura.errors import BadInput

__all__ = ["REPORT_BYTES", "SIGNED_BYTES", "Report", "read_report"]

REPORT_BYTES, SIGNED_BYTES = 0x4A0, 0x2A0
VERSIONS = (2, 3, 5)
TCBS = {"reported": 0x180, "current": 0x38, "committed": 0x1E0, "launch": 0x1F0}
KEYS = {0: "vcek", 1: "vlek"}
GUEST_BITS = ("smt", "", "migration", "debug", "single_socket", "cxl", "aes_256_xts", "rapl_disabled", "ciphertext_hiding", "page_swap_disabled")
PLATFORM_BITS = ("smt", "tsme", "ecc", "rapl_disabled", "ciphertext_hiding", "alias_check_complete", "bit_6", "tio")


@dataclass(frozen=True, slots=True)
class Report:
    """One report, as it says about itself.

    Attributes:
        raw: its 1,184 bytes.
        policy: of the guest, 64 bits; bit 16 is the first of GUEST_BITS.
        key: what signed it: "vcek" (of the chip) or "vlek" (of the cloud).
        products: which of them the processor can be; version 2 does not name it, and Turin makes no reports of version 2.
    """

    raw: bytes
    version: int
    policy: int
    vmpl: int
    platform: int
    key: str
    author_key: bool
    products: tuple[Product, ...]

    @property
    def debug(self) -> bool:
        return bool(self.policy >> 19 & 1)

    @property
    def migration(self) -> bool:
        return bool(self.policy >> 18 & 1)

    @property
    def report_data(self) -> bytes:
        return self.raw[0x50:0x90]

    @property
    def measurement(self) -> bytes:
        return self.raw[0x90:0xC0]

    @property
    def chip_id(self) -> bytes:
        """64 bytes; zeros where the host masks it, and under a VLEK."""
        return self.raw[0x1A0:0x1E0]

    @property
    def signature(self) -> tuple[int, int]:
        """(r, s)."""
        return int.from_bytes(self.raw[0x2A0:0x2E8], "little"), int.from_bytes(self.raw[0x2E8:0x330], "little")

    def tcb(self, which: str) -> Tcb:
        """`which`: reported (what the leaf certifies), current, committed or launch."""
        at = TCBS[which]
        return self.products[0].tcb(self.raw[at : at + 8])

    def claims(self, product: Product) -> dict[str, Any]:
        """Plain JSON, bytes as lower-case hex."""
        raw = self.raw
        later = {"launch_mit_vector": raw[0x1F8:0x200].hex(), "current_mit_vector": raw[0x200:0x208].hex()} if self.version >= 5 else {}
        return {
            "version": self.version,
            "product": product.name,
            "signing_key": self.key,
            "measurement": self.measurement.hex(),
            "report_data": self.report_data.hex(),
            "host_data": raw[0xC0:0xE0].hex(),
            "vmpl": self.vmpl,
            "debug": self.debug,
            "migration": self.migration,
            "guest": _bits(self.policy >> 16, GUEST_BITS) | {"abi": f"{self.policy >> 8 & 0xFF}.{self.policy & 0xFF}"},
            "platform": _bits(self.platform, PLATFORM_BITS) | {"raw": f"{self.platform:016x}"},
            "tcb": dict(self.tcb("reported")),
            "tcb_current": dict(self.tcb("current")),
            "tcb_committed": dict(self.tcb("committed")),
            "tcb_launch": dict(self.tcb("launch")),
            "firmware": f"{raw[0x1EA]}.{raw[0x1E9]}.{raw[0x1E8]}",
            "firmware_committed": f"{raw[0x1EE]}.{raw[0x1ED]}.{raw[0x1EC]}",
            "guest_svn": int.from_bytes(raw[4:8], "little"),
            "family_id": raw[0x10:0x20].hex(),
            "image_id": raw[0x20:0x30].hex(),
            "id_key_digest": raw[0xE0:0x110].hex(),
            "author_key": self.author_key,
            "author_key_digest": raw[0x110:0x140].hex(),
            "report_id": raw[0x140:0x160].hex(),
            "report_id_ma": raw[0x160:0x180].hex(),
            "chip_id": self.chip_id[: product.hwid_bytes].hex(),
        } | later


def read_report(raw: bytes) -> Report:
    """Zeros may follow a report; nothing else.

    Raises:
        BadInput: `enclave.evidence`: shorter than a report, or of no version that there is.
        Refused: `malformed`; `signature`: a report that no key signed.
    """
    version = int.from_bytes(raw[:4], "little")
    if len(raw) < REPORT_BYTES or version not in VERSIONS:
        raise BadInput(
            "enclave.evidence",
            f"{len(raw)} bytes that begin with {raw[:4].hex() or 'nothing'} are no SEV-SNP report",
            hint=f"a report has {REPORT_BYTES} bytes and begins with its version, {VERSIONS}, as four little-endian bytes",
        )
    if any(raw[REPORT_BYTES:]):
        raise Refused("report", "malformed", f"{len(raw) - REPORT_BYTES} bytes follow the report, and they are not zeros")
    raw = raw[:REPORT_BYTES]
    policy, vmpl, algorithm, platform, info = struct.unpack_from("<Q32xII8xQI", raw, 8)
    _hold_reserved(raw, version)
    _hold("the guest policy has bit 17 unset or a reserved bit set", policy >> 17 & 1 == 1 and policy >> 26 == 0)
    _hold(f"VMPL is {vmpl}", vmpl <= 3)
    _hold(f"the signature algorithm is {algorithm}, not 1 (ECDSA P-384 with SHA-384)", algorithm == 1)
    _hold("a reserved bit of the key information is set", info >> 5 == 0)
    if (signing := info >> 2 & 7) not in KEYS:
        raise Refused("report", "signature", f"the report says that no key signed it (signing key {signing})")
    products = _products(raw, version)
    for at in TCBS.values():
        tried("report", "malformed", "a TCB version cannot be read", partial(products[0].tcb, raw[at : at + 8]))
    return Report(raw, version, policy, vmpl, platform, KEYS[signing], bool(info & 1), products)


def _hold(told: str, true: bool) -> None:
    if not true:
        raise Refused("report", "malformed", told)


def _hold_reserved(raw: bytes, version: int) -> None:
    spans = [(0x4C, 0x50), (0x18B if version >= 3 else 0x188, 0x1A0), (0x1EB, 0x1EC), (0x1EF, 0x1F0), (0x208 if version >= 5 else 0x1F8, 0x2A0)]
    spans += [(0x2A0 + 48, 0x2E8), (0x2E8 + 48, 0x330), (0x330, REPORT_BYTES)]  # the upper bytes of r and of s, and what follows the signature
    for start, end in spans:
        _hold(f"reserved bytes between {start:#05x} and {end:#05x} are set", not any(raw[start:end]))


def _products(raw: bytes, version: int) -> tuple[Product, ...]:
    if version < 3:
        return MILAN, GENOA
    family, model = raw[0x188], raw[0x189]
    product = product_of_cpu(family, model)
    if product is None:
        raise Refused("report", "malformed", f"processor family {family:#x} model {model:#x} is none that is known here (Milan, Genoa, Turin)")
    return (product,)


def _bits(value: int, names: tuple[str, ...]) -> dict[str, bool]:
    return {name: bool(value >> at & 1) for at, name in enumerate(names) if name}
