"""`velatura unseal` as a person types it, on files made by the real writers."""

from __future__ import annotations

import json

import pytest
from tests.obfuscation.sealing import ALICE, BOB, publish

from velatura.cli.main import main
from velatura.crypto.keyfile import save_private


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command in a folder with `me.key`, `other.key`, and a sealed `public.png`; gives exit status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    publish("png-alpha", tmp_path)
    save_private(ALICE, tmp_path / "me.key")
    save_private(BOB, tmp_path / "other.key")

    def go(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["unseal", *words])
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return go


def test_all_of_it_and_one_track_are_restored_and_said(run, tmp_path):
    status, out, err = run("public.png", "--identity", "me.key", "-o", "all.png")
    assert status == 0 and "2 regions of tracks 0, 1 restored in 1 frame" in out and "0600" in err
    status, raw, _ = run("public.png", "public.png.vseal", "--identity", "me.key", "-o", "one.png", "--track", "1", "--json", "--quiet")
    document = json.loads(raw)
    assert status == 0 and document["command"] == "unseal"
    assert document["result"] == {"out": "one.png", "frames": 1, "restored": 1, "tracks": [1], "still_black": [0]}
    assert any("track 0" in sentence for sentence in document["warnings"])
    assert (tmp_path / "one.png").read_bytes() != (tmp_path / "all.png").read_bytes()


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("public.png", "--identity", "other.key", "-o", "o.png"), 3, "seal.refused"),
        (("public.png", "me.key", "--identity", "me.key", "-o", "o.png"), 3, "seal.refused"),
        (("public.png", "--identity", "me.key", "-o", "o.png", "--track", "9"), 2, "seal.no-track"),
        (("public.png", "--identity", "me.key", "-o", "o.jpg"), 2, "o.jpg: JPEG loses detail [media.not-lossless"),
        (("public.png", "--identity", "me.key", "-o", "me.key", "--force"), 2, "files.same"),
        (("public.png", "--identity", "me.key", "-o", "public.png", "--force"), 2, "files.same"),
        (("public.png", "--identity", "me.key", "-o", "other.key"), 2, "files.exists"),
        (("nowhere.png", "--identity", "me.key", "-o", "o.png"), 5, "media.missing"),
        (("me.key", "--identity", "me.key", "-o", "o.png"), 5, "media.missing"),
        (("public.png", "--identity", "nokey", "-o", "o.png"), 2, "crypto.no-key-file"),
    ],
)
def test_what_goes_wrong_is_said_in_two_lines_with_the_status_of_the_contract(run, tmp_path, words, status, code):
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    got, out, err = run(*words)
    assert (got, out) == (status, "")
    assert code in err and len(err.splitlines()) == 2 and "Traceback" not in err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
