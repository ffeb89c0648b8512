"""From a SEV-SNP leaf to AMD's root: ARK (self-signed) -> ASK, for VCEKs, or ASVK, for VLEKs -> leaf.

Source: AMD 57230, section 3; RFC 5280, section 6. The chain of the package serves where the policy names none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from velatura.enclave.appraisal import Examination, Refused
from velatura.enclave.evidence.amd_leaf import Leaf
from velatura.enclave.evidence.amd_product import Product, product_of_root
from velatura.enclave.evidence.certificates import (
    certificates_in,
    dates_of,
    hold_authorities,
    hold_revocation,
    hold_validity,
    key_digest,
    load_certificate,
    tried,
    verify_issued,
)
from velatura.enclave.evidence.roots import ROOTS, pinned_chain, pins

__all__ = ["hold_amd_chain"]

INTERMEDIATES = {"vcek": "SEV-", "vlek": "SEV-VLEK-"}


def hold_amd_chain(
    examination: Examination,
    leaf: Leaf,
    chain: bytes | None,
    *,
    now: datetime,
    crls: Sequence[bytes] = (),
    crl_max_age_s: float | None = None,
) -> None:
    """Three checks: `chain`, `validity`, `revocation`.

    Args:
        chain: ASK or ASVK, then ARK, in PEM; None: the package's.

    Raises:
        Refused: `chain-invalid`, `expired`, `not-yet-valid`, `revoked`, `collateral-expired`, `collateral-mismatch`, `malformed`.
    """
    named = pinned_chain(f"amd-{leaf.product.name.lower()}-{leaf.kind}") if chain is None else tuple(certificates_in(chain, "chain"))
    ask, ark, product = _authorities(named)
    if product is not leaf.product:
        raise Refused("chain", "chain-invalid", f"the chain is of {product.name}, the leaf of {leaf.product.name}")
    wanted = INTERMEDIATES[leaf.kind] + product.name
    if [name.value for name in ask.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)] != [wanted]:
        raise Refused("chain", "chain-invalid", f"the leaf is a {leaf.kind.upper()}, and the chain's first certificate is not {wanted}")
    if leaf.issuer != ask.subject.public_bytes():
        raise Refused("chain", "chain-invalid", f"the leaf ({leaf.kind.upper()}) was not issued by {ask.subject.rfc4514_string()}")
    told = "the leaf is not signed by the ASK that it names"
    tried("chain", "chain-invalid", told, partial(leaf.verify_issued_by, ask.public_key()))  # type: ignore[arg-type]
    examination.passed("chain", f"{leaf.kind.upper()}, ASK and ARK-{product.name}, which is pinned")
    dates = [(lambda: f"the {leaf.kind.upper()}", leaf.not_before, leaf.not_after), dates_of(ask), dates_of(ark)]
    hold_validity(examination, dates, now)
    # AMD's lists are signed by the ARK and name ASKs; leaves, whose serial number is 0, cannot be on a list.
    hold_revocation(examination, (ask, ark), crls, now, max_age_s=crl_max_age_s)


def _authorities(chain: tuple[bytes, ...]) -> tuple[x509.Certificate, x509.Certificate, Product]:
    """The root's key is looked at first: what it did not sign may hold anything."""
    if len(chain) != 2:
        raise Refused("chain", "chain-invalid", f"the chain has {len(chain)} certificates; it wants the ASK (or ASVK) and then the ARK")
    ask, ark = (load_certificate(raw, "chain") for raw in chain)
    product = _product(ark)
    tried("chain", "chain-invalid", "the second certificate is not self-signed", partial(verify_issued, chain[1], chain[1]))
    tried("chain", "chain-invalid", "the first certificate was not issued by the second", partial(verify_issued, *chain))
    for certificate in (ask, ark):
        key = tried("chain", "malformed", "a key of the chain cannot be read", certificate.public_key)
        if not isinstance(key, rsa.RSAPublicKey) or key.key_size != 4096:
            raise Refused("chain", "chain-invalid", "a key of the chain is not RSA of 4096 bits")
    hold_authorities((ask, ark))
    return ask, ark, product


def _product(ark: x509.Certificate) -> Product:
    known = pins(*(name for name in ROOTS if name.startswith("amd-")))
    digest = key_digest(ark)
    if digest not in known:
        raise Refused("chain", "chain-invalid", f"the chain ends at a key that is not AMD's ({digest[:16]}...), whatever its name")
    return product_of_root(known[digest])
