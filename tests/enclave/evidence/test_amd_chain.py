"""From leaf to AMD's root: who else may not certify, and what AMD's revocation lists do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from tests.enclave.evidence.amd_world import NOW, PSS, AmdWorld, name_of, rsa_key

from velatura.enclave.appraisal import Appraisal
from velatura.enclave.companions import Companions
from velatura.enclave.evidence.roots import pinned_chain
from velatura.enclave.policy import parse_policy
from velatura.enclave.verify import verify

WORLDS = [(product, kind) for product in ("Milan", "Genoa", "Turin") for kind in ("vcek", "vlek")]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> AmdWorld:
    found = AmdWorld()
    found.trust(monkeypatch)
    return found


def judged(world: AmdWorld, beside: Companions, *, now: datetime = NOW, require: str = "") -> Appraisal:
    policy = parse_policy(f'version = 1\nformat = "sev-snp"\n[reference]\nany_measurement = true\n[require]\n{require}')
    return verify(world.report(), policy, beside, now=now)


@pytest.mark.parametrize(("product", "kind"), WORLDS)
def test_every_product_and_kind_verifies(monkeypatch: pytest.MonkeyPatch, product: str, kind: str) -> None:
    world = AmdWorld(product, kind)
    assert judged(world, world.companions()).code == "chain-invalid"  # a look-alike: AMD's names, somebody's keys
    world.trust(monkeypatch)
    found = judged(world, world.companions())
    assert (found.verdict, found.code, found.claims["product"], found.claims["signing_key"]) == ("affirming", "ok", product, kind)
    assert found.claims.get("cloud", "") == ("CN=a.cloud" if kind == "vlek" else "")


def test_the_packages_chain_serves_where_the_policy_names_none(world: AmdWorld) -> None:
    found = judged(world, Companions(leaf=world.leaf(), chain=None))
    assert found.code == "chain-invalid", "a leaf that AMD's own chain did not issue"


def test_a_chain_of_another_kind_or_product_is_refused(world: AmdWorld) -> None:
    for chain in (AmdWorld(kind="vlek").chain, AmdWorld("Genoa").chain):
        assert judged(world, world.companions(chain=chain)).code == "chain-invalid"


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def nobody() -> x509.Certificate:
    """Self-signed, and without any name."""
    name = x509.Name([])
    return x509.CertificateBuilder(name, name, rsa_key().public_key(), 1, NOW, NOW + timedelta(days=9)).sign(rsa_key(), hashes.SHA384())


PEM_OF: dict[str, Callable[[AmdWorld], bytes]] = {
    "ask alone": lambda world: pem(world.ask),
    "ark alone": lambda world: pem(world.ark),
    "reversed": lambda world: pem(world.ark) + pem(world.ask),
    "the ask twice": lambda world: pem(world.ask) + world.chain,
    "the ark twice": lambda world: world.chain + pem(world.ark),
    "nobody's": lambda world: pem(world.ask) + pem(nobody()),
    "nothing": lambda world: b"",
    "text around": lambda world: b"AMD\n" + world.chain,
    "real ark": lambda world: pem(world.ask) + pem(x509.load_der_x509_certificate(pinned_chain("amd-milan-vcek")[1])),
}


@pytest.mark.parametrize("name", PEM_OF)
def test_a_chain_is_the_ask_and_then_the_ark(world: AmdWorld, name: str) -> None:
    found = judged(world, world.companions(chain=PEM_OF[name](world)))
    assert found.verdict == "contraindicated"
    assert found.code in {"chain-invalid", "malformed"}


@pytest.mark.parametrize("tail", [b"\0", b"\n\n", b"\0\0\n"])
def test_zeros_and_white_space_may_follow_pem(world: AmdWorld, tail: bytes) -> None:
    assert judged(world, world.companions(chain=world.chain + tail)).code == "ok"
    assert judged(world, world.companions(chain=world.chain.replace(b"\n", b"\r\n") + tail)).code == "ok"


def test_an_ask_that_may_not_certify_is_refused(world: AmdWorld) -> None:
    for ask in (world.authority("SEV-Milan", "ARK-Milan", 65537, None, ca=False), world.authority("SEV-Milan", "ARK-Other", 65537, 0)):
        assert judged(world, world.companions(chain=pem(ask) + pem(world.ark))).code == "chain-invalid"


def test_a_leaf_of_another_issuer_is_refused(world: AmdWorld) -> None:
    found = judged(world, world.companions(leaf=world.leaf(issuer="SEV-Genoa")))
    assert (found.code, found.decisive.name if found.decisive else "") == ("chain-invalid", "chain")


def test_certificates_out_of_date_are_refused(world: AmdWorld) -> None:
    for now, code in ((datetime(2041, 1, 1, tzinfo=NOW.tzinfo), "expired"), (datetime(2019, 1, 1, tzinfo=NOW.tzinfo), "not-yet-valid")):
        assert judged(world, world.companions(), now=now).code == code


def crl(*serials: int, issuer: str = "ARK-Milan", made: datetime = NOW, days: int = 30) -> bytes:
    builder = x509.CertificateRevocationListBuilder(name_of(issuer), made, made + timedelta(days=days))
    for serial in serials:
        builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder(serial, made).build())
    return builder.sign(rsa_key(), hashes.SHA384(), rsa_padding=PSS).public_bytes(Encoding.DER)


def test_a_revocation_list_that_names_nobody_passes(world: AmdWorld) -> None:
    found = judged(world, world.companions(crl=(crl(), crl(99))))
    told = next(check.told for check in found.checks if check.name == "revocation")
    assert (found.code, told) == ("ok", "2 revocation lists name none of the chain")


@pytest.mark.parametrize("serial", [65536, 65537])
def test_a_revoked_intermediate_or_root_is_refused(world: AmdWorld, serial: int) -> None:
    assert judged(world, world.companions(crl=(crl(serial),))).code == "revoked"


def test_a_list_out_of_date_or_of_somebody_else_is_refused(world: AmdWorld) -> None:
    for raw, code in (
        (crl(made=NOW - timedelta(days=31)), "collateral-expired"),
        (crl(made=NOW + timedelta(days=1)), "collateral-expired"),
        (crl(issuer="ARK-Genoa"), "collateral-mismatch"),
        (crl(issuer="SEV-Milan"), "collateral-mismatch"),
        (crl()[:-1], "malformed"),
        (b"", "malformed"),
    ):
        assert judged(world, world.companions(crl=(raw,))).code == code
    changed = bytearray(crl())
    changed[-1] ^= 1
    assert judged(world, world.companions(crl=(bytes(changed),))).code == "collateral-mismatch"


def test_a_list_may_not_be_older_than_the_policy_says(world: AmdWorld) -> None:
    beside = world.companions(crl=(crl(made=NOW - timedelta(days=2)),))
    assert judged(world, beside, require="collateral_max_age_s = 259200").code == "ok"
    assert judged(world, beside, require="collateral_max_age_s = 86400").code == "collateral-expired"
