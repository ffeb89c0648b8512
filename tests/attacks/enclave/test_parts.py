"""Documents taken apart by their attacker: every part goes back in its place, and what he signs anew is whole but for the root."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from benchmarks.enclave_material import honest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from tests.attacks.enclave.process_evidence import honest as of_a_process

from velatura.attacks.enclave import nitro
from velatura.attacks.enclave.eventlog import events_of
from velatura.attacks.enclave.keys import Keys
from velatura.attacks.enclave.lookalike import loaded, look_alike, public_of, tlv
from velatura.attacks.enclave.mutations import same_content
from velatura.attacks.enclave.opening import opened
from velatura.attacks.enclave.pem import certificates_of, pem_of
from velatura.attacks.enclave.submission import Submission

NAMES = (
    "snp-v3-genoa-vcek", "snp-v5-turin-vcek", "snp-v3-milan-vlek-vmpl1", "sgx-v3-accepted", "tdx-v4", "tdx-v5", "ccel-cos113", "nitro-2022",
    "nitro-2025-indefinite", "azure-snp-milan-v2", "azure-tdx-2025", "tpm-gce-nonce", "nvidia-hopper", "nvidia-multi-gpu",
)  # fmt: skip


@cache
def submissions(shared: Path) -> dict[str, Submission]:
    return honest(shared)


@pytest.mark.parametrize("name", NAMES)
def test_every_part_and_every_chain_goes_back_in_its_place(name: str, shared: Path) -> None:
    found = opened(submissions(shared)[name])
    assert found.parts
    for part in found.parts:
        again = opened(part.put(part.raw)).part(part.name)
        assert again is not None
        assert (again.raw, again.fields) == (part.raw, part.fields)
        assert all(one.start <= one.stop <= len(part.raw) for one in part.fields)
        assert [one.start for one in part.fields] == sorted(one.start for one in part.fields)
    for place, chain in enumerate(found.chains):
        assert opened(chain.put(chain.certificates)).chains[place].certificates == chain.certificates


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_into_a_signed_field_changes_the_content(name: str, shared: Path) -> None:
    found = opened(submissions(shared)[name])
    part = next(one for one in found.parts if any(field.signed and field.stop > field.start for field in one.fields))
    field = next(one for one in part.fields if one.signed and not one.role and one.stop > one.start)
    made = part.put(field.written(part.raw, bytes(byte ^ 1 for byte in field.of(part.raw))))
    assert not same_content(found, made)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "tpm-gce-nonce"])
def test_a_look_alike_is_a_chain_in_itself_with_the_names_and_dates_of_the_real_one(name: str, shared: Path) -> None:
    certificates = opened(submissions(shared)[name]).chains[0].certificates
    made, _ = look_alike(certificates, Keys(3))
    for real, copy, issuer in zip(certificates, made, (*made[1:], made[-1]), strict=True):
        loaded(copy).verify_directly_issued_by(loaded(issuer))
        assert loaded(copy).subject == loaded(real).subject
        assert loaded(copy).not_valid_after_utc == loaded(real).not_valid_after_utc
        assert [one.oid for one in loaded(copy).extensions] == [one.oid for one in loaded(real).extensions]
        assert public_of(copy) != public_of(real)


def test_a_report_signed_anew_verifies_under_the_look_alike_leaf(shared: Path) -> None:
    found = opened(submissions(shared)["snp-v5-turin-vcek"])
    assert found.signed_anew is not None
    made = found.signed_anew(found.submission, Keys(3))
    part, leaf = opened(made).parts[0], certificates_of(made.companions["leaf"])[0]
    r, s = (int.from_bytes(one.of(part.raw), "little") for one in part.having("signature"))
    key = public_of(leaf)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(encode_dss_signature(r, s), part.raw[:0x2A0], ec.ECDSA(hashes.SHA384()))


def test_what_is_signed_of_a_process_is_its_claims_and_its_key() -> None:
    found = opened(of_a_process())
    names = {field.name for part in found.parts for field in part.fields if field.signed}
    assert names == {"claims", "nonce", "report_data", "recipient", "job", "measurement", "interpreter", "key"}
    assert found.signed_anew is None, "whoever owns the machine makes such evidence: that is no forgery"


def test_an_event_log_is_cut_at_its_events(shared: Path) -> None:
    part = opened(submissions(shared)["tpm-gce-nonce"]).part("event log")
    assert part is not None
    events = events_of(part)
    assert len(events) >= 40
    assert all(first[1] == second[0] for first, second in pairwise(events))


def test_certificates_are_found_in_pem_with_anything_around_it(shared: Path) -> None:
    held = opened(submissions(shared)["nvidia-hopper"]).chains[0].certificates
    assert certificates_of(b"text\n" + pem_of(held).replace(b"\n", b"\r\n") + b"\0\0") == held
    assert certificates_of(held[0]) == held[:1]
    assert certificates_of(b"") == ()


@pytest.mark.parametrize("count", [0, 23, 24, 255, 256, 65535, 65536])
def test_heads_of_cbor_and_der_are_the_shortest(count: int) -> None:
    head = nitro.head(2, count)
    assert len(head) == (1 if count < 24 else 2 if count < 256 else 3 if count < 65536 else 5)
    size = len(tlv(4, bytes(count))) - count
    assert size == (2 if count < 128 else 3 if count < 256 else 4 if count < 65536 else 5)
