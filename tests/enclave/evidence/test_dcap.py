"""DCAP quotes from link to link: real ones, and ones of an Intel of our own whose every signature holds but for what a test changes."""

from __future__ import annotations

import base64
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.enclave.evidence.intel_world import NOW, IntelWorld, raw_signature, sgx_body
from tests.enclave.evidence.real import real

from velatura.enclave.appraisal import Appraisal, Outcome, Verdict
from velatura.enclave.companions import Companions
from velatura.enclave.evidence.certificates import certificates_in
from velatura.enclave.evidence.dcap import platform_of
from velatura.enclave.evidence.dcap_quote import read_quote
from velatura.enclave.policy import parse_policy
from velatura.enclave.verify import verify
from velatura.errors import BadInput, Missing

WORLD = IntelWorld()
ASKED = 'version = 1\nformat = "tdx"\n[reference]\nany_measurement = true'
STRANGER = ec.generate_private_key(ec.SECP256R1())
KINDS: list[tuple[Literal["sgx", "tdx"], int]] = [("sgx", 3), ("tdx", 4), ("tdx", 5)]


def judged(quote: bytes, tee: str = "tdx", *, collateral: bytes | None = None, require: str = "", crl: Sequence[bytes] = ()) -> Appraisal:
    policy = parse_policy(f'version = 1\nformat = "{tee}"\n[reference]\nany_measurement = true\n[require]\n{require}')
    return verify(quote, policy, Companions(dcap=collateral or WORLD.collateral(tee), crl=tuple(crl)), now=NOW)


@pytest.fixture(autouse=True)
def trusted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "shared" not in request.fixturenames:
        WORLD.trust(monkeypatch)


@pytest.mark.parametrize(("tee", "version"), KINDS)
def test_a_whole_quote_passes_every_check_by_name(tee: Literal["sgx", "tdx"], version: int) -> None:
    found = judged(WORLD.quote(tee, version), tee)
    assert (found.verdict, found.code, found.assurance.word) == (Verdict.AFFIRMING, "ok", "tee")
    names = [check.name for check in found.checks]
    assert names[:8] == ["structure", "chain", "validity", "revocation", "pck", "qe-report", "key-binding", "signature"]
    assert {"debug", "collateral", "collateral-dates", "collateral-signature", "qe-identity", "tcb", "measurement", "nonce"} <= set(names)
    assert found.claims["fmspc"] == "00a06f050000" and found.claims["tcb"] == {"status": "UpToDate", "advisories": []}


@pytest.mark.parametrize("version", [4, 5])
def test_sgx_in_newer_versions_is_verified_but_for_its_tcb(version: int) -> None:
    found = judged(WORLD.quote("sgx", version), "sgx")
    assert (found.verdict, found.code) == (Verdict.CONTRAINDICATED, "unsupported")
    assert [check.name for check in found.checks if check.outcome is Outcome.FAILED] == ["tcb"]


def test_the_pinned_root_alone_ends_a_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    look_alike = IntelWorld()  # the same names, other keys
    found = judged(look_alike.quote(), collateral=look_alike.collateral())
    assert (found.verdict, found.code) == (Verdict.CONTRAINDICATED, "chain-invalid")


def signed_by(*names: str) -> tuple[x509.Certificate, ...]:
    return tuple({"pck": WORLD.pck, "ca": WORLD.ca, "root": WORLD.root, "tcb": WORLD.tcb}[name] for name in names)


def leaf_of(subject: str, issuer: str, signer: Any, **options: Any) -> x509.Certificate:
    return WORLD.certificate(subject, WORLD.pck_key, issuer, signer, **options)


CHAINS = {
    "no intermediate": signed_by("pck", "root"),
    "reordered": signed_by("ca", "pck", "root"),
    "root first": signed_by("root", "ca", "pck"),
    "leaf twice": signed_by("pck", "pck", "ca", "root"),
    "an extra certificate": signed_by("pck", "ca", "root", "tcb"),
    "the leaf alone": signed_by("pck"),
    "TCB signing's": signed_by("tcb", "root"),
    "a leaf that is a CA": (leaf_of("Intel SGX PCK Certificate", "Intel SGX PCK Processor CA", WORLD.ca_key, ca=0), WORLD.ca, WORLD.root),
    "an issuer that is no CA": (
        leaf_of("Intel SGX PCK Certificate", "Intel SGX PCK Certificate", WORLD.pck_key),
        WORLD.pck,
        WORLD.ca,
        WORLD.root,
    ),
    "a leaf that is no platform's": (leaf_of("Somebody's server", "Intel SGX PCK Processor CA", WORLD.ca_key), WORLD.ca, WORLD.root),
    "a leaf right below the root": (leaf_of("Intel SGX PCK Certificate", "Intel SGX Root CA", WORLD.root_key), WORLD.root),
}


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_other_chains_are_refused(chain: Sequence[x509.Certificate]) -> None:
    bare = verify(WORLD.quote(chain=chain), parse_policy(ASKED), now=NOW)
    assert (bare.verdict, bare.code) == (Verdict.CONTRAINDICATED, "chain-invalid")
    assert judged(WORLD.quote(chain=chain)).code in ("chain-invalid", "collateral-mismatch")  # whose lists are those of another chain


def test_a_leaf_that_does_not_tell_its_platform_is_refused() -> None:
    leaf = leaf_of("Intel SGX PCK Certificate", "Intel SGX PCK Processor CA", WORLD.ca_key)
    assert judged(WORLD.quote(chain=(leaf, WORLD.ca, WORLD.root))).code == "malformed"


@pytest.mark.parametrize(("since", "until", "code"), [(-10, -1, "expired"), (1, 10, "not-yet-valid")])
def test_certificates_must_be_in_date(since: int, until: int, code: str) -> None:
    days = {"since": NOW + timedelta(days=since), "until": NOW + timedelta(days=until)}
    leaf = leaf_of("Intel SGX PCK Certificate", "Intel SGX PCK Processor CA", WORLD.ca_key, **days)
    assert judged(WORLD.quote(chain=(leaf, WORLD.ca, WORLD.root))).code == code


def test_a_revoked_platform_is_refused() -> None:
    listed = WORLD.crl("Intel SGX PCK Processor CA", WORLD.ca_key, revoked=[WORLD.pck.serial_number])
    assert judged(WORLD.quote(), collateral=WORLD.collateral(pck_crl=listed.hex())).code == "revoked"
    assert judged(WORLD.quote(), crl=[listed]).code == "revoked"


def test_a_revoked_intermediate_is_refused() -> None:
    listed = WORLD.crl("Intel SGX Root CA", WORLD.root_key, revoked=[WORLD.ca.serial_number])
    assert judged(WORLD.quote(), collateral=WORLD.collateral(root_ca_crl=listed.hex())).code == "revoked"


@pytest.mark.parametrize(("tee", "version"), KINDS)
def test_each_signature_is_looked_at(tee: Literal["sgx", "tdx"], version: int) -> None:
    assert judged(WORLD.quote(tee, version, pck_key=STRANGER), tee).decisive.name == "qe-report"  # type: ignore[union-attr]
    raw = WORLD.quote(tee, version)
    quote = read_quote(raw, tee)
    told = judged(raw.replace(quote.signature, raw_signature(STRANGER, quote.signed)), tee).decisive
    assert told is not None and (told.name, told.code) == ("signature", "signature")


def test_the_quoting_enclave_binds_the_attestation_key_and_what_stands_beside_it() -> None:
    raw = WORLD.quote(auth=b"authentication")
    told = judged(raw.replace(b"authentication", b"Authentication")).decisive
    assert told is not None and (told.name, told.code) == ("key-binding", "signature")


def test_bytes_after_the_hash_in_the_quoting_enclaves_report_data_are_refused() -> None:
    raw = WORLD.quote()
    quote = read_quote(raw, "tdx")
    forged = quote.qe_report[:-1] + b"\1"
    raw = raw.replace(quote.qe_report + quote.qe_signature, forged + raw_signature(WORLD.pck_key, forged))
    assert judged(raw).decisive.name == "key-binding"  # type: ignore[union-attr]


@pytest.mark.parametrize("value", [bytes(32), b"\xff" * 32, bytes.fromhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")])
@pytest.mark.parametrize("half", [0, 1])
def test_r_and_s_out_of_range_are_refused(value: bytes, half: int) -> None:
    raw = WORLD.quote()
    signature = read_quote(raw, "tdx").signature
    changed = value + signature[32:] if half == 0 else signature[:32] + value
    assert judged(raw.replace(signature, changed)).code == "signature"


def test_an_attestation_key_that_is_no_point_is_refused() -> None:
    raw = WORLD.quote()
    key = read_quote(raw, "tdx").key
    assert judged(raw.replace(key, b"\1" * 64)).code == "signature"


def test_signatures_are_malleable_so_the_bytes_of_a_quote_are_no_identity() -> None:
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    raw = WORLD.quote()
    signature = read_quote(raw, "tdx").signature
    twin = raw.replace(signature[32:], (order - int.from_bytes(signature[32:], "big")).to_bytes(32, "big"))
    assert twin != raw and judged(twin).claims == judged(raw).claims and judged(twin).verdict is Verdict.AFFIRMING


def test_an_impostor_among_quoting_enclaves_is_refused() -> None:
    for body in (
        sgx_body(mrsigner=b"\x45" * 32, prodid=2),
        sgx_body(mrsigner=WORLD.SIGNER, prodid=3),
        sgx_body(mrsigner=WORLD.SIGNER, prodid=2, debug=True),
    ):
        found = judged(WORLD.quote(qe_body=body))
        assert (found.verdict, found.code) == (Verdict.CONTRAINDICATED, "qe-identity")


def test_without_collateral_the_verdict_says_where_to_get_it_and_looks_at_the_rest() -> None:
    found = verify(WORLD.quote(), parse_policy(ASKED), now=NOW)
    assert (found.verdict, found.code) == (Verdict.CONTRAINDICATED, "collateral-missing")
    assert "tcb?fmspc=00A06F050000" in found.decisive.hint  # type: ignore[union-attr]
    assert found.checks[-1].name == "assurance" and any(check.name == "signature" for check in found.checks)


def test_without_the_engine_nothing_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dcap_qvl", None)
    with pytest.raises(Missing, match=r"enclave\.extra"):
        judged(WORLD.quote())
    assert judged(WORLD.quote(pck_key=STRANGER)).code == "signature"  # which it takes no engine to see


def test_a_platform_is_read_as_the_engine_reads_it(shared: Path) -> None:
    import dcap_qvl

    for name in ("sgx/sgx-v3", "tdx/tdx-v4", "tdx/tdx-v5", "tdx/tdx-v4-cos113"):
        raw = (shared / f"data/enclave-evidence/{name}.quote.bin").read_bytes()
        tee: Literal["sgx", "tdx"] = "sgx" if name.startswith("sgx") else "tdx"
        leaf = x509.load_der_x509_certificate(certificates_in(read_quote(raw, tee).chain)[0])
        assert platform_of(leaf)["fmspc"] == dcap_qvl.parse_quote(raw).fmspc().lower()


def signed_places(raw: bytes, tee: Literal["sgx", "tdx"]) -> list[int]:
    """Every byte that a signature covers or is: header, body, attestation key, quoting enclave's report and what it binds, signatures."""
    quote = read_quote(raw, tee)
    places = list(range(len(quote.signed)))
    for part in (quote.signature + quote.key, quote.qe_report + quote.qe_signature):
        at = raw.index(part)
        places += range(at, at + len(part))
    at = raw.index(quote.qe_signature) + 64
    return places + list(range(at, at + 2 + len(quote.qe_auth)))


REAL: list[tuple[str, Literal["sgx", "tdx"]]] = [("sgx-v3-accepted", "sgx"), ("tdx-v4", "tdx"), ("tdx-v5", "tdx"), ("ccel-cos113", "tdx")]


@pytest.mark.parametrize(("name", "tee"), REAL)
def test_no_changed_bit_of_a_real_quote_is_accepted(shared: Path, name: str, tee: Literal["sgx", "tdx"]) -> None:
    hold_flips(shared, name, tee, step=97)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "tee"), REAL)
def test_no_changed_bit_of_a_real_quote_is_accepted_in_full(shared: Path, name: str, tee: Literal["sgx", "tdx"]) -> None:
    hold_flips(shared, name, tee, step=1)


def hold_flips(shared: Path, name: str, tee: Literal["sgx", "tdx"], *, step: int) -> None:
    case = real(shared, name)
    assert case.judged().verdict is not Verdict.CONTRAINDICATED
    bits = [8 * place + bit for place in signed_places(case.evidence, tee) for bit in range(8)]
    for place in bits[::step]:
        changed = bytearray(case.evidence)
        changed[place // 8] ^= 1 << place % 8
        assert not case.accepted(bytes(changed)), f"bit {place % 8} of byte {place // 8} may change"


@pytest.mark.parametrize(("name", "tee"), REAL)
def test_no_changed_bit_of_its_certificates_is_accepted(shared: Path, name: str, tee: Literal["sgx", "tdx"]) -> None:
    hold_certificates(shared, name, tee, step=61)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "tee"), REAL)
def test_no_changed_bit_of_its_certificates_is_accepted_in_full(shared: Path, name: str, tee: Literal["sgx", "tdx"]) -> None:
    hold_certificates(shared, name, tee, step=1)


def hold_certificates(shared: Path, name: str, tee: Literal["sgx", "tdx"], *, step: int) -> None:
    """Of the DER: their text may be broken otherwise and hold the same certificates."""
    case = real(shared, name)
    text = read_quote(case.evidence, tee).chain
    chain = certificates_in(text)

    def rewritten(certificates: Sequence[bytes]) -> bytes:
        lines = [b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(one) + b"\n-----END CERTIFICATE-----\n" for one in certificates]
        return case.evidence.replace(text, b"".join(lines).ljust(len(text), b"\0"))

    assert len(rewritten(chain)) == len(case.evidence) and case.accepted(rewritten(chain))
    for place in range(0, 8 * sum(map(len, chain)), step):
        changed, left = [bytearray(one) for one in chain], place
        for one in changed:
            if left < 8 * len(one):
                one[left // 8] ^= 1 << left % 8
                break
            left -= 8 * len(one)
        assert not case.accepted(rewritten([bytes(one) for one in changed])), f"bit {place} of the chain may change"


@given(st.data())
@settings(max_examples=150)
def test_mutated_real_quotes_are_refused_or_say_the_same(shared: Path, data: st.DataObject) -> None:
    case = real(shared, "tdx-v5")
    raw = bytearray(case.evidence)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = case.judged(bytes(raw))
    except BadInput:
        return
    assert found.verdict is Verdict.CONTRAINDICATED or found.claims == case.judged().claims  # another line end around the same certificate
