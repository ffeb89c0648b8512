"""From values to an answer and back through real keys and confined engines, and what an owner is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.homomorphic.conftest import Parties
from tests.homomorphic.small_models import CALIBRATION, plain

from velatura.errors import BadInput, Withheld
from velatura.homomorphic.wire import HEADER_BYTES, Expected, Kind, open_message, payload_of, read_header, seal_message

pytest.importorskip("tenseal", reason="tenseal is not installed")

from velatura.homomorphic.client import Client
from velatura.homomorphic.client_input import checked_input
from velatura.homomorphic.keys import keygen, write_keys
from velatura.homomorphic.queries import path_beside, spent
from velatura.homomorphic.sharing import Sharing

X = CALIBRATION[2:5]


def told(caught: pytest.ExceptionInfo[BadInput | Withheld]) -> tuple[str, int]:
    return caught.value.code, caught.value.exit_status


def test_an_answer_is_the_networks(parties: Parties) -> None:
    with parties.owner() as owner:
        answer = owner.decrypt(parties.server.run(owner.encrypt(X)), raw=True)
    assert answer.raw
    np.testing.assert_allclose(answer.scores, plain(X), atol=1e-6)
    np.testing.assert_array_equal(answer.labels[:, 0], plain(X).argmax(axis=1))


def test_a_batch_is_answered_in_one_and_its_scores_stay(batch_parties: Parties) -> None:
    x = CALIBRATION
    with batch_parties.owner() as owner:
        message = owner.encrypt(x)
        result = batch_parties.server.run(message)
        answer = owner.decrypt(result)
        with pytest.raises(Withheld) as caught:
            owner.decrypt(result, raw=True)
    assert read_header(message).count == 12
    assert told(caught) == ("he.sharing", 3)
    assert answer.scores is None
    np.testing.assert_array_equal(answer.labels, np.argsort(-plain(x), axis=1)[:, :2])


def test_public_scores_are_flooded_and_still_right(public_parties: Parties) -> None:
    with public_parties.owner() as owner:
        result = public_parties.server.run(owner.encrypt(X[:1]))
        first, again = owner.decrypt(result), owner.decrypt(result)
        deviation = owner.artefact.flooding[0] * np.sqrt(8192) / owner.artefact.outputs[0][1]
    assert not first.raw
    np.testing.assert_allclose(first.scores, plain(X[:1]), atol=8 * deviation)
    assert np.abs(first.scores - again.scores).max() > deviation / 10  # fresh noise, and as much of it as was said
    assert deviation < 1e-2 * np.abs(plain(CALIBRATION)).max()


def test_each_decryption_is_counted_before_it_is_made(parties: Parties) -> None:
    with parties.owner() as owner:
        result = parties.server.run(owner.encrypt(X[0]))
        before = spent(path_beside(parties.secret), owner.key)
        owner.decrypt(result)
        bad = bytearray(result)
        bad[-1] ^= 1
        with pytest.raises(BadInput):
            owner.decrypt(bytes(bad))  # is not even a message: nothing is decrypted
        assert spent(path_beside(parties.secret), owner.key) == before + 1


def test_a_key_that_has_decrypted_enough_does_no_more(parties: Parties, tmp_path: Path) -> None:
    with parties.owner() as owner:
        few = replace(owner.artefact, sharing=Sharing("private", queries=2))
        result = parties.server.run(owner.encrypt(X[:2]))
    keys = keygen(few)
    write_keys(keys, tmp_path / "keys")
    parties.server.add_keys(keys.evaluation)
    with Client(few, tmp_path / "keys" / "secret.key") as fresh:
        mine = parties.server.run(fresh.encrypt(X[:2]))
        fresh.decrypt(mine)
        with pytest.raises(Withheld) as caught:
            fresh.decrypt(parties.server.run(fresh.encrypt(X[0])))
        assert told(caught) == ("he.queries-spent", 3)
        with pytest.raises(BadInput) as refused:
            fresh.decrypt(result)
        assert told(refused) == ("he.foreign-key", 5)
        path_beside(tmp_path / "keys" / "secret.key").unlink()
        with pytest.raises(Withheld) as caught:
            fresh.decrypt(mine)
        assert told(caught) == ("he.queries-lost", 3)


def test_an_answer_forged_under_a_right_digest_is_garbage_or_refused_and_stops_nothing(parties: Parties) -> None:
    """Malleability, stated: who recomputes the digest is not found out by the format. Nothing crashes, and a label is all that leaves."""
    with parties.owner() as owner:
        result = parties.server.run(owner.encrypt(X[0]))
        message = open_message(result, owner.expected_result)
        payload = bytearray(message.payload)
        rng = np.random.default_rng(0)
        outcomes = set()
        for _ in range(40):
            forged = payload.copy()
            forged[int(rng.integers(100, len(forged)))] ^= 1 << int(rng.integers(8))
            try:
                outcomes.add(type(owner.decrypt(seal_message(message.header, forged))).__name__)
            except BadInput as error:
                outcomes.add(error.code)
        assert owner.decrypt(result).labels.shape == (1, 1)  # the engine goes on
    assert outcomes <= {"Answer", "he.blob", "he.transparent", "he.engine", "he.not-finite"}


@pytest.mark.parametrize(
    ("x", "code"),
    [
        (np.full((1, 12), np.nan), "he.not-finite"),
        (np.full((1, 12), np.inf), "he.not-finite"),
        (np.zeros((0, 12)), "he.empty"),
        (np.zeros((1, 13)), "he.shape"),
        (np.zeros((2, 3, 4)), "he.shape"),
        (np.zeros(()), "he.shape"),
        (np.zeros((1, 12), complex), "he.dtype"),
        (np.zeros((1, 12), bool), "he.dtype"),
        (np.array([["a"] * 12]), "he.dtype"),
        (np.array([[None] * 12]), "he.dtype"),
        (np.full((1, 12), 3.5), "he.range"),
        (np.full((1, 12), 1e300), "he.range"),
    ],
)
def test_an_input_that_is_not_the_networks_is_refused(parties: Parties, x: np.ndarray, code: str) -> None:
    with parties.owner() as owner, pytest.raises(BadInput) as caught:
        owner.encrypt(x)
    assert told(caught) == (code, 5)


def test_what_lies_outside_is_named_or_clipped(parties: Parties) -> None:
    x = X.copy()
    x[1, 7] = 3.5
    with parties.owner() as owner:
        with pytest.raises(BadInput) as caught:
            owner.encrypt(x)
        assert "element 7 of sample 1 is 3.5" in caught.value.sentence
        answer = owner.decrypt(parties.server.run(owner.encrypt(x, clip=True)), raw=True)
        low, high = owner.artefact.input_low, owner.artefact.input_high
        assert checked_input(owner.artefact, x, clip=True)[1, 7] == high[7] < 3.5
    np.testing.assert_allclose(answer.scores, plain(np.clip(x, low, high)), atol=1e-6)


def test_a_batch_over_the_slots_is_refused(batch_parties: Parties) -> None:
    with batch_parties.owner() as owner, pytest.raises(BadInput) as caught:
        owner.encrypt(np.zeros((owner.artefact.parameters.slots + 1, 12)))
    assert told(caught) == ("he.batch", 5)


def test_one_sample_needs_no_batch_dimension_and_whole_numbers_are_numbers(parties: Parties) -> None:
    with parties.owner() as owner:
        assert read_header(owner.encrypt(X[0])).count == 1
        assert read_header(owner.encrypt(np.ones((2, 12), np.uint8))).count == 2


def test_a_secret_key_that_others_may_read_is_refused(parties: Parties, tmp_path: Path) -> None:
    loose = tmp_path / "secret.key"
    loose.write_bytes(parties.secret.read_bytes())
    loose.chmod(0o640)
    with pytest.raises(Withheld) as caught:
        Client(parties.program / "client.vlhe", loose)
    assert told(caught) == ("he.key-exposed", 3)


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_evaluation_keys_are_no_secret_key(mode: int, parties: Parties, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes((parties.keys / "eval.keys").read_bytes())
    other.chmod(mode)
    with pytest.raises(BadInput) as caught:
        Client(parties.program / "client.vlhe", other)
    assert told(caught) == ("he.kind", 5)


def test_a_key_of_another_program_is_refused(parties: Parties, batch_parties: Parties) -> None:
    with pytest.raises(BadInput) as caught:
        Client(parties.program / "client.vlhe", batch_parties.secret)
    assert caught.value.code in ("he.foreign-parameters", "he.foreign-program")


def test_an_answer_of_which_the_samples_do_not_fit_is_refused(parties: Parties) -> None:
    with parties.owner() as owner:
        result = parties.server.run(owner.encrypt(X[0]))
        header = read_header(result)
        blob = bytes(result[HEADER_BYTES + 12 : -32])
        with pytest.raises(BadInput) as caught:
            owner.decrypt(seal_message(header, payload_of([blob], 2)))
        assert told(caught) == ("he.count", 5)


def test_nothing_of_the_secret_stands_in_what_leaves(parties: Parties) -> None:
    secret = open_message(parties.secret.read_bytes(), Expected(Kind.SECRET_KEY, 1 << 30)).payload
    with parties.owner() as owner:
        leaving = [owner.encrypt(X[0]), (parties.keys / "eval.keys").read_bytes(), (parties.program / "client.vlhe").read_bytes()]
        assert repr(owner._side) == "<secret key>"
    middle = bytes(secret[len(secret) // 2 : len(secret) // 2 + 16])
    assert middle in parties.secret.read_bytes()
    assert all(middle not in one for one in leaving)
