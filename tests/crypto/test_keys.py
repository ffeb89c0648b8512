"""Keys: their text forms and files, what is refused, and that a secret does not get out by accident."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import os
import pickle
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.crypto import keytext
from velatura.crypto.keyfile import load_identity, load_private, load_recipient, load_signer, load_verifier, public_of, save_private
from velatura.crypto.keys import Identity, Recipient, Signer, Verifier
from velatura.crypto.secret import Secret
from velatura.errors import BadInput, BadSpec, VelaturaError, Withheld

seeds = st.binary(min_size=32, max_size=32)
BOTH = pytest.mark.parametrize("kind", [Identity, Signer])


def made(kind, seed: bytes = bytes(range(32))):
    return kind.new(lambda n: seed[:n])


@given(seeds)
def test_every_key_survives_its_word(seed):
    for key in (made(Identity, seed), made(Signer, seed)):
        assert keytext.decode(keytext.encode(key)).seed == key.seed
        assert keytext.decode(keytext.encode(public_of(key))) == public_of(key)


@given(seeds, st.data())
def test_a_mistyped_letter_is_noticed(seed, data):
    word = keytext.encode(made(Identity, seed).recipient)
    place = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz234567-019A "))
    changed = word[:place] + letter + word[place + 1 :]
    if changed.strip() != word:
        with pytest.raises(BadSpec, match=r"crypto\.(key-mistyped|not-a-key)"):
            keytext.decode(changed)


@pytest.mark.parametrize("kind", ["verifier", "identity", "signer"])
def test_a_word_of_one_kind_is_not_taken_for_another(kind):
    word = keytext.encode(made(Identity).recipient).replace("recipient", kind)
    with pytest.raises(BadSpec, match="key-mistyped"):
        keytext.decode(word)


@pytest.mark.parametrize(
    "text", ["", "-", "velatura-recipient-1-", "velatura-recipient-2-aaaa", "age1qqqq", "velatura-recipient-1-" + "a" * 10**6, "\N{SNOWMAN}"]
)
def test_what_is_no_key_is_refused_without_being_repeated(text):
    with pytest.raises(BadSpec) as told:
        keytext.decode(text)
    assert "a" * 50 not in str(told.value)


def test_rfc_7748_and_8032_give_the_public_keys():
    """RFC 7748 section 6.1 (Alice); RFC 8032 section 7.1, test 1."""
    alice = made(Identity, bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"))
    assert alice.recipient.raw.hex() == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    signer = made(Signer, bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    assert signer.verifier.raw.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert signer.sign(b"").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )


def test_a_signature_is_believed_only_with_its_own_message_and_key():
    signer = made(Signer)
    signature = signer.sign(b"yes")
    signer.verifier.check(signature, b"yes")
    other = made(Signer, bytes(32)).verifier
    flipped = bytes([signature[0] ^ 1]) + signature[1:]
    for verifier, given_signature, message in [
        (signer.verifier, signature, b"no"),
        (other, signature, b"yes"),
        (signer.verifier, flipped, b"yes"),
        (signer.verifier, b"", b"yes"),
    ]:
        with pytest.raises(Withheld, match=r"crypto\.bad-signature"):
            verifier.check(given_signature, message)


@pytest.mark.parametrize("raw", [bytes(32), bytes([1]) + bytes(31), b"", bytes(31), bytes(33)])
def test_a_public_key_for_which_anyone_knows_the_secret_is_refused(raw):
    with pytest.raises(BadInput, match=r"crypto\.bad-key"):
        Recipient(raw)


@BOTH
def test_a_private_key_does_not_get_out_by_accident(kind, caplog):
    key = made(kind)
    hidden = [keytext.encode(key), key.seed.reveal().hex(), repr(key.seed.reveal()), str(list(key.seed.reveal()))]
    shown = [repr(key), str(key), repr(key.seed), str(key.seed), repr({"key": [key]}), f"{[key]}", repr(dataclasses.fields(key))]
    logging.getLogger("t").warning("key %s %r", key, key)
    shown.append(caplog.text)
    assert all(secret not in text for secret in hidden for text in shown)
    assert repr(key).startswith("<key ") and public_of(key).id.startswith(repr(key)[5:9])
    for leak in (pickle.dumps, copy.deepcopy, dataclasses.asdict, "{}".format, "{:>9}".format, json.dumps, bytes, vars):
        with pytest.raises(TypeError):
            leak(key)


def test_two_secrets_are_compared_by_value_and_are_no_keys_of_dictionaries():
    assert Secret(b"a") == Secret(b"a") != Secret(b"b")
    assert Secret(b"a") != b"a"
    with pytest.raises(TypeError):
        hash(Secret(b"a"))


@BOTH
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_key_file_belongs_to_its_owner_alone_whatever_the_umask(kind, umask, tmp_path):
    before = os.umask(umask)
    try:
        save_private(made(kind), tmp_path / "key")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert load_private(tmp_path / "key").seed == made(kind).seed


@BOTH
def test_a_key_that_others_may_read_is_refused_with_the_remedy(kind, tmp_path):
    save_private(made(kind), tmp_path / "key")
    for mode in (0o640, 0o604, 0o660):
        (tmp_path / "key").chmod(mode)
        with pytest.raises(Withheld, match=r"crypto\.key-exposed") as told:
            load_private(tmp_path / "key")
        assert "chmod 600" in told.value.hint


def test_a_key_is_never_replaced_unasked(tmp_path):
    save_private(made(Identity), tmp_path / "key")
    with pytest.raises(BadSpec, match=r"files\.exists"):
        save_private(made(Identity, bytes(32)), tmp_path / "key")
    save_private(made(Identity, bytes(32)), tmp_path / "key", force=True)
    assert load_identity(tmp_path / "key").seed.reveal() == bytes(32)


@BOTH
def test_any_changed_byte_of_a_key_file_is_refused(kind, tmp_path):
    path = tmp_path / "key"
    save_private(made(kind), path)
    raw = path.read_bytes()
    for place in range(len(raw)):
        path.write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
        with pytest.raises(VelaturaError) as told:
            load_private(path)
        assert raw[-60:-1].decode()[-40:] not in str(told.value) + told.value.hint


def test_two_keys_spliced_into_one_file_are_refused(tmp_path):
    one, other = made(Identity), made(Identity, bytes(32))
    lines = ["velatura key 1", "kind: identity", f"public: {keytext.encode(one.recipient)}", f"secret: {keytext.encode(other)}", ""]
    (tmp_path / "key").write_text("\n".join(lines))
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(BadInput, match=r"crypto\.key-damaged"):
        load_identity(tmp_path / "key")


def test_kinds_are_not_confused(tmp_path):
    save_private(made(Identity), tmp_path / "id")
    save_private(made(Signer), tmp_path / "sig")
    with pytest.raises(BadSpec, match=r"crypto\.wrong-kind"):
        load_identity(tmp_path / "sig")
    with pytest.raises(BadSpec, match=r"crypto\.wrong-kind"):
        load_signer(tmp_path / "id")
    with pytest.raises(BadSpec, match=r"crypto\.wrong-kind"):
        load_recipient(keytext.encode(made(Signer).verifier))
    with pytest.raises(BadSpec, match=r"crypto\.wrong-kind"):
        load_verifier(keytext.encode(made(Identity).recipient))


def test_a_public_key_is_taken_as_a_word_or_as_a_file(tmp_path):
    word = keytext.encode(made(Identity).recipient)
    (tmp_path / "k.pub").write_text(word + "\n")
    assert load_recipient(word) == load_recipient(str(tmp_path / "k.pub")) == made(Identity).recipient
    verifier = made(Signer).verifier
    assert load_verifier(keytext.encode(verifier)) == verifier and isinstance(verifier, Verifier)


@BOTH
def test_a_private_key_where_a_public_one_belongs_is_refused_and_not_repeated(kind, tmp_path):
    save_private(made(kind), tmp_path / "key")
    for given_text in (str(tmp_path / "key"), keytext.encode(made(kind))):
        with pytest.raises(BadSpec, match=r"crypto\.secret-given") as told:
            load_recipient(given_text)
        assert keytext.encode(made(kind)) not in str(told.value) + told.value.hint


def test_a_public_key_where_the_private_one_belongs_says_so(tmp_path):
    (tmp_path / "k.pub").write_text(keytext.encode(made(Identity).recipient))
    with pytest.raises(BadSpec, match=r"crypto\.not-a-key") as told:
        load_identity(tmp_path / "k.pub")
    assert "private key" in told.value.hint


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n", b"velatura key 1\n" * 10_000, b"velatura key 1\nkind: identity\n", b"-----BEGIN PRIVATE KEY-----\n"]
)
def test_files_that_hold_no_key_are_refused(content, tmp_path):
    (tmp_path / "key").write_bytes(content)
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(BadSpec, match=r"crypto\.not-a-key"):
        load_private(tmp_path / "key")
    with pytest.raises(BadSpec, match=r"crypto\.(not-a-key|secret-given)"):
        load_recipient(str(tmp_path / "key"))


def test_a_missing_key_file_is_named(tmp_path):
    with pytest.raises(BadSpec, match=r"crypto\.no-key-file"):
        load_identity(tmp_path / "nowhere")
    with pytest.raises(BadSpec, match=r"crypto\.no-key-file"):
        load_recipient(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("load", [load_private, lambda path: load_recipient(str(path))])
def test_a_key_that_is_a_fifo_or_a_device_is_refused_without_waiting_for_it(load, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/zero")):
        with pytest.raises(BadSpec, match=r"not a regular file.*crypto\.no-key-file"):
            load(path)
