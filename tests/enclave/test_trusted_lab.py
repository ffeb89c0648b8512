"""Rules within a chain, under a root of our own that is trusted here: who may issue, serial numbers, revocation.

Real documents are signed anew, certificates and all; with the lab's root in the place of the vendor's they are accepted, and then one thing is
changed. Without a vendor's key nothing else could show these rules.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from benchmarks.enclave_material import honest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from velatura.attacks.enclave.chains import SERIALS
from velatura.attacks.enclave.freshness import with_field
from velatura.attacks.enclave.keys import Keys
from velatura.attacks.enclave.lookalike import SERIAL, loaded, look_alike, no_authority, public_of
from velatura.attacks.enclave.opening import opened
from velatura.attacks.enclave.submission import Submission
from velatura.audit.enclave.arms import VerifyingArm
from velatura.enclave.evidence import roots

SHARED = Path(os.environ.get("VELATURA_SHARED", Path(__file__).parents[3] / "shared"))
KEYS = Keys(9)
LABS = {
    "snp-v3-genoa-vcek": ("amd-genoa-vcek",),
    "snp-v3-milan-vlek-vmpl1": ("amd-milan-vlek", "amd-milan-vcek"),
    "nitro-2022": ("aws-nitro",),
    "nvidia-hopper": ("nvidia-device",),
}
"""Document -> whose roots are replaced by the lab's."""


@cache
def submissions() -> dict[str, Submission]:
    return honest(SHARED)


def accepted(submission: Submission) -> bool:
    return VerifyingArm()(submission, np.random.default_rng(0))


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.slow if name.startswith("snp") else ()) for name in LABS])
def lab(request: pytest.FixtureRequest, shared: Path, monkeypatch: pytest.MonkeyPatch) -> Submission:
    """A document of the lab, whose root is trusted."""
    if request.param.startswith("snp"):  # AMD's authorities have RSA keys of 4096 bits, and others are refused for that alone
        monkeypatch.setattr("velatura.attacks.enclave.keys.RSA_BITS", 4096)
    found = opened(submissions()[request.param])
    assert found.signed_anew is not None
    made = found.signed_anew(found.submission, KEYS).beside(root=None)
    chain = opened(made).chains[0].certificates
    assert not accepted(made), "the lab is nobody yet"
    pin = hashlib.sha256(public_of(chain[-1]).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    theirs = {name: replace(roots.ROOTS[name], pin=pin) for name in LABS[request.param]}
    monkeypatch.setattr(roots, "ROOTS", {**roots.ROOTS, **theirs})
    kept = roots.pinned_chain
    pinned: Callable[[str], tuple[bytes, ...]] = lambda name: tuple(chain[1:]) if name in theirs else kept(name)  # noqa: E731
    for module in ("roots", "amd_chain", "nitro", "nvidia"):
        monkeypatch.setattr(f"velatura.enclave.evidence.{module}.pinned_chain", pinned, raising=False)
    for module in ("amd_chain",):
        monkeypatch.setattr(f"velatura.enclave.evidence.{module}.ROOTS", roots.ROOTS, raising=False)
    assert accepted(made), "with its root in the vendor's place it is"
    return made


def changed(lab: Submission, place: int, changes: dict[int, bytes]) -> Submission:
    """The lab's chain with one certificate changed, all signed as it must be."""
    real = opened(submissions_of(lab)).chains[0].certificates
    return _with_chain(lab, look_alike(real, KEYS, changes={place: changes})[0])


def submissions_of(lab: Submission) -> Submission:
    return next(one for name, one in submissions().items() if name in LABS and one.format == lab.format and one.at == lab.at)


def _with_chain(lab: Submission, chain: Sequence[bytes]) -> Submission:
    made = opened(lab).chains[0].put(chain)
    if lab.format != "nitro":
        return made
    found = opened(made)  # its chain lies in what is signed
    assert found.signed_anew is not None
    return found.signed_anew(made, KEYS)


def test_evidence_of_a_trusted_lab_with_another_nonce_is_refused(lab: Submission) -> None:
    fresh = KEYS.bytes("fresh", 32)
    assert not accepted(lab.asked("require", nonce=fresh.hex()))
    assert not accepted(with_field(lab, "nonce", fresh)) or lab.format == "nitro"


@pytest.mark.parametrize("serial", SERIALS)
def test_an_authority_with_a_serial_number_that_is_none_is_refused(lab: Submission, serial: str) -> None:
    if lab.format == "nitro":
        pytest.skip("its chain lies in what is signed, and is made anew with it")
    assert accepted(changed(lab, 1, {}))
    assert not accepted(changed(lab, 1, {SERIAL: SERIALS[serial]}))


def test_an_intermediate_that_may_not_issue_is_refused(lab: Submission) -> None:
    if lab.format == "nitro":
        pytest.skip("its chain lies in what is signed, and is made anew with it")
    real = opened(submissions_of(lab)).chains[0].certificates
    assert accepted(changed(lab, 1, {}))
    assert not accepted(changed(lab, 1, no_authority(real[1])))


def test_an_authority_that_its_issuer_has_revoked_is_refused(lab: Submission) -> None:
    chain = opened(lab).chains[0].certificates
    revoked, issuer = loaded(chain[1]), loaded(chain[2])
    assert accepted(replace(lab, crls=(_list(issuer, revoked.serial_number + 1, lab),))), "a list that does not name it"
    assert not accepted(replace(lab, crls=(_list(issuer, revoked.serial_number, lab),)))


def test_a_list_of_somebody_else_is_refused(lab: Submission) -> None:
    chain = opened(lab).chains[0].certificates
    assert not accepted(replace(lab, crls=(_list(loaded(chain[0]), 4711, lab),)))


def test_a_list_that_is_out_of_date_is_refused(lab: Submission) -> None:
    issuer = loaded(opened(lab).chains[0].certificates[2])
    assert accepted(replace(lab, crls=(_list(issuer, 4711, lab),)))
    assert not accepted(replace(lab, crls=(_list(issuer, 4711, lab, days=-1),)))


def _list(issuer: x509.Certificate, serial: int, lab: Submission, *, days: int = 5) -> bytes:
    """Of revoked certificates, signed by the key that the lab has in the issuer's place."""
    real = opened(submissions_of(lab)).chains[0].certificates
    place = next((index for index, raw in enumerate(real) if loaded(raw).subject == issuer.subject), 0)
    key = KEYS.like(loaded(real[place]).public_key(), f"certificate {place}")
    entry = x509.RevokedCertificateBuilder(serial, lab.at - timedelta(days=20)).build()
    builder = x509.CertificateRevocationListBuilder(issuer.subject, lab.at - timedelta(days=10), lab.at + timedelta(days=days))
    builder = builder.add_revoked_certificate(entry)
    if isinstance(key, rsa.RSAPrivateKey):
        return builder.sign(key, hashes.SHA384(), rsa_padding=padding.PSS(padding.MGF1(hashes.SHA384()), 48)).public_bytes(Encoding.DER)
    return builder.sign(key, hashes.SHA384()).public_bytes(Encoding.DER)
