"""AMD's certificate table, as the host hands it to a SEV-SNP guest beside a report: rows of GUID, offset and length, then the certificates in DER.

It comes from the operator and is believed in nothing: the verifier walks the certificates up to a root of its own.
Source: AMD 56421 (GHCB), section 4.1.8.1, "SNP Extended Guest Request".
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from uuid import UUID

from velatura.errors import BadInput

__all__ = ["companions_in"]

_ROW = struct.Struct("<16sII")
MOST_ROWS = 16
_KINDS = {
    "63da758d-e664-4564-adc5-f4b93be8accd": "vcek",
    "a8074bc2-a25a-483e-aae6-39c045a0b8a1": "vlek",
    "4ab7b379-bbac-4fe4-a02f-05aef327c782": "ask",
    "c0b406a4-a803-4952-9743-3fb6014cd0ae": "ark",
}


def companions_in(table: bytes) -> Mapping[str, bytes]:
    """`leaf` (VLEK, where there is one, else VCEK; DER) and `chain` (ASK, ARK; PEM), as far as they are there.

    Raises:
        BadInput: `enclave.certificate-table`: a row points outside of it, or there are too many.
    """
    found = _certificates(table)
    told: dict[str, bytes] = {}
    if leaf := found.get("vlek") or found.get("vcek"):
        told["leaf"] = leaf
    if above := [found[kind] for kind in ("ask", "ark") if kind in found]:
        told["chain"] = b"".join(map(_pem, above))
    return told


def _certificates(table: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for row in range(MOST_ROWS + 1):
        if len(table) < _ROW.size * (row + 1):
            if row == 0 and not table.strip(b"\0"):
                return {}
            break
        guid, offset, length = _ROW.unpack_from(table, _ROW.size * row)
        if guid == bytes(16):
            return found
        if offset + length > len(table) or row == MOST_ROWS:
            break
        if (kind := _KINDS.get(str(UUID(bytes=guid)))) is not None and length:
            found[kind] = table[offset : offset + length]
    raise BadInput("enclave.certificate-table", "the host's table of certificates does not hold together", hint="give leaf and chain as files")


def _pem(raw: bytes) -> bytes:
    word = base64.b64encode(raw)
    lines = [word[at : at + 64] for at in range(0, len(word), 64)]
    return b"\n".join([b"-----BEGIN CERTIFICATE-----", *lines, b"-----END CERTIFICATE-----", b""])
