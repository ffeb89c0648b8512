"""The file that a bundle is: a tar archive (ustar) of four members in a fixed order, written in one way only: the same parts are the same bytes.

Read without a library: every header is compared with the one that would be written, every byte of padding has to be 0, nothing may follow. What
`tar tf` lists is therefore all that there is. Links, devices, paths, a second member of the same name cannot be said.
Source: POSIX.1-2017, pax, "ustar Interchange Format".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from velatura.errors import BadInput

__all__ = ["MANIFEST", "MEMBERS", "MODEL", "MOST_BYTES", "SIGNATURE", "VECTORS", "pack", "unpack"]

MANIFEST, SIGNATURE, MODEL, VECTORS = "manifest.json", "manifest.sig", "model.onnx", "selftest.bin"
MEMBERS = {MANIFEST: 1 << 20, SIGNATURE: 64, MODEL: 128 << 20, VECTORS: 64 << 20}
"""Members in their order, with the most bytes of each."""
MOST_BYTES = sum(MEMBERS.values()) + 8192
_BLOCK = 512
_SIZE_AT = slice(124, 136)


def pack(parts: Mapping[str, bytes]) -> bytes:
    """The file.

    Raises:
        BadInput: `edge.bundle-too-large`.
    """
    out = bytearray()
    for name, most in MEMBERS.items():
        if len(parts[name]) > most:
            raise BadInput("edge.bundle-too-large", f"{name} has {len(parts[name])} bytes; a bundle has room for {most}")
        out += _header(name, len(parts[name])) + parts[name] + bytes(-len(parts[name]) % _BLOCK)
    return bytes(out) + bytes(2 * _BLOCK)


def unpack(raw: bytes) -> dict[str, bytes]:
    """The members.

    Raises:
        BadInput: `edge.bundle-malformed`: cut off, or anything but what `pack` writes.
    """
    parts, at = {}, 0
    for name, most in MEMBERS.items():
        header = raw[at : at + _BLOCK]
        size = _size(header)
        if size is None or size > most or header != _header(name, size):
            raise _malformed()
        begin, end = at + _BLOCK, at + _BLOCK + size
        at = end + -size % _BLOCK
        if at > len(raw) or any(raw[end:at]):
            raise _malformed()
        parts[name] = raw[begin:end]
    if raw[at:] != bytes(2 * _BLOCK):
        raise _malformed()
    return parts


def _header(name: str, size: int) -> bytes:
    """mode 0644, nobody's, of 1970."""
    fields = [name.encode().ljust(100, b"\0"), b"0000644\0", b"0000000\0", b"0000000\0", b"%011o\0" % size, b"00000000000\0"]
    rest = [b"0", bytes(100), b"ustar\00000", bytes(247)]
    before, after = b"".join(fields), b"".join(rest)
    return before + b"%06o\0 " % (sum(before) + sum(after) + 8 * 32) + after


def _size(header: bytes) -> int | None:
    field = header[_SIZE_AT]
    return int(field[:11], 8) if re.fullmatch(rb"[0-7]{11}\0", field) else None


def _malformed() -> BadInput:
    return BadInput("edge.bundle-malformed", "the file is no bundle, or not a whole one", hint="velatura edge export MODEL -o BUNDLE")
