"""A private authority, the server's certificate and the sites' keys: NIST P-384 throughout, as Flower's SuperNodes need it.

The authority lives ten years and its key never leaves the folder; the server's certificate lives 397 days and is made anew with `fl up --renew`.
There are no client certificates: a site is known by its key, with which it signs each request.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_ssh_public_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from velatura.errors import BadInput
from velatura.files import atomic_output, private_output

__all__ = ["Certificate", "make_authority", "make_node_key", "make_server", "public_key", "read_certificate"]

AUTHORITY_DAYS = 3650
SERVER_DAYS = 397  # what browsers accept at most; a year and a month to renew in
SKEW = dt.timedelta(minutes=5)  # between two machines' clocks


@dataclass(frozen=True, slots=True)
class Certificate:
    """names: hosts and addresses that it is for; der: its bytes."""

    begins: dt.datetime
    ends: dt.datetime
    names: tuple[str, ...]
    der: bytes

    def problem(self, host: str, *, at: dt.datetime) -> str:
        """Why a site would refuse it; empty: it would not."""
        if at > self.ends:
            return f"the certificate expired on {self.ends:%Y-%m-%d %H:%MZ}"
        if at < self.begins:
            return f"the certificate begins on {self.begins:%Y-%m-%d %H:%MZ}: is this clock right?"
        if host not in self.names:
            return f"the certificate is for {', '.join(self.names)}, not for {host}"
        return ""


def make_authority(folder: Path, *, at: dt.datetime, days: float = AUTHORITY_DAYS) -> None:
    """`ca.crt` and `ca.key` (0600)."""
    key = ec.generate_private_key(ec.SECP384R1())
    public = key.public_key()
    usage = x509.KeyUsage(False, False, False, False, False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False)
    made = (
        _begun(_name("velatura federation"), public, at, days)
        .issuer_name(_name("velatura federation"))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA384())
    )
    _put(folder / "ca.key", _pem(key))
    _show(folder / "ca.crt", made.public_bytes(Encoding.PEM))


def make_server(folder: Path, names: Sequence[str], *, at: dt.datetime, days: float = SERVER_DAYS) -> None:
    """`server.crt` and `server.key` (0600), signed by the folder's authority.

    Args:
        names: hosts and addresses that sites use for it.
    """
    authority = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
    signer = load_pem_private_key((folder / "ca.key").read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey), "make_authority made it"
    key = ec.generate_private_key(ec.SECP384R1())
    made = (
        _begun(_name(names[0]), key.public_key(), at, days)
        .issuer_name(authority.subject)
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)  # type: ignore[arg-type]
        .sign(signer, hashes.SHA384())
    )
    _put(folder / "server.key", _pem(key))
    _show(folder / "server.crt", made.public_bytes(Encoding.PEM))


def make_node_key(folder: Path, name: str) -> None:
    """`NAME` (OpenSSH, 0600) and `NAME.pub`, which is what the server is given."""
    key = ec.generate_private_key(ec.SECP384R1())
    _put(folder / name, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    _show(folder / f"{name}.pub", key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + f" {name}\n".encode())


def public_key(path: Path) -> bytes:
    """A site's `NAME.pub`, as Flower's registry holds it (PEM).

    Raises:
        BadInput: `federated.key`.
    """
    try:
        key = load_ssh_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise BadInput(
            "federated.key", f"{path}: no public key", hint="the file NAME.pub that `fl up --join` made, or ssh-keygen -t ecdsa"
        ) from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise BadInput("federated.key", f"{path}: not a key on a NIST curve", hint="ssh-keygen -t ecdsa -b 384")
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def read_certificate(raw: bytes) -> Certificate:
    """PEM or DER. Raises BadInput `federated.certificate`."""
    try:
        read = x509.load_pem_x509_certificate(raw) if raw.startswith(b"-----") else x509.load_der_x509_certificate(raw)
    except ValueError as error:
        raise BadInput("federated.certificate", "not a certificate", hint="fl up --renew makes a new one") from error
    return Certificate(read.not_valid_before_utc, read.not_valid_after_utc, _names(read), read.public_bytes(Encoding.DER))


def _names(read: x509.Certificate) -> tuple[str, ...]:
    try:
        found = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return (*found.get_values_for_type(x509.DNSName), *(str(address) for address in found.get_values_for_type(x509.IPAddress)))


def _begun(subject: x509.Name, public: ec.EllipticCurvePublicKey, at: dt.datetime, days: float) -> x509.CertificateBuilder:
    serial = x509.random_serial_number()
    begun = x509.CertificateBuilder().subject_name(subject).public_key(public).serial_number(serial)
    return begun.not_valid_before(at - SKEW).not_valid_after(at + dt.timedelta(days=days))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _put(path: Path, secret: bytes) -> None:
    with private_output(path, force=True) as part:
        part.write_bytes(secret)


def _show(path: Path, public: bytes) -> None:
    with atomic_output(path, force=True) as part:
        part.write_bytes(public)
