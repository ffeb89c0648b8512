"""X.509 as evidence needs it: strict loading, and one walk from a leaf to a pinned root.

`cryptography`'s own path builder knows the rules of the web alone and refuses AMD's chains (no AuthorityKeyIdentifier), so the walk is ours: names,
signatures and algorithms by `verify_directly_issued_by`, then validity, CA flags and path lengths (RFC 5280, section 6.1), then revocation.

What was read, and that one certificate issued another or a list, is remembered by their bytes, since a chain of five P-384 keys costs 3 ms;
validity and revocation are looked at every time.
"""

from __future__ import annotations

import base64
import hashlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from velatura.enclave.appraisal import Examination, Refused

__all__ = [
    "certificates_in",
    "dates_of",
    "hold_authorities",
    "hold_chain",
    "hold_revocation",
    "hold_validity",
    "key_digest",
    "load_certificate",
    "tried",
    "verify_issued",
]

T = TypeVar("T")
MOST_CERTIFICATES, MOST_CERTIFICATE_BYTES = 12, 16 << 10

TYPED = (
    InvalidSignature,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    ValueError,  # UnicodeDecodeError is one
    TypeError,
    IndexError,
    OverflowError,
)
"""What `cryptography` raises on certificates that somebody has changed (found by mutating real ones)."""


def tried(name: str, code: str, told: str, attempt: Callable[[], T]) -> T:
    """`attempt()`, whose every known failure is a failed check. Raises Refused."""
    try:
        return attempt()
    except TYPED as error:
        raise Refused(name, code, f"{told}: {str(error) or type(error).__name__}") from error


def load_certificate(raw: bytes, name: str = "certificate") -> x509.Certificate:
    """One certificate in DER, nothing after it; serial numbers must be positive (RFC 5280, section 4.1.2.2). AMD's leaves have a reader of their own.

    Raises:
        Refused: `malformed`.
    """
    if len(raw) > MOST_CERTIFICATE_BYTES:
        raise Refused(name, "malformed", f"a certificate of {len(raw)} bytes; at most {MOST_CERTIFICATE_BYTES}")

    return tried(name, "malformed", "a certificate cannot be read", partial(_loaded, raw))


@lru_cache(maxsize=256)
def _loaded(raw: bytes) -> x509.Certificate:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = x509.load_der_x509_certificate(raw)
        serial = found.serial_number  # warns anew each time that it is asked for
        found.extensions  # noqa: B018 (they are parsed when first asked for, and may hold serial numbers too)
    if serial <= 0:
        raise ValueError(f"serial number {serial}")
    _hold_whole_bytes(raw, found.signature)
    return found


def _hold_whole_bytes(raw: bytes, signature: bytes) -> None:
    """The loader lets the BIT STRING at the end stop within a byte, where the bits that are left out are zero."""
    if raw[-len(signature) - 1]:
        raise ValueError("its signature is no whole number of bytes")


def certificates_in(raw: bytes, name: str = "certificate") -> list[bytes]:
    """DER of each certificate in PEM text (zeros and white space may follow; nothing else may stand between) or in one DER.

    Raises:
        Refused: `malformed`.
    """
    if not raw.lstrip().startswith(b"-----"):
        return [raw]
    found: list[bytes] = []
    rest = raw.replace(b"\r\n", b"\n").strip(b"\0 \t\r\n")
    begin, end = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
    while rest:
        at = rest.find(end)
        if not rest.startswith(begin) or at < 0 or len(found) == MOST_CERTIFICATES:
            raise Refused(name, "malformed", "this is not a list of certificates in PEM, or there are more than 12 of them")
        body = b"".join(rest[len(begin) : at].split())
        found.append(tried(name, "malformed", "a certificate's PEM cannot be read", partial(base64.b64decode, body, validate=True)))
        rest = rest[at + len(end) :].lstrip()
    return found


def key_digest(certificate: x509.Certificate) -> str:
    """SHA-256 of the SubjectPublicKeyInfo, hex: what roots are pinned by."""
    raw = tried(
        "certificate",
        "malformed",
        "its key cannot be read",
        lambda: certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )
    return hashlib.sha256(raw).hexdigest()


def hold_chain(
    examination: Examination,
    chain: Sequence[bytes],
    *,
    pins: Mapping[str, str],
    now: datetime,
    anchor: bytes | None = None,
    crls: Sequence[bytes] = (),
    crl_max_age_s: float | None = None,
    strict: bool = True,
) -> tuple[x509.Certificate, ...]:
    """Walk from a leaf to a pinned root; three checks: `chain`, `validity`, `revocation`.

    Args:
        chain: certificates in DER, leaf first, root last.
        pins: SHA-256 of a root's SubjectPublicKeyInfo, hex -> its name. A root is known by its key alone, never by what it calls itself.
        now: when to judge, with a time zone.
        anchor: the root as the package has it, DER: what is equal to it, byte for byte, needs no signature by itself (RFC 5280, section 6.1).
        crls: in DER or PEM, each of one of the chain's issuers.
        crl_max_age_s: how long ago a list may have been issued.
        strict: CA certificates must say so in basicConstraints (RFC 5280, section 4.2.1.9), which old vendors' roots do not all do.

    Returns:
        the certificates, leaf first.

    Raises:
        Refused: `chain-invalid`, `expired`, `not-yet-valid`, `revoked`, `collateral-expired` (a list that is out of date), `malformed`.
    """
    walked = _walked(tuple(chain), strict, anchor)
    root = key_digest(walked[-1])
    if root not in pins:
        raise Refused("chain", "chain-invalid", f"the chain ends at a key that is not pinned ({root[:16]}...), whatever its name")
    examination.passed("chain", f"{len(walked)} certificates up to {pins[root]}")
    hold_validity(examination, [dates_of(certificate) for certificate in walked], now)
    hold_revocation(examination, walked, crls, now, max_age_s=crl_max_age_s)
    return walked


def _walked(chain: tuple[bytes, ...], strict: bool, anchor: bytes | None) -> tuple[x509.Certificate, ...]:
    if not 2 <= len(chain) <= MOST_CERTIFICATES:
        raise Refused("chain", "chain-invalid", f"{len(chain)} certificates; a chain has at least a leaf and its root")
    if len(set(chain)) != len(chain):
        raise Refused("chain", "chain-invalid", "a certificate stands twice in the chain")
    found = tuple(load_certificate(raw) for raw in chain)
    issuers = chain[1:] if chain[-1] == anchor else (*chain[1:], chain[-1])
    for place, (raw, issuer) in enumerate(zip(chain, issuers, strict=False), start=1):
        told = f"certificate {place} of {len(chain)} was not issued by the next one"
        tried("chain", "chain-invalid", told, partial(verify_issued, raw, issuer))
    constraints = _extension(found[0], x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        raise Refused("chain", "chain-invalid", "the leaf says that it is a CA")
    hold_authorities(found[1:], strict=strict)
    return found


@lru_cache(maxsize=256)
def verify_issued(raw: bytes, issuer: bytes) -> None:
    """Names, algorithms, signature. Remembered by bytes where it holds: vendors' upper certificates are the same for every piece of evidence.

    Raises what is in TYPED; call it by `tried`.
    """
    load_certificate(raw).verify_directly_issued_by(load_certificate(issuer))


def hold_authorities(authorities: Sequence[x509.Certificate], *, strict: bool = True) -> None:
    """Everyone above the leaf, the nearest first, is a CA with room for those below it (RFC 5280, section 6.1.4, k to m). Raises Refused."""
    for below, certificate in enumerate(authorities):
        constraints, usage = _extension(certificate, x509.BasicConstraints), _extension(certificate, x509.KeyUsage)
        if constraints is None and not strict:
            continue
        if constraints is None or not constraints.ca or (usage is not None and not usage.key_cert_sign):
            raise Refused("chain", "chain-invalid", f"{_called(certificate)} may not issue certificates")
        if constraints.path_length is not None and constraints.path_length < below:
            raise Refused("chain", "chain-invalid", f"{_called(certificate)} allows fewer CAs below it than there are")


def _called(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or "a certificate without a name"


E_ = TypeVar("E_", bound=x509.ExtensionType)


def _extension(certificate: x509.Certificate, kind: type[E_]) -> E_ | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def dates_of(certificate: x509.Certificate) -> tuple[Callable[[], str], datetime, datetime]:
    """What it is called (a name is put into words only where somebody must read it), from when and until when it is valid."""
    return partial(_called, certificate), certificate.not_valid_before_utc, certificate.not_valid_after_utc


def hold_validity(examination: Examination, dates: Sequence[tuple[Callable[[], str], datetime, datetime]], now: datetime) -> None:
    """The check `validity`. Raises Refused `expired`, `not-yet-valid`."""
    for called, since, until in dates:
        if now < since:
            raise Refused("validity", "not-yet-valid", f"{called()} is valid from {since:%Y-%m-%d %H:%M} UTC")
        if now > until:
            raise Refused("validity", "expired", f"{called()} was valid until {until:%Y-%m-%d %H:%M} UTC")
    told = f"all {len(dates)} certificates are in date, until {min(until for _, _, until in dates):%Y-%m-%d}"
    examination.passed("validity", told)


def hold_revocation(
    examination: Examination, chain: Sequence[x509.Certificate], crls: Sequence[bytes], now: datetime, *, max_age_s: float | None = None
) -> None:
    """The check `revocation`: each list must be of an issuer of this chain, signed by it and in date (RFC 5280, section 6.3).

    Raises:
        Refused: `revoked`; `collateral-mismatch`: a list of somebody else; `collateral-expired`; `malformed`.
    """
    for raw in crls:
        listed, named = _revocation_list(bytes(raw))
        issuer = next((one for one in chain[1:] if one.subject == named and _signed(bytes(raw), one)), None)
        if issuer is None:
            raise Refused("revocation", "collateral-mismatch", "a revocation list is of somebody who did not issue this chain")
        if listed.next_update_utc is None or not listed.last_update_utc <= now <= listed.next_update_utc:
            raise Refused("revocation", "collateral-expired", "a revocation list is not of this time", hint="fetch the vendor's list anew")
        age = (now - listed.last_update_utc).total_seconds()
        if max_age_s is not None and age > max_age_s:
            told = f"a revocation list is {age:.0f} s old; the policy allows {max_age_s:g} s"
            raise Refused("revocation", "collateral-expired", told, hint="fetch the vendor's list anew")
        for certificate in chain:
            if certificate.issuer == issuer.subject and listed.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
                raise Refused("revocation", "revoked", f"{_called(certificate)} was revoked by its issuer")
    told = f"{len(crls)} revocation lists name none of the chain" if crls else "no revocation list was given; none was looked at"
    examination.passed("revocation", told)


@lru_cache(maxsize=64)
def _signed(raw: bytes, issuer: x509.Certificate) -> bool:
    usage = _extension(issuer, x509.KeyUsage)
    if usage is not None and not usage.crl_sign:
        return False
    listed, _ = _revocation_list(raw)
    try:
        return listed.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    except TYPED:
        return False


@lru_cache(maxsize=64)
def _revocation_list(raw: bytes) -> tuple[x509.CertificateRevocationList, x509.Name]:
    """A list and whose it is: names are parsed anew, and may warn, each time that they are asked for."""

    def load() -> tuple[x509.CertificateRevocationList, x509.Name]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = x509.load_pem_x509_crl(raw) if raw.lstrip().startswith(b"-----") else x509.load_der_x509_crl(raw)
            found.extensions, found.last_update_utc, found.next_update_utc  # noqa: B018 (parsed when first asked for)
            _hold_whole_bytes(found.public_bytes(Encoding.DER), found.signature)
            return found, found.issuer

    return tried("revocation", "malformed", "a revocation list cannot be read", load)
