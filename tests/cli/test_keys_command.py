"""`velatura keys` as a person types it."""

from __future__ import annotations

import json
import os
import stat

import pytest

from velatura.cli.main import main
from velatura.crypto.keyfile import load_identity, load_recipient, load_signer, load_verifier
from velatura.crypto.keytext import encode


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command in an empty folder; gives exit status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def go(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return go


def test_a_new_key_is_private_and_its_public_half_is_all_that_is_printed(run, tmp_path):
    before = os.umask(0)
    try:
        status, out, err = run("keys", "new", "-o", "me.key")
    finally:
        os.umask(before)
    assert (status, err) == (0, "")
    assert stat.S_IMODE((tmp_path / "me.key").stat().st_mode) == 0o600
    identity = load_identity(tmp_path / "me.key")
    assert load_recipient(out.strip()) == identity.recipient
    assert encode(identity) not in out


def test_show_prints_the_same_word_and_json_holds_no_secret(run, tmp_path):
    _, made, _ = run("keys", "new", "-o", "me.key")
    status, shown, _ = run("keys", "show", "me.key")
    assert (status, shown) == (0, made)
    _, raw, _ = run("keys", "show", "me.key", "--json")
    document = json.loads(raw)
    assert document["command"] == "keys show" and document["result"]["public"] == made.strip() and document["result"]["kind"] == "identity"
    assert encode(load_identity(tmp_path / "me.key")) not in raw


def test_a_signers_key_is_made_for_the_asking(run, tmp_path):
    status, out, _ = run("keys", "new", "--kind", "signer", "-o", "s.key")
    assert status == 0
    assert load_verifier(out.strip()) == load_signer(tmp_path / "s.key").verifier


def test_two_new_keys_are_never_the_same(run):
    assert run("keys", "new", "-o", "a")[1] != run("keys", "new", "-o", "b")[1]


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("new",), 2, "Missing option"),
        (("new", "-o", "me.key"), 2, "files.exists"),
        (("new", "-o", "no/folder/key"), 2, "files.no-folder"),
        (("show", "nowhere"), 2, "crypto.no-key-file"),
        (("show", "me.pub"), 2, "crypto.not-a-key"),
        (("show", "open.key"), 3, "crypto.key-exposed"),
        (("show", "cut.key"), 2, "crypto.key-mistyped"),
    ],
)
def test_what_goes_wrong_is_said_in_two_lines_with_the_status_of_the_contract(run, tmp_path, words, status, code):
    public = run("keys", "new", "-o", "me.key")[1]
    (tmp_path / "me.pub").write_text(public)
    whole = (tmp_path / "me.key").read_text()
    for name, text, mode in (("open.key", whole, 0o644), ("cut.key", whole[:-9] + "\n", 0o600)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(mode)
    got, out, err = run("keys", *words)
    assert (got, out) == (status, "")
    assert code in err and len(err.splitlines()) == 2 and "Traceback" not in err
    assert encode(load_identity(tmp_path / "me.key")) not in err
