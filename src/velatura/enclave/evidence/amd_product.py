"""AMD's processors with SEV-SNP: everything that follows from which one it is, above all how the eight bytes of a TCB version are laid out.

The layout follows the product and not the version of the report: version 5 exists on Genoa, with the layout of Milan, and on Turin, with a new one.
TCB versions have no total order; they are compared field by field.

Source: AMD 56860 (SEV-SNP firmware ABI), TCB_VERSION; AMD 57230 (VCEK certificate and KDS interface), sections 2 to 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["GENOA", "MILAN", "PRODUCTS", "TURIN", "Product", "Tcb", "leaf_address", "product_of_cpu", "product_of_root"]

Tcb = Mapping[str, int]
"""Component -> its security version, as policies name them: bl, tee, snp, ucode; Turin also fmc."""

KDS = "https://kdsintf.amd.com"
PARAMETERS = {"bl": "blSPL", "tee": "teeSPL", "snp": "snpSPL", "ucode": "ucodeSPL", "fmc": "fmcSPL"}


@dataclass(frozen=True, slots=True)
class Product:
    """One generation, with its own root.

    Attributes:
        name: as roots and the key server write it.
        leaf_names: what a leaf's productName begins with, up to a hyphen.
        layout: of the eight bytes of a TCB version; "" for a reserved one.
        hwid_bytes: how much of the 64 bytes of the chip id is used.
        leaf_version: `structVersion` of its leaves.
    """

    name: str
    leaf_names: frozenset[str]
    layout: tuple[str, ...]
    hwid_bytes: int
    leaf_version: int

    def tcb(self, raw: bytes) -> Tcb:
        """Raises ValueError where a reserved byte is set."""
        if any(value for name, value in zip(self.layout, raw, strict=True) if not name):
            raise ValueError(f"reserved bytes of the TCB version {raw.hex()} are set, for {self.name}")
        return {name: value for name, value in zip(self.layout, raw, strict=True) if name}


CLASSIC = ("bl", "tee", "", "", "", "", "snp", "ucode")
MILAN = Product("Milan", frozenset({"Milan"}), CLASSIC, 64, 0)
GENOA = Product("Genoa", frozenset({"Genoa", "Siena"}), CLASSIC, 64, 0)  # Bergamo and Siena have Genoa's root
TURIN = Product("Turin", frozenset({"Turin"}), ("fmc", "bl", "tee", "snp", "", "", "", "ucode"), 8, 1)

PRODUCTS = {product.name: product for product in (MILAN, GENOA, TURIN)}
CPUS = {(0x19, 0x0): MILAN, (0x19, 0x1): GENOA, (0x19, 0xA): GENOA, (0x1A, 0x0): TURIN, (0x1A, 0x1): TURIN}
"""(family, model / 16), as CPUID and the report (version 3 and later) have them."""


def product_of_cpu(family: int, model: int) -> Product | None:
    """None for a processor that is not known here."""
    return CPUS.get((family, model >> 4))


def product_of_root(name: str) -> Product:
    """By the name under which `roots.py` pins the root: `ARK-Milan`."""
    return PRODUCTS[name.removeprefix("ARK-")]


def leaf_address(product: Product, chip_id: bytes, tcb: Tcb) -> str:
    """Where AMD's key server has the VCEK of this chip at this TCB version."""
    asked = "&".join(f"{PARAMETERS[name]}={value}" for name, value in tcb.items())
    return f"{KDS}/vcek/v1/{product.name}/{chip_id[: product.hwid_bytes].hex()}?{asked}"
