"""Evidence of a confined process: what is accepted, and every way in which it is not."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.crypto.keys import Signer
from velatura.crypto.secret import Secret
from velatura.enclave.appraisal import Appraisal, Verdict
from velatura.enclave.assurance import Assurance
from velatura.enclave.evidence.process import LAYERS
from velatura.enclave.evidence.process_document import INSECURE_TEST, Claims, Package, canonical, formats, measurement_of, parse, signed
from velatura.enclave.policy import parse_policy
from velatura.enclave.verify import verify
from velatura.errors import BadInput

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
KEY = Signer(Secret(bytes(range(32))))
NONCE = bytes(range(32, 64))
ANY = "[reference]\nany_measurement = true\n"


def claims(**changed: Any) -> Claims:
    made = Claims(
        nonce=NONCE.hex(),
        report_data="ab" * 64,
        recipient="cd" * 32,
        job="12" * 32,
        model="",
        measurement="",
        interpreter="34" * 32,
        packages=(Package(name="numpy", version="2", files=3, sha256="56" * 32), Package(name="python", version="3.11", files=9, sha256="78" * 32)),
        environment={"PATH": ""},
        calls=("getrandom",),
        layers=dict.fromkeys(LAYERS, "kernel") | {"landlock": "self", "secretmem": "self"},
        threads=1,
        memory_mb=64,
        uid=65534,
        kernel="6.18",
        landlock_abi=7,
        boot_id="",
        hwmodel="Linux x86_64",
        iat=int(NOW.timestamp()),
        swname="velatura",
        swversion="0",
    )
    made = msgspec.structs.replace(made, measurement=measurement_of(made))
    return msgspec.structs.replace(made, **changed) if changed else made


def sealed(made: Claims | None = None, *, key: Signer = KEY, named: str = "process") -> bytes:
    return signed(made or claims(), key, named=named)


def judged(raw: bytes, policy: str = ANY, *, form: str = "process", now: datetime = NOW, nonce: bytes | None = NONCE) -> Appraisal:
    return verify(raw, parse_policy(f'version = 1\nformat = "{form}"\n{policy}'), now=now, expected=nonce)


def test_an_honest_document_is_affirmed_as_process_and_no_more() -> None:
    found = judged(sealed())
    assert (found.verdict, found.assurance) == (Verdict.AFFIRMING, Assurance.PROCESS)
    assert {"signature", "root", "nonce", "measured", "debug", "age"} <= {check.name for check in found.checks}
    assert next(check for check in found.checks if check.name == "root").told.startswith("Proves nothing to somebody who distrusts root")
    assert found.claims["measurement"] == claims().measurement
    assert found.claims["report_data"] == "ab" * 64


def test_a_policy_that_wants_a_virtual_machine_is_not_met() -> None:
    with pytest.raises(Exception, match="reaches process at most"):
        judged(sealed(), 'minimum_assurance = "vm"\n' + ANY)


def test_reference_values_decide() -> None:
    good = claims().measurement
    assert judged(sealed(), f'[reference]\nmeasurement = ["{good}"]\njob = ["{"12" * 32}"]\n').verdict is Verdict.AFFIRMING
    assert judged(sealed(), f'[reference]\nmeasurement = ["{"00" * 32}"]\n').code == "measurement-mismatch"
    assert judged(sealed(), f'[reference]\nmeasurement = ["{good}"]\njob = ["{"13" * 32}"]\n').code == "measurement-mismatch"


def test_the_measurement_is_of_what_the_document_lists() -> None:
    other = Package(name="numpy", version="2", files=3, sha256="57" * 32)
    swapped = claims(packages=(other, claims().packages[1]))
    assert judged(sealed(swapped)).code == "measurement-mismatch"


@pytest.mark.parametrize("layer", LAYERS)
def test_an_absent_layer_is_refused_unless_the_policy_names_it_and_seccomp_always(layer: str) -> None:
    without = sealed(claims(layers=claims().layers | {layer: "the kernel has none"}))
    assert judged(without).code == "degraded"
    tolerated = judged(without, ANY + f'[require]\ndegraded = ["{layer}"]\n')
    assert tolerated.verdict is (Verdict.CONTRAINDICATED if layer == "seccomp" else Verdict.WARNING)


def test_replay_age_and_clocks() -> None:
    assert judged(sealed(), nonce=bytes(32)).code == "nonce-mismatch"
    limited = ANY + "[require]\nmax_age_s = 60\n"
    assert judged(sealed(), limited, now=NOW + timedelta(seconds=59)).verdict is Verdict.AFFIRMING
    assert judged(sealed(), limited, now=NOW + timedelta(seconds=61)).code == "too-old"
    assert judged(sealed(), now=NOW - timedelta(seconds=90)).code == "from-the-future"


def test_simulated_is_refused_unless_asked_for_and_process_is_no_substitute() -> None:
    simulated = sealed(claims(layers=dict.fromkeys(LAYERS, "simulated")), key=INSECURE_TEST, named="simulated")
    found = judged(simulated, form="simulated")
    assert (found.verdict, found.assurance) == (Verdict.AFFIRMING, Assurance.SIMULATED)
    assert judged(simulated).code == "simulated"
    assert judged(sealed(key=INSECURE_TEST)).code == "simulated"  # the published key under the other name
    assert judged(sealed(), form="simulated").verdict is Verdict.CONTRAINDICATED
    assert judged(sealed(named="simulated"), form="simulated").verdict is Verdict.CONTRAINDICATED


def test_another_key_over_changed_claims_is_what_the_key_in_the_document_allows_and_the_reference_refuses() -> None:
    """The limit of this format, stated: who controls the machine signs what it likes. Reference values, not the signature, decide."""
    forged = claims(interpreter="ff" * 32)
    forged = msgspec.structs.replace(forged, measurement=measurement_of(forged))
    other = sealed(forged, key=Signer(Secret(bytes(32))))
    assert judged(other).verdict is Verdict.AFFIRMING
    assert judged(other, f'[reference]\nmeasurement = ["{claims().measurement}"]\n').code == "measurement-mismatch"


def test_no_flipped_bit_is_accepted() -> None:
    raw = sealed()
    for place in range(len(raw)):
        for bit in (1 << (place % 8), 1 << ((place + 3) % 8)):
            changed = raw[:place] + bytes([raw[place] ^ bit]) + raw[place + 1 :]
            with contextlib.suppress(BadInput):
                assert judged(changed).verdict is Verdict.CONTRAINDICATED, (place, bit)


@pytest.mark.parametrize("end", [b"\n", b" ", b"\0", b"x", b"{}"])
def test_what_follows_is_refused(end: bytes) -> None:
    assert judged(sealed() + end).code == "malformed"


def test_one_way_to_write_it() -> None:
    raw = sealed()
    tree = json.loads(raw)
    for other in (
        json.dumps(tree).encode(),
        json.dumps(tree, separators=(",", ":"), sort_keys=True).replace('"threads":1', '"threads":1,"threads":1').encode(),
        raw.replace(b'"uid":', b'"uid" :'),
        raw.replace(b"/", b"\\/") if b"/" in raw else raw.replace(b"numpy", b"nump\\u0079"),
    ):
        assert other != raw
        assert judged(other).code == "malformed"


@pytest.mark.parametrize("raw", [b"", b"{", b"not evidence", b"\x00" * 1184, b"[]", sealed()[:-1], sealed()[: len(sealed()) // 2]])
def test_bytes_that_are_no_such_document_are_bad_input(raw: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        judged(raw)
    assert caught.value.code == "enclave.evidence"


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": "00"},
        {"report_data": "AB" * 64},
        {"recipient": ""},
        {"model": "xx"},
        {"packages": ()},
        {"layers": {}},
        {"layers": dict.fromkeys((*LAYERS, "another"), "kernel")},
        {"iat": -1},
        {"iat": 1 << 40},
        {"threads": 0},
        {"uid": -1},
        {"calls": ("openat", "close")},
    ],
)
def test_claims_of_another_form_are_malformed_whoever_signed_them(changed: dict[str, Any]) -> None:
    assert judged(sealed(claims(**changed))).code == "malformed"


@given(st.binary(max_size=200))
def test_random_bytes_raise_typed_errors_only(raw: bytes) -> None:
    for start in (b"", b'{"claims":'):
        with contextlib.suppress(BadInput):
            assert judged(start + raw).verdict is Verdict.CONTRAINDICATED


@given(st.data())
def test_mutated_documents_are_never_accepted(data: st.DataObject) -> None:
    raw = bytearray(sealed())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    if bytes(raw) == sealed():
        return
    with contextlib.suppress(BadInput):
        assert judged(bytes(raw)).verdict is Verdict.CONTRAINDICATED


def test_the_document_says_what_it_was_made_from() -> None:
    assert parse(sealed()).claims == claims()
    assert canonical(parse(sealed())) == sealed()
    assert set(formats) == {"process", "simulated"}
