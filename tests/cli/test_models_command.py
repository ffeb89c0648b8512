"""`velatura models verify`: a wrong file is a verification that failed."""

from __future__ import annotations

import json

import pytest

from velatura.cli.main import main
from velatura.models.store import ModelStore


def test_verify_ends_with_3_where_a_file_is_another_and_names_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VELATURA_HOME", str(tmp_path))
    store = ModelStore()
    store.folder.mkdir()
    store.path("yunet-n").write_bytes(b"another")
    with pytest.raises(SystemExit) as ended:
        main(["models", "verify", "--json"])
    rows = json.loads(capsys.readouterr().out)["result"]["models"]
    assert ended.value.code == 3
    assert [(row["name"], row["right"]) for row in rows] == [("yunet-n", False)] and str(store.path("yunet-n")) in rows[0]["why"]
