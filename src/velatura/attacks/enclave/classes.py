"""The 44 classes of what must not be accepted, by number, and the families in which an attack tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["CLASSES", "FAMILIES", "family_of"]

CLASSES: Mapping[int, str] = MappingProxyType(
    {
        1: "truncated at a field boundary",
        2: "something behind the end",
        3: "reserved byte set",
        4: "wrong magic, version or type",
        5: "length too large, or wrapping round",
        6: "repeated key or index",
        7: "chunked, tagged or deep where it may not be",
        8: "too large, or not canonical",
        9: "evidence of another format",
        10: "bit flipped in a signed byte",
        11: "r or s zero, or not below the order",
        12: "signature of another document",
        13: "algorithm changed",
        14: "key replaced",
        15: "not signed",
        16: "look-alike root",
        17: "intermediate missing",
        18: "certificates extra or in another order",
        19: "leaf that issues",
        20: "expired",
        21: "not yet valid",
        22: "revoked",
        23: "chain of another product",
        24: "leaf of another chip or version",
        25: "serial number zero or negative",
        26: "replay",
        27: "nonce absent or empty",
        28: "relay: evidence of one machine, key of another",
        29: "key exchanged in a session",
        30: "report data spliced",
        31: "parts of two machines",
        32: "too old, or from the future",
        33: "debugging",
        34: "migration",
        35: "privilege level or signer",
        36: "TCB below the least",
        37: "TCB status or advisory not listed",
        38: "measurement not listed",
        39: "collateral out of date, or exchanged",
        40: "event log that does not replay",
        41: "policy that says nothing, or two things",
        42: "evidence that brings its own policy",
        43: "sealed data out of order",
        44: "output that was not declared",
    }
)

FAMILIES: Mapping[str, range] = MappingProxyType(
    {
        "structure": range(1, 10),
        "signature": range(10, 16),
        "chain": range(16, 26),
        "freshness": range(26, 33),
        "state": range(33, 41),
        "policy": range(41, 43),
        "data": range(43, 45),
    }
)
"""Family -> its classes."""


def family_of(number: int) -> str:
    return next(name for name, classes in FAMILIES.items() if number in classes)
