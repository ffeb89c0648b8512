"""Certificates out of whatever they lie in, for an attacker: PEM with anything around it, or one DER."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

__all__ = ["certificates_of", "pem_of"]

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----")


def certificates_of(raw: bytes) -> tuple[bytes, ...]:
    """DER of each, in their order; () of nothing."""
    found = _BLOCK.findall(raw)
    if found:
        return tuple(base64.b64decode(block) for block in found)
    return (raw,) if raw else ()


def pem_of(certificates: Sequence[bytes]) -> bytes:
    return b"".join(_block(raw) for raw in certificates)


def _block(raw: bytes) -> bytes:
    text = base64.b64encode(raw)
    lines = b"\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return b"-----BEGIN CERTIFICATE-----\n" + lines + b"\n-----END CERTIFICATE-----\n"
