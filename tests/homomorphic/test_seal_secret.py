"""The owner's side: keys, encryption, decryption; what a wrong key does."""

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from velatura.errors import BadInput
from velatura.homomorphic.parameters import Parameters, parameters

pytest.importorskip("tenseal", reason="tenseal is not installed")

from velatura.homomorphic.seal_public import PublicSide
from velatura.homomorphic.seal_secret import SecretSide

SET = parameters(4096, [40, 30], 36)
SCALE = 2.0**30


@pytest.fixture(scope="module")
def owner() -> SecretSide:
    return SecretSide(SET)


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(1).uniform(-1, 1, SET.slots)


def test_what_is_encrypted_comes_back_under_the_kept_key(owner: SecretSide, x: np.ndarray) -> None:
    again = SecretSide(SET, owner.secret_bytes())
    assert np.allclose(again.decrypt(owner.encrypt(x, SCALE), level=2, scale=SCALE), x, atol=1e-5)


def test_a_ciphertext_is_half_a_seed(owner: SecretSide, x: np.ndarray) -> None:
    server = PublicSide(SET)
    blob = owner.encrypt(x, SCALE)
    assert len(blob) < 0.55 * len(server.dump(server.load(blob, level=2, scale=SCALE)))


def test_two_ciphertexts_of_one_value_differ(owner: SecretSide, x: np.ndarray) -> None:
    assert owner.encrypt(x, SCALE) != owner.encrypt(x, SCALE)


def test_a_wrong_key_gives_garbage_without_a_word_which_is_why_keys_have_ids(owner: SecretSide, x: np.ndarray) -> None:
    garbage = SecretSide(SET).decrypt(owner.encrypt(x, SCALE), level=2, scale=SCALE)
    assert np.abs(garbage - x).max() > 1e3


def test_a_key_neither_prints_nor_pickles_nor_copies(owner: SecretSide) -> None:
    assert repr(owner) == "<secret key>"
    for leak in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(owner)


def test_through_a_folder_nothing_stays_behind(tmp_path: Path, x: np.ndarray) -> None:
    owner = SecretSide(SET, folder=tmp_path)
    server = PublicSide(SET, owner.evaluation_keys([1]), folder=tmp_path)
    turned = server.rotate(server.load(owner.encrypt(x, SCALE), level=2, scale=SCALE), 1)
    error = owner.decrypt(server.dump(turned), level=2, scale=SCALE) - np.roll(x, -1)
    assert np.median(np.abs(error)) < 1e-3
    with pytest.raises(BadInput):
        server.load(b"no ciphertext", level=2, scale=SCALE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (np.full(SET.slots, np.nan), "he.not-finite"),
        (np.full(SET.slots, -np.inf), "he.not-finite"),
        (np.ones(SET.slots + 1), "he.slots"),
        (np.ones(3), "he.slots"),
        (np.ones((2, SET.slots)), "he.slots"),
        (np.full(SET.slots, 1e30), "he.range"),
    ],
)
def test_values_that_do_not_fit_are_refused(owner: SecretSide, values: np.ndarray, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        owner.encrypt(values, SCALE)
    assert refused.value.code == code


def test_a_ciphertext_is_what_its_header_says_or_refused(owner: SecretSide, x: np.ndarray) -> None:
    blob = owner.encrypt(x, SCALE)
    for level, scale in ((1, SCALE), (3, SCALE), (2, SCALE * 2), (2, SCALE * (1 + 1e-12))):
        with pytest.raises(BadInput, match=r"he\.blob"):
            owner.decrypt(blob, level=level, scale=scale)


def test_a_foreign_parameter_set_is_refused(x: np.ndarray) -> None:
    other = SecretSide(parameters(4096, [40, 30], 35))
    for blob in (other.encrypt(x, SCALE), other.secret_bytes()):
        with pytest.raises(BadInput, match=r"he\.blob"):
            SecretSide(SET, blob).decrypt(blob, level=2, scale=SCALE)
    with pytest.raises(BadInput, match=r"he\.blob"):
        PublicSide(SET, other.evaluation_keys([1]))


@pytest.mark.parametrize(
    "mutate", [lambda b: b[:-1], lambda b: b"", lambda b: b[:16] + os.urandom(len(b) - 16), lambda b: b[:40] + bytes(64) + b[104:]]
)
def test_broken_bytes_are_one_error(owner: SecretSide, x: np.ndarray, mutate: object) -> None:
    with pytest.raises(BadInput, match=r"he\.(blob|transparent)"):
        owner.decrypt(mutate(owner.encrypt(x, SCALE)), level=2, scale=SCALE)  # type: ignore[operator]
    with pytest.raises(BadInput, match=r"he\.blob"):
        PublicSide(SET, mutate(owner.evaluation_keys([1])))  # type: ignore[operator]


def test_seal_s_own_table_is_a_second_belt() -> None:
    loose = parameters(4096, [40, 40], 40, insecure_ok=True)
    SecretSide(loose)  # said to be insecure: made
    with pytest.raises(BadInput, match=r"he\.parameters"):
        SecretSide(Parameters(loose.n, loose.data, loose.special))


def test_a_degree_that_is_none_is_refused() -> None:
    with pytest.raises(BadInput, match=r"he\.(parameters|engine|memory)"):
        SecretSide(Parameters(1 << 30, SET.data, SET.special))
