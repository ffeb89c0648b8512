"""Vendors' roots, as files of this package, each pinned by the SHA-256 of its SubjectPublicKeyInfo, which stands here.

A file whose last certificate has another key is refused when it is loaded, so that to change whom we trust one has to change code. Where each file
came from stands in `roots/PROVENANCE.md`. A root that comes with evidence is never trusted: it can only be one of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from velatura.enclave.evidence.certificates import key_digest
from velatura.errors import Broken

__all__ = ["ROOTS", "Root", "pinned_chain", "pins"]


@dataclass(frozen=True, slots=True)
class Root:
    """One file of `roots/`.

    Attributes:
        file: PEM or DER; intermediates may stand before the root, which is last.
        name: how checks call the root.
        pin: SHA-256 of the root's SubjectPublicKeyInfo, hex.
    """

    file: str
    name: str
    pin: str


MILAN = "9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9"
GENOA = "429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831"
TURIN = "4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08"

ROOTS: Mapping[str, Root] = MappingProxyType(
    {
        "amd-milan-vcek": Root("amd-milan-vcek.pem", "ARK-Milan", MILAN),
        "amd-milan-vlek": Root("amd-milan-vlek.pem", "ARK-Milan", MILAN),
        "amd-genoa-vcek": Root("amd-genoa-vcek.pem", "ARK-Genoa", GENOA),
        "amd-genoa-vlek": Root("amd-genoa-vlek.pem", "ARK-Genoa", GENOA),
        "amd-turin-vcek": Root("amd-turin-vcek.pem", "ARK-Turin", TURIN),
        "amd-turin-vlek": Root("amd-turin-vlek.pem", "ARK-Turin", TURIN),
        "aws-nitro": Root("aws-nitro-root-g1.pem", "AWS Nitro Enclaves Root-G1", "f2caf5ecc6190b4a8399b78bc58a2bbcd0382375db8a1bfd78a82743874fd225"),
        "nvidia-device": Root(
            "nvidia-device-identity-ca.pem", "NVIDIA Device Identity CA", "a90c4eb5acfd3e3d03a25db6a26b84f720ad0503196c627c21ddd48dd85b06a4"
        ),
        "gcp-ek-ak": Root("gcp-ek-ak-ca-root.crt", "Google Cloud EK/AK CA Root", "56a613f57126a385dd6949294e93b0b566f96ab0573be0c2368e6f5ca779831f"),
        "intel-sgx": Root("intel-sgx-root-ca.der", "Intel SGX Root CA", "a0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e"),
    }
)
"""What a verifier asks for -> the file and its pin."""


def pins(*names: str) -> dict[str, str]:
    """SHA-256 of the key -> name of the root, for those of ROOTS that are named: what `hold_chain` wants."""
    return {ROOTS[name].pin: ROOTS[name].name for name in names}


@lru_cache(maxsize=32)
def pinned_chain(name: str) -> tuple[bytes, ...]:
    """The certificates of one of ROOTS in DER, the root last.

    Raises:
        Broken: `enclave.root`: this package's file holds another key than the one that stands here.
    """
    root = ROOTS[name]
    raw = (files("velatura.enclave.evidence") / "roots" / root.file).read_bytes()
    found = x509.load_pem_x509_certificates(raw) if raw.startswith(b"-----") else [x509.load_der_x509_certificate(raw)]
    if key_digest(found[-1]) != root.pin:
        raise Broken("enclave.root", f"{root.file} of this package is not {root.name}", hint="install velatura anew, from a source that you trust")
    return tuple(certificate.public_bytes(Encoding.DER) for certificate in found)
