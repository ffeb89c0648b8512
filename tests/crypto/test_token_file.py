"""Tokens: made private, read strictly, compared whole."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from velatura.crypto.token_file import load_token, made_token, same_token
from velatura.errors import BadInput, BadSpec, Withheld


def test_a_token_is_made_private_and_read_back(tmp_path: Path) -> None:
    token = made_token(tmp_path / "token")
    assert load_token(tmp_path / "token") == token
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
    assert made_token(tmp_path / "other") != token
    with pytest.raises(BadSpec):
        made_token(tmp_path / "token")


def test_a_token_that_others_may_read_is_refused(tmp_path: Path) -> None:
    made_token(tmp_path / "token")
    (tmp_path / "token").chmod(0o644)
    with pytest.raises(Withheld) as caught:
        load_token(tmp_path / "token")
    assert caught.value.code == "crypto.token-exposed"


@pytest.mark.parametrize("raw", [b"", b"short\n", b"two words are no token at all\n", b"line\nline line line line\n", b"\xff" * 40])
def test_what_is_no_token_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "token").write_bytes(raw)
    (tmp_path / "token").chmod(0o600)
    with pytest.raises(BadInput) as caught:
        load_token(tmp_path / "token")
    assert caught.value.code == "crypto.token"


def test_a_missing_file_is_no_token(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        load_token(tmp_path / "none")


def test_only_the_same_is_the_same() -> None:
    assert same_token("a" * 20, "a" * 20)
    assert not any(same_token(given, "a" * 20) for given in ("", "a" * 19, "a" * 21, "b" * 20, "ä\udcff"))
