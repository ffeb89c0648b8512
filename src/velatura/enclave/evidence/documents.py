"""Evidence as people hand it over: raw bytes, ASCII hex, base64, or the JSON of formats that have one. Sizes come before anything is decoded.

Text is decoded once: hex before base64 (whose alphabet holds hex's), both strict but for white space. JSON is handed on as it stands.

`guess` is for a person who wants to know what a file is; a verification never asks it, since the policy alone chooses the verifier.
"""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path

from velatura.enclave.evidence.process_document import formats
from velatura.enclave.evidence.strict_json import read_document
from velatura.enclave.verify import MOST_EVIDENCE_BYTES
from velatura.errors import BadInput
from velatura.files import open_regular

__all__ = ["MOST_DOCUMENT_BYTES", "evidence_in", "guess", "read_evidence"]

MOST_DOCUMENT_BYTES = 3 * MOST_EVIDENCE_BYTES
"""Of a file: hex takes two signs a byte, and lines may be broken."""

HINT = "raw bytes, hex, base64, or JSON where the format has it"


def read_evidence(path: Path) -> bytes:
    """The evidence in a file.

    Raises:
        BadInput: `enclave.evidence`: no regular file, not readable, too large, empty, or text that is neither hex nor base64 nor JSON.
    """
    try:
        with open_regular(path) as stream:
            raw: bytes = stream.read(MOST_DOCUMENT_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise BadInput("enclave.evidence", f"{path}: cannot be read: {why}", hint="give the file that holds the evidence") from error
    return evidence_in(raw, where=str(path))


def evidence_in(raw: bytes, *, where: str = "evidence") -> bytes:
    """The evidence in what a file or a pipe held. Raises BadInput `enclave.evidence`."""
    if len(raw) > MOST_DOCUMENT_BYTES:
        raise BadInput("enclave.evidence", f"{where}: is larger than {MOST_DOCUMENT_BYTES >> 20} MiB, and no evidence is")
    if not raw.strip():
        raise BadInput("enclave.evidence", f"{where}: is empty", hint=HINT)
    found = raw if _is_json(raw) or not _is_text(raw) else _decoded(raw, where)
    if len(found) > MOST_EVIDENCE_BYTES:
        raise BadInput("enclave.evidence", f"{where}: holds {len(found)} bytes; evidence has at most {MOST_EVIDENCE_BYTES}")
    return found


def _is_json(raw: bytes) -> bool:
    return raw.lstrip()[:1] in (b"{", b"[")


def _is_text(raw: bytes) -> bool:
    return re.fullmatch(rb"[\x20-\x7e\s]*", raw) is not None


def _decoded(text: bytes, where: str) -> bytes:
    packed = b"".join(text.split())
    if re.fullmatch(rb"[0-9a-fA-F]+", packed):
        if len(packed) % 2:
            raise BadInput("enclave.evidence", f"{where}: hex with an odd number of digits: it was cut", hint=HINT)
        return bytes.fromhex(packed.decode())
    try:
        found = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if base64.b64encode(found) != packed:  # Python's reader takes padding too many, and bits beyond the last byte
        raise BadInput("enclave.evidence", f"{where}: is text, and neither hex nor base64 nor JSON", hint=HINT)
    return found


def guess(document: bytes) -> str | None:
    """The format that these bytes look like, as a policy names it; None: none of them. Says nothing about whether they are true."""
    if _is_json(document):
        return _guess_json(document)
    if len(document) == 1184 and document[:4] in (b"\2\0\0\0", b"\3\0\0\0", b"\5\0\0\0"):
        return "sev-snp"
    if document[:4] == b"\3\0\2\0" and document[4:8] == bytes(4):
        return "sgx"
    if document[:4] in (b"\4\0\2\0", b"\5\0\2\0"):
        return {b"\0\0\0\0": "sgx", b"\x81\0\0\0": "tdx"}.get(document[4:8])
    if document[:5] in (b"\x84\x44\xa1\x01\x38", b"\xd2\x84\x44\xa1\x01"):
        return "nitro"
    return "nvidia" if document[:2] == b"\x11\xe0" else None


def _guess_json(document: bytes) -> str | None:
    tree = read_document(document, "evidence")
    keys = set(tree) if isinstance(tree, dict) else set()
    if isinstance(tree, list) or "evidence_list" in keys:
        return "nvidia"
    if "td_quote" in keys:
        return "azure-tdx"
    if keys & {"tpm_quote", "quote"} and keys & {"report", "hcl_report"}:
        return "azure-snp"
    if "ak_public" in keys:
        return "tpm"
    return next((named for named, word in formats.items() if keys and tree.get("format") == word), None)
