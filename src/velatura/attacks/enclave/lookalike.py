"""Certificates that are like a vendor's in every byte but the key and the signature: names, dates, extensions and key identifiers stay.

A verifier that knows a root by its name, or by the identifier in an extension, takes them. Signed with the algorithm of the original, so that only
the pinned key tells them from it. Structure: RFC 5280, section 4.1.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from velatura.attacks.enclave.keys import Keys, PrivateKey

__all__ = ["SERIAL", "VALIDITY", "loaded", "look_alike", "no_authority", "public_of", "resealed", "tlv"]

SERIAL, VALIDITY, _KEY, _EXTENSIONS = 1, 4, 6, 0xA3
"""Places of members in a TBSCertificate of version 3."""
_BASIC = bytes.fromhex("0603551d13")
"""The object identifier of basicConstraints."""


def look_alike(chain: Sequence[bytes], keys: Keys, *, changes: Mapping[int, Mapping[int, bytes]] | None = None) -> tuple[list[bytes], PrivateKey]:
    """A chain under a root of the attacker's.

    Args:
        chain: leaf first, root last.
        changes: place in the chain -> place in the TBSCertificate -> its new encoding.

    Returns:
        the chain, and the leaf's private key.
    """
    held = [keys.like(loaded(raw).public_key(), f"certificate {place}") for place, raw in enumerate(chain)]
    issuers = [*held[1:], held[-1]]
    made = [
        resealed(raw, key, issuer, (changes or {}).get(place, {})) for place, (raw, key, issuer) in enumerate(zip(chain, held, issuers, strict=True))
    ]
    return made, held[0]


def resealed(raw: bytes, key: PrivateKey | None, issuer: PrivateKey, changes: Mapping[int, bytes] | None = None) -> bytes:
    """One certificate over `key` (None: the one that it has), signed by `issuer`."""
    tbs, algorithm, _ = _members(_content(raw))
    parts = _members(_content(tbs))
    if key is not None:
        parts[_KEY] = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for place, encoding in (changes or {}).items():
        parts[place] = encoding
    body = tlv(0x30, b"".join(parts))
    return tlv(0x30, body + algorithm + tlv(0x03, b"\0" + _signature(loaded(raw), issuer, body)))


def no_authority(raw: bytes) -> dict[int, bytes]:
    """A change after which the certificate says that it is no CA (RFC 5280, section 4.2.1.9)."""
    parts = _members(_content(_members(_content(raw))[0]))
    place = next(place for place, part in enumerate(parts) if part[0] == _EXTENSIONS)
    listed = _members(_content(_content(parts[place])))
    made = [tlv(0x30, _BASIC + tlv(0x04, tlv(0x30, b""))) if _BASIC in one[:10] else one for one in listed]
    return {place: tlv(_EXTENSIONS, tlv(0x30, b"".join(made)))}


def loaded(raw: bytes) -> x509.Certificate:
    """AMD's leaves have serial number 0, of which the library warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return x509.load_der_x509_certificate(raw)


def public_of(raw: bytes) -> Any:
    return loaded(raw).public_key()


def tlv(tag: int, content: bytes) -> bytes:
    """DER (X.690, section 8.1)."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + content


def _signature(certificate: x509.Certificate, issuer: PrivateKey, body: bytes) -> bytes:
    told = certificate.signature_hash_algorithm or hashes.SHA256()
    if isinstance(issuer, rsa.RSAPrivateKey):
        scheme = certificate.signature_algorithm_parameters
        return issuer.sign(body, scheme if isinstance(scheme, padding.PSS) else padding.PKCS1v15(), told)
    return issuer.sign(body, ec.ECDSA(told))


def _head(raw: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at `at` begins and ends."""
    size, at = raw[at + 1], at + 2
    if size < 0x80:
        return at, at + size
    width = size & 0x7F
    return at + width, at + width + int.from_bytes(raw[at : at + width])


def _content(raw: bytes) -> bytes:
    start, stop = _head(raw, 0)
    return raw[start:stop]


def _members(content: bytes) -> list[bytes]:
    found, at = list[bytes](), 0
    while at < len(content):
        _, stop = _head(content, at)
        found.append(content[at:stop])
        at = stop
    return found
