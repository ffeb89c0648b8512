"""The server: what it computes, what it refuses before the engine sees it, and that it goes on after the engine fell."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.homomorphic.conftest import Parties
from tests.homomorphic.small_models import CALIBRATION, least, plain, small

from velatura.errors import BadInput
from velatura.homomorphic.artefacts import dump_server, load_client, write
from velatura.homomorphic.sharing import Sharing
from velatura.homomorphic.wire import Expected, Header, Kind, ciphertexts, open_message, payload_of, read_header, seal_message
from velatura.sandbox.confinement import Layer

pytest.importorskip("tenseal", reason="tenseal is not installed")

from velatura.homomorphic.client import Client
from velatura.homomorphic.keys import keygen, write_keys
from velatura.homomorphic.server import Server

X = CALIBRATION[5:7]
ANY = Expected(Kind.INPUT, 1 << 30, multiple=1)


@pytest.fixture(scope="module")
def message(parties: Parties) -> bytes:
    with parties.owner() as owner:
        return owner.encrypt(X)


def refused(server: Server, message: bytes) -> str:
    with pytest.raises(BadInput) as caught:
        server.run(message)
    assert caught.value.exit_status == 5
    return caught.value.code


def changed(message: bytes, **fields: object) -> bytes:
    found = open_message(message, ANY)
    return seal_message(replace(found.header, **fields), bytes(found.payload))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"parameters": bytes(32)}, "he.foreign-parameters"),
        ({"program": bytes(32)}, "he.foreign-program"),
        ({"key": b"x" * 16}, "he.foreign-key"),
        ({"level": 2}, "he.level"),
        ({"scale": 2.0}, "he.scale"),
        ({"count": 3}, "he.count"),
        ({"count": 0}, "he.count"),
        ({"kind": Kind.RESULT}, "he.kind"),
        ({"kind": Kind.SECRET_KEY}, "he.secret-sent"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(parties: Parties, message: bytes, fields: dict[str, object], code: str) -> None:
    assert refused(parties.server, changed(message, **fields)) == code


def test_a_damaged_message_is_refused(parties: Parties, message: bytes) -> None:
    assert refused(parties.server, message[:-5]) == "he.length"
    assert refused(parties.server, message[:5000] + bytes([message[5000] ^ 1]) + message[5001:]) == "he.digest"


def test_ciphertexts_forged_under_a_right_digest_never_stop_the_server(parties: Parties, message: bytes) -> None:
    found = open_message(message, ANY)
    rng, outcomes = np.random.default_rng(1), []
    for number in range(40):
        forged = bytearray(found.payload)
        if number % 2:
            forged[int(rng.integers(20, len(forged)))] ^= 1 << int(rng.integers(8))
        else:
            at = int(rng.integers(20, 60))
            forged[at : at + 8] = rng.bytes(8)
        try:
            parties.server.run(seal_message(found.header, forged))
            outcomes.append("garbage")
        except BadInput as error:
            outcomes.append(error.code)
    assert set(outcomes) <= {"garbage", "he.blob", "he.transparent", "he.engine", "he.length", "he.count", "he.memory"}
    assert "he.blob" in outcomes
    assert read_header(parties.server.run(message)).kind is Kind.RESULT


def test_ten_thousand_forgeries_under_a_right_digest_reach_seal_and_stop_nobody(tmp_path: Path) -> None:
    """Lengths are right, too. What SEAL loads is garbage: malleability. All else is a refusal, and the true message is answered afterwards."""
    write(least(), Sharing(), tmp_path / "prog")
    rng, outcomes = np.random.default_rng(2), set()
    with Server(tmp_path / "prog" / "server.vlhe") as server:
        write_keys(keys := keygen(load_client(tmp_path / "prog" / "client.vlhe")), tmp_path / "keys")
        server.add_keys(keys.evaluation)
        with Client(tmp_path / "prog" / "client.vlhe", tmp_path / "keys" / "secret.key") as owner:
            message = owner.encrypt([[0.5]])
        found = open_message(message, ANY)
        (blob,), _ = ciphertexts(found.payload, count=1, most=len(found.payload))
        for number in range(10_000):
            forged, at = bytearray(blob), int(rng.integers(len(blob)))
            match number % 4:
                case 0:
                    forged[at] ^= 1 << int(rng.integers(8))
                case 1:  # SEAL's own header, and the seed
                    forged[at % 160] ^= 1 << int(rng.integers(8))
                case 2:
                    del forged[at:]
                case _:
                    forged[at : at + 8] = rng.bytes(8)
            try:
                server.run(seal_message(found.header, payload_of([forged], 1)))
                outcomes.add("garbage")
            except BadInput as error:
                outcomes.add(error.code)
        assert read_header(server.run(message)).kind is Kind.RESULT
    assert {"garbage", "he.blob"} <= outcomes <= {"garbage", "he.blob", "he.transparent", "he.engine", "he.length", "he.memory"}


def test_a_result_says_what_it_is(parties: Parties, message: bytes) -> None:
    header = read_header(parties.server.run(message))
    assert (header.kind, header.count, header.key) == (Kind.RESULT, 2, read_header(message).key)
    assert header.level == parties.server.artefact.plan.level[parties.server.artefact.program.outputs[0]]


def test_samples_that_do_not_fit_are_refused(parties: Parties, batch_parties: Parties, message: bytes) -> None:
    found = open_message(message, ANY)
    assert refused(parties.server, seal_message(found.header, payload_of([b"a", b"b"], 1))) == "he.count"
    with batch_parties.owner() as owner:
        batch = owner.encrypt(X)
    header = read_header(batch)
    assert refused(batch_parties.server, seal_message(header, payload_of([b"a"] * 12, 5000))) == "he.batch"
    assert refused(batch_parties.server, seal_message(replace(header, count=24), payload_of([b"a"] * 24, 1))) == "he.batch"


def test_missing_rotation_keys_are_named(parties: Parties, tmp_path: Path) -> None:
    with parties.owner() as owner:
        few = replace(owner.artefact, rotations=owner.artefact.rotations[:1])
    keys = keygen(few)
    write_keys(keys, tmp_path / "keys")
    with Server(parties.program / "server.vlhe") as server, Client(few, tmp_path / "keys" / "secret.key") as owner:
        server.add_keys(keys.evaluation)
        assert refused(server, owner.encrypt(X)) == "he.missing-key"


def test_evaluation_keys_forged_under_a_right_digest_are_refused_or_do_no_harm(parties: Parties, message: bytes) -> None:
    raw = (parties.keys / "eval.keys").read_bytes()
    found = open_message(raw, Expected(Kind.EVALUATION_KEYS, 1 << 30))
    with Server(parties.program / "server.vlhe") as server:
        server.add_keys(seal_message(found.header, bytes(len(found.payload))))
        assert refused(server, message) == "he.blob"
        server.add_keys(raw)  # the right ones again
        assert read_header(server.run(message)).count == 2


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"kind": Kind.SECRET_KEY}, "he.secret-sent"),
        ({"program": bytes(32)}, "he.foreign-program"),
        ({"parameters": bytes(32)}, "he.foreign-parameters"),
    ],
)
def test_keys_that_are_none_are_refused(parties: Parties, fields: dict[str, object], code: str) -> None:
    header = read_header((parties.keys / "eval.keys").read_bytes())
    with pytest.raises(BadInput) as caught:
        parties.server.add_keys(seal_message(replace(header, **fields), b"key"))
    assert caught.value.code == code


def test_keys_larger_than_the_program_needs_are_refused_by_their_header(parties: Parties) -> None:
    header = Header(Kind.EVALUATION_KEYS, parties.compiled.parameters.digest(), parties.server.artefact.id, b"k" * 16)
    with pytest.raises(BadInput) as caught:
        parties.server.add_keys(seal_message(header, bytes(60_000_000)))
    assert caught.value.code == "he.too-large"


def test_an_owner_who_was_forgotten_is_unknown(parties: Parties, message: bytes) -> None:
    with Server(parties.program / "server.vlhe") as server:
        key = server.add_keys((parties.keys / "eval.keys").read_bytes())
        server.run(message)
        server.forget(key)
        assert refused(server, message) == "he.foreign-key"


def test_two_owners_share_one_place_and_no_worker(parties: Parties, tmp_path: Path) -> None:
    with parties.owner() as first:
        keys = keygen(first.artefact)
        write_keys(keys, tmp_path / "keys")
        with Client(first.artefact, tmp_path / "keys" / "secret.key") as second:
            parties.server.add_keys(keys.evaluation)
            for owner in (first, second, first, second):
                answer = owner.decrypt(parties.server.run(owner.encrypt(X)), raw=True)
                np.testing.assert_allclose(answer.scores, plain(X), atol=1e-6)


def test_the_sandbox_holds(parties: Parties, message: bytes) -> None:
    parties.server.run(message)
    held = parties.server._pool._idle[-1][1].held
    assert not {Layer.SECCOMP, Layer.RLIMITS} & set(held.absent)


def test_a_program_that_no_machine_holds_is_refused_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("velatura.homomorphic.memory.machine_bytes", lambda: 1 << 20)
    with pytest.raises(BadInput) as caught:
        Server(dump_server(small()))
    assert caught.value.code == "he.memory"


@pytest.mark.parametrize("module", ["server", "guest", "remote", "serve"])
def test_no_module_that_knows_a_secret_is_reached_from_the_server(module: str) -> None:
    if module == "serve":
        pytest.importorskip("starlette", reason="starlette is not installed")
    code = f"import sys, velatura.homomorphic.{module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=280).stdout.split()
    assert f"velatura.homomorphic.{module}" in loaded
    assert not {f"velatura.homomorphic.{name}" for name in ("seal_secret", "client", "keys", "guest_owner", "queries")} & set(loaded)
