"""JSON that carries evidence: each member once, no constants that JSON does not have; and bytes in the forms that such documents use.

Python's reader keeps the last of two equal members and others keep the first, so that two readers would see two documents (RFC 7493, section 2.3).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any, Literal

from velatura.errors import BadInput

__all__ = ["member", "octets", "read_document"]

HEX = frozenset(b"0123456789abcdefABCDEF")


def read_document(raw: bytes, named: str) -> Any:
    """The document's plain values.

    Args:
        named: what it is, for messages.

    Raises:
        BadInput: `enclave.evidence`: no JSON in UTF-8, a member twice, NaN, nested too deep, or a number of thousands of digits.
    """
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadInput("enclave.evidence", f"{named} is not JSON as it must be: {error}") from error


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"member {name[:40]!r} stands twice")
        found[name] = value
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def member(document: Any, name: str, kind: type | tuple[type, ...], named: str) -> Any:
    """`document[name]`, of `kind`. Raises BadInput `enclave.evidence`."""
    if not isinstance(document, dict):
        raise BadInput("enclave.evidence", f"{named} is no JSON object")
    if not isinstance(document.get(name), kind):
        raise BadInput("enclave.evidence", f"{named} has no member {name!r}, or it is of another kind")
    return document[name]


def octets(value: Any, named: str, text: Literal["hex", "base64"]) -> bytes:
    """Bytes that stand as text or as a list of numbers from 0 to 255.

    Args:
        text: how a text is to be read. `base64`: of either alphabet, with or without its padding; nothing else in between.

    Raises:
        BadInput: `enclave.evidence`.
    """
    try:
        if isinstance(value, list):
            if not all(type(one) is int for one in value):
                raise ValueError("not all of its items are whole numbers")
            return bytes(value)
        if not isinstance(value, str):
            raise ValueError("neither a text nor a list of numbers")
        return _from_hex(value) if text == "hex" else _from_base64(value)
    except (ValueError, binascii.Error) as error:
        raise BadInput("enclave.evidence", f"{named} holds no bytes: {error}") from error


def _from_hex(text: str) -> bytes:
    if not HEX.issuperset(text.encode()):
        raise ValueError("other letters than those of hex")
    return bytes.fromhex(text)


def _from_base64(text: str) -> bytes:
    bare = text.rstrip("=")
    found = base64.b64decode(bare.replace("-", "+").replace("_", "/") + "=" * (-len(bare) % 4), validate=True)
    plain, safe = base64.b64encode(found).decode(), base64.urlsafe_b64encode(found).decode()
    if text not in (plain, safe, plain.rstrip("="), safe.rstrip("=")):
        raise ValueError("it is not written as base64 writes it")
    return found
