"""TPM quotes: a real machine's hold, and a changed register, log, key or asker does not.

`gcp-ak.pem` is the certificate of a real machine's attestation key: google/go-tpm-tools @ 39db2f4550,
internal/test/certificates/pca_tpm_ecc_sign_cert.pem, Apache-2.0.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from tests.enclave.evidence.logs import header, write_log
from tests.enclave.evidence.real import Real, accepted_flips, real
from tests.enclave.evidence.vendors import ATTESTING, Authority, Tpm, pem, sized

from velatura.enclave.appraisal import Appraisal, Refused, Verdict
from velatura.enclave.assurance import Assurance
from velatura.enclave.companions import Companions
from velatura.enclave.evidence import tpm
from velatura.enclave.evidence.eventlog import replay
from velatura.enclave.evidence.tpm_key import read_public, read_signature
from velatura.enclave.evidence.tpm_quote import read_quote
from velatura.enclave.policy import parse_policy
from velatura.enclave.verify import accepted, verify
from velatura.errors import BadInput

NOW = datetime(2026, 6, 30, tzinfo=UTC)
IPL, SEPARATOR = 0x0D, 0x04
EVENTS = [(index, SEPARATOR, bytes(4)) for index in range(8)] + [(8, IPL, b"kernel"), (9, IPL, b"initrd")]
LOG = write_log(EVENTS, "sha256", "sha384")
REGISTERS = {bank: replay(LOG, bank).registers for bank in ("sha256", "sha384")}
HOST = Tpm("rsassa")
GCP_AK = Path(__file__).with_name("gcp-ak.pem")
ANY = "any_measurement = true"


def judged(evidence: bytes, reference: str = ANY, require: str = "", named: str = "tpm", **beside: bytes) -> Appraisal:
    policy = parse_policy(f'version = 1\nformat = "{named}"\n[reference]\n{reference}\n[require]\n{require}')
    return verify(evidence, policy, Companions(**beside), now=NOW)  # type: ignore[arg-type]


def document(host: Tpm = HOST, *, log: bytes | None = LOG, **more: Any) -> bytes:
    told = {} if log is None else {"eventlog": base64.b64encode(log).decode()}
    return host.document(REGISTERS, **(told | more))


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def pinned(host: Tpm = HOST, **values: str) -> str:
    """A policy that names the key, and these registers."""
    return "\n".join(f'{name} = ["{value}"]' for name, value in {"ak": host.ak, **values}.items())


# What holds


@pytest.mark.parametrize("kind", ["rsassa", "rsapss", "ecdsa"])
@pytest.mark.parametrize("digest", ["sha256", "sha384"])
def test_a_quote_by_a_key_that_the_policy_names_is_affirmed(kind: str, digest: str) -> None:
    host = Tpm(kind, digest=digest)
    found = judged(document(host), pinned(host, pcr8=REGISTERS["sha256"][8].hex()), f'nonce = "{b"asked".hex()}"')
    assert found.verdict is Verdict.AFFIRMING and found.assurance.word == "vm"
    assert found.claims["pcrs"]["sha384"]["9"] == REGISTERS["sha384"][9].hex()


def test_the_same_document_serves_a_measured_machine() -> None:
    assert judged(document(), pinned(), named="vm").verdict is Verdict.AFFIRMING


def test_a_reference_value_is_of_any_bank_that_was_quoted() -> None:
    for bank in ("sha256", "sha384"):
        assert judged(document(), pinned(pcr9=REGISTERS[bank][9].hex())).verdict is Verdict.AFFIRMING
    assert judged(document(), pinned(pcr9=REGISTERS["sha256"][8].hex())).code == "measurement-mismatch"
    assert judged(document(), pinned(pcr10="00" * 32)).code == "measurement-mismatch"  # not quoted


def test_a_key_that_nobody_vouches_for_is_a_warning_and_another_key_than_named_is_refused() -> None:
    assert judged(document()).code == "endorsement-absent"
    assert judged(document(Tpm("ecdsa")), pinned()).code == "measurement-mismatch"


def test_what_nobody_vouches_for_reaches_nothing_and_no_policy_takes_it_for_more() -> None:
    """A key that anybody can make: tolerating warnings is not tolerating that, but where the policy says so by name."""
    for least, goes_on in (("", False), ("vm", False), ("none", True)):
        head = f'version = 1\nformat = "tpm"\nminimum_assurance = "{least}"\n'
        policy = parse_policy(f"{head}[reference]\n{ANY}\n[require]\naccept_warning = true")
        found = verify(document(), policy, now=NOW)
        assert found.assurance is Assurance.NONE
        assert accepted(found, policy) is goes_on
        assert found.verdict is (Verdict.CONTRAINDICATED if least == "vm" else Verdict.WARNING)
    assert judged(document(), pinned()).assurance is Assurance.VM


def test_the_real_machine_is_known_by_its_key(shared: Path) -> None:
    case = real(shared, "tpm-gce-nonce")
    key = case.judged().claims["ak"]
    assert case.judged(reference={"ak": [key]}).verdict is Verdict.AFFIRMING
    assert case.judged(reference={"ak": ["00" * 32]}).code == "measurement-mismatch"


def test_only_a_sha1_bank_is_a_warning() -> None:
    log = write_log(EVENTS, "sha1")
    found = judged(HOST.document({"sha1": replay(log, "sha1").registers}, eventlog=b64(log)), pinned())
    assert (found.verdict, found.code) == (Verdict.WARNING, "weak-hash")


# Who vouches for the key


def test_googles_certificate_of_a_machine_holds_and_is_of_its_own_key(shared: Path) -> None:
    intermediate = (shared / "data/enclave-evidence/roots/gcp-ek-ak-ca-intermediate-v3.crt").read_bytes()
    found = judged(document(), leaf=GCP_AK.read_bytes(), chain=intermediate)
    assert found.code == "chain-invalid" and found.decisive is not None and "another key" in found.decisive.told
    assert ("chain", "passed") in {(check.name, str(check.outcome)) for check in found.checks}
    assert judged(document(), leaf=GCP_AK.read_bytes()).code == "chain-invalid"  # without the intermediate


def certificate(authority: Authority, host: Tpm) -> bytes:
    return pem([authority.certify("machine", host.key.public_key())])


def test_a_certified_key_is_affirmed_and_a_look_alike_root_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Authority("EK/AK CA Root")
    above = Authority("EK/AK CA Intermediate", root)
    certified = {
        "ak_certificate": certificate(above, HOST).decode(),
        "ak_chain": [pem([above.certificate]).decode(), pem([root.certificate]).decode()],
    }
    assert judged(document(**certified)).code == "chain-invalid"
    monkeypatch.setattr(tpm, "pins", lambda *_: {root.pin: "test root"})
    monkeypatch.setattr(tpm, "pinned_chain", lambda _: (root.certificate.public_bytes(Encoding.DER),))
    found = judged(document(**certified))
    assert found.verdict is Verdict.AFFIRMING and found.claims["ak_subject"] == "CN=machine"
    beside = {"leaf": certificate(above, HOST), "chain": pem([above.certificate, root.certificate])}
    assert judged(document(), **beside).verdict is Verdict.AFFIRMING
    assert judged(document(**certified), **beside).code == "malformed"  # two certificates: which of them counts?
    foreign = certified | {"ak_certificate": certificate(above, Tpm("ecdsa")).decode()}
    assert judged(document(**foreign), pinned()).code == "chain-invalid"  # even where the policy names the key


# What a sender may change


def changed(change: Callable[[dict[str, Any]], object], evidence: bytes | None = None) -> bytes:
    tree = json.loads(document() if evidence is None else evidence)
    change(tree)
    return json.dumps(tree).encode()


def zero_register(tree: dict[str, Any]) -> None:
    tree["quotes"][0]["pcrs"]["8"] = "00" * 32


def exchange_signatures(tree: dict[str, Any]) -> None:
    one, other = tree["quotes"]
    one["signature"], other["signature"] = other["signature"], one["signature"]


def other_boot(tree: dict[str, Any]) -> None:
    tree["quotes"][1] = HOST.quote("sha384", REGISTERS["sha384"], b"asked", resets=5)


def other_asker(tree: dict[str, Any]) -> None:
    tree["quotes"][1] = HOST.quote("sha384", REGISTERS["sha384"], b"somebody else")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (zero_register, "registers"),
        (lambda tree: tree["quotes"][0]["pcrs"].pop("8"), "registers"),
        (lambda tree: tree["quotes"][0]["pcrs"].update({"8": "00" * 20}), "registers"),
        (exchange_signatures, "signature"),
        (lambda tree: tree.update(ak_public=b64(Tpm("ecdsa").public)), "signature"),
        (other_boot, "composite"),
        (other_asker, "composite"),
        (lambda tree: tree["quotes"].append(tree["quotes"][0]), "malformed"),
        (lambda tree: tree["quotes"][0].update(bank="sha384"), "malformed"),
        (lambda tree: tree["quotes"].clear(), "malformed"),
        (lambda tree: tree.update(eventlog=b64(write_log(EVENTS[:-1], "sha256", "sha384"))), ""),
        (lambda tree: tree.update(eventlog=b64(write_log([*EVENTS, (9, IPL, b"more")], "sha256", "sha384"))), "eventlog"),
        (lambda tree: tree.update(eventlog=b64(write_log(EVENTS, "sha256"))), "eventlog"),
        (lambda tree: tree.update(eventlog=b64(header("sha256", "sha384"))), "eventlog"),
        (lambda tree: tree.update(eventlog=b64(write_log(EVENTS[1:], "sha256", "sha384"))), "eventlog"),
        (lambda tree: tree.update(eventlog=b64(b"\0" * 40)), "eventlog"),
    ],
    ids=[
        "register", "register-gone", "register-size", "signatures", "key", "boot", "asker", "bank-twice", "bank-name", "no-quote",
        "log-without-initrd", "log-with-more", "log-of-one-bank", "log-empty", "log-without-pcr0", "log-zeros",
    ],
)  # fmt: skip
def test_what_was_changed_names_itself(change: Callable[[dict[str, Any]], object], code: str) -> None:
    found = judged(changed(change), pinned())
    if code:
        assert (found.verdict, found.code) == (Verdict.CONTRAINDICATED, code)
    else:  # registers from 8 on may be extended by programs that keep no log; the check tells which
        assert next(check.told for check in found.checks if check.name == "eventlog").endswith("not of this log: 9")


def test_quotes_without_a_log_are_compared_as_they_stand_and_it_is_told() -> None:
    found = judged(document(log=None), pinned(pcr8=REGISTERS["sha256"][8].hex()))
    assert found.verdict is Verdict.AFFIRMING and "no event log" in next(check.told for check in found.checks if check.name == "eventlog")
    assert judged(document(), pinned(), eventlog=LOG).code == "malformed"  # two logs


@pytest.mark.parametrize("bit", [1, 5, 16, 18])
def test_a_key_that_could_have_signed_anything_is_refused(bit: int) -> None:
    assert judged(document(Tpm(attributes=ATTESTING & ~(1 << bit))), pinned()).code == "key-attributes"


@pytest.mark.parametrize(("bit", "code"), [(17, "key-attributes"), (0, "malformed"), (12, "malformed"), (31, "malformed")])
def test_a_key_that_decrypts_or_has_reserved_attributes_is_refused(bit: int, code: str) -> None:
    assert judged(document(Tpm(attributes=ATTESTING | 1 << bit)), pinned()).code == code


def test_nonces_are_compared_whole() -> None:
    for nonce in (b"aske", b"asked\0", b"Asked"):
        assert judged(document(), pinned(), f'nonce = "{nonce.hex()}"').code == "nonce-mismatch"


def test_a_quote_does_not_tell_its_age() -> None:
    assert judged(document(), pinned(), "max_age_s = 60").code == "age-unknown"


# The format


def resigned(signed: bytes) -> bytes:
    """A document whose first quote says what nobody's TPM says, signed all the same."""
    return changed(lambda tree: tree["quotes"][0].update(quote=b64(signed), signature=b64(HOST.sign(signed))))


HONEST = HOST.attest("sha256", REGISTERS["sha256"], b"asked")
SELECTION = HONEST.index(struct.pack(">IHB", 1, 0x0B, 3))


@pytest.mark.parametrize(
    "signed",
    [
        HONEST + b"\0",
        HONEST.replace(sized(b"asked"), sized(b"a" * 70)),
        HONEST[: SELECTION - 9] + b"\2" + HONEST[SELECTION - 8 :],
        HONEST[:SELECTION] + struct.pack(">I", 7) + HONEST[SELECTION + 4 :],
        HONEST[:SELECTION] + struct.pack(">IHB", 2, 0x0B, 3) + HONEST[SELECTION + 7 : SELECTION + 10] + HONEST[SELECTION + 4 :],
        HONEST[: SELECTION + 7] + bytes(3) + HONEST[SELECTION + 10 :],
        HONEST[: SELECTION + 6] + b"\4" + HONEST[SELECTION + 7 : SELECTION + 10] + b"\1" + HONEST[SELECTION + 10 :],
        HONEST[: SELECTION + 4] + b"\0\x09" + HONEST[SELECTION + 6 :],
    ],
    ids=["tail", "nonce", "safe", "banks", "bank-twice", "no-register", "register-24", "bank-unknown"],
)
def test_a_quote_that_breaks_a_rule_is_malformed_whoever_signed_it(signed: bytes) -> None:
    assert judged(resigned(signed), pinned()).code == "malformed"


@pytest.mark.parametrize("raw", [b"", b"\xffTC", b"\0TCG" + HONEST[4:], HONEST[:4] + b"\x80\x17" + HONEST[6:], HONEST[:-1], HONEST[:SELECTION]])
def test_what_no_tpm_made_is_no_quote(raw: bytes) -> None:
    with pytest.raises(BadInput):
        read_quote(raw)


def test_a_signature_over_sha1_is_not_accepted() -> None:
    host = Tpm(digest="sha1")
    assert judged(host.document({"sha256": REGISTERS["sha256"]}), pinned(host)).code == "signature"


def test_a_scheme_that_is_not_the_keys_is_not_accepted() -> None:
    pss = Tpm("rsapss")
    mixed = changed(lambda tree: [one.update(signature=b64(pss.sign(base64.b64decode(one["quote"])))) for one in tree["quotes"]])
    assert pss.ak == HOST.ak and judged(mixed, pinned()).code == "signature"  # one RSA key, bound to RSASSA


@pytest.mark.parametrize(
    "raw",
    [
        HOST.public + b"\0",
        b"\0\x08" + HOST.public[2:],
        HOST.public[:2] + b"\0\x99" + HOST.public[4:],
        HOST.public[:10] + b"\0\x06\0\x80\0\x43" + HOST.public[12:],
        HOST.public[:12] + b"\0\x1a" + HOST.public[14:],
        HOST.public[:16] + b"\x04\0" + HOST.public[18:],
        HOST.public[:-1] + b"\0",
        Tpm("ecdsa").public[:-1] + b"\0",
    ],
    ids=["tail", "kind", "name-hash", "cipher", "scheme", "bits", "even-modulus", "no-point"],
)
def test_what_is_no_attestation_key_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused):
        read_public(raw)


def test_the_size_before_a_public_area_may_be_there() -> None:
    assert read_public(sized(HOST.public)) == read_public(HOST.public)


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for read in (read_public, read_quote, read_signature):
        try:
            read(raw)
        except (Refused, BadInput):
            continue


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree.update(format="tpm"),
        lambda tree: tree.pop("format"),
        lambda tree: tree.update(policy={"any_measurement": True}),
        lambda tree: tree.update(ak_public=7),
        lambda tree: tree.update(quotes={}),
        lambda tree: tree["quotes"].append("x"),
        lambda tree: tree["quotes"][0]["pcrs"].update({"24": "00" * 32}),
        lambda tree: tree["quotes"][0]["pcrs"].update({"08": "00" * 32}),
        lambda tree: tree["quotes"][0]["pcrs"].update({"8": 5}),
        lambda tree: tree.update(eventlog=[1]),
    ],
)
def test_json_of_another_shape_is_no_evidence(change: Callable[[dict[str, Any]], object]) -> None:
    try:
        found = judged(changed(change), pinned())
    except BadInput as refused:
        assert refused.code == "enclave.evidence"
    else:
        assert found.verdict is Verdict.CONTRAINDICATED


def test_registers_that_are_not_quoted_are_nobodys_word() -> None:
    told = judged(changed(lambda tree: tree["quotes"][0]["pcrs"].update({"16": "ab" * 32})), pinned())
    assert "16" not in told.claims["pcrs"]["sha256"]


# Each bit that is signed, of the real one


def one_bank(case: Real, bank: str = "sha256") -> dict[str, Any]:
    tree = case.tree
    tree["quotes"] = [quote for quote in tree["quotes"] if quote["bank"] == bank]
    return tree


def accepted_by_member(case: Real, member: str, step: int) -> list[int]:
    tree = one_bank(case)
    raw = base64.b64decode(tree["quotes"][0][member])

    def put(changed: bytes) -> bytes:
        quote = tree["quotes"][0] | {member: b64(changed)}
        return json.dumps(tree | {"quotes": [quote]}).encode()

    assert case.accepted(put(raw))
    return accepted_flips(case, raw, put, range(0, 8 * len(raw), step))


@pytest.mark.parametrize("member", ["quote", "signature"])
def test_no_flipped_bit_of_a_real_quote_is_accepted(shared: Path, member: str) -> None:
    assert accepted_by_member(real(shared, "tpm-gce-nonce"), member, 7) == []


@pytest.mark.slow
@pytest.mark.parametrize("member", ["quote", "signature"])
def test_no_flipped_bit_at_all_of_a_real_quote_is_accepted(shared: Path, member: str) -> None:
    assert accepted_by_member(real(shared, "tpm-gce-nonce"), member, 1) == []


def test_no_flipped_bit_of_a_real_register_or_key_is_accepted(shared: Path) -> None:
    case = real(shared, "tpm-gce-nonce")
    tree = one_bank(case)
    registers, key = tree["quotes"][0]["pcrs"], base64.b64decode(tree["ak_public"])
    for index, value in registers.items():

        def shown(raw: bytes, index: str = index) -> bytes:
            return json.dumps(tree | {"quotes": [tree["quotes"][0] | {"pcrs": registers | {index: raw.hex()}}]}).encode()

        assert accepted_flips(case, bytes.fromhex(value), shown, range(0, 256, 37)) == []
    modulus = range(8 * (len(key) - 256), 8 * len(key), 19)
    assert accepted_flips(case, key, lambda raw: json.dumps(tree | {"ak_public": b64(raw)}).encode(), modulus) == []


@given(data=st.data())
def test_mutated_documents_are_refused_and_never_crash(shared: Path, data: st.DataObject) -> None:
    case = real(shared, "tpm-gce-nonce")
    raw = bytearray(json.dumps(one_bank(case)).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    if case.accepted(bytes(raw)):  # data of events are hints; attributes of a key that nobody vouches for are its sender's
        (quote,), (before,) = json.loads(bytes(raw))["quotes"], one_bank(case)["quotes"]
        assert base64.b64decode(quote["quote"]) == base64.b64decode(before["quote"])
